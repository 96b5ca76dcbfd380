package admin

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers /-/healthy (200 while the door runs), /-/ready (503 with the problems
// while there are any) and /metrics. Anything else is 404, any method but GET and HEAD
// 405, any Host but a loopback name, or what others admits, 421. Others is asked for each
// request.
func Handler(problems func() []string, metrics prometheus.Gatherer, others func() Others) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"healthy": true})
	})
	mux.HandleFunc("/-/ready", func(w http.ResponseWriter, r *http.Request) {
		found := shown(r, problems())
		status := http.StatusOK
		if len(found) > 0 {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, map[string]any{"ready": len(found) == 0, "problems": found})
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
