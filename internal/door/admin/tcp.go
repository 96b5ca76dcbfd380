package admin

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Readiness is what /-/ready answers.
type Readiness struct {
	Ready bool `json:"ready"`
	// Problems keep the door from being ready.
	Problems []string `json:"problems"`
	// Degraded is what is worse than it should be, and does not.
	Degraded     []string      `json:"degraded"`
	Certificates []Certificate `json:"certificates"`
}

// Certificate is one that is served.
type Certificate struct {
	Name     string    `json:"name"`
	NotAfter time.Time `json:"not_after"`
	Days     int       `json:"days"` // whole ones that are left; negative once it is over
}

// Handler answers /-/healthy (200 while the door runs), /-/ready (503 with the problems
// while there are any) and /metrics. Anything else is 404, any method but GET and HEAD
// 405, any Host but a loopback name, or what others admits, 421. Others is asked for each
// request.
func Handler(ready func() Readiness, metrics prometheus.Gatherer, others func() Others) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"healthy": true})
	})
	mux.HandleFunc("/-/ready", func(w http.ResponseWriter, r *http.Request) {
		found := ready()
		found.Problems, found.Degraded = shown(r, found.Problems), shown(r, found.Degraded)
		status := http.StatusOK
		if !found.Ready {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, found)
	})
	mux.Handle("/metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{DisableCompression: true}))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		switch {
		case !others().admits(r.Host):
			refuse(w, http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// Loopback tells whether a Host or listening address names loopback: localhost or a
// loopback IP address, with or without a port.
func Loopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	} else if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

func refuse(w http.ResponseWriter, status int) {
	answer(w, status, map[string]any{"error": http.StatusText(status)})
}
