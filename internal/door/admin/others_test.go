package admin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/panoplysec/panoply/internal/door/admin"
)

func TestOthers(t *testing.T) {
	var others admin.Others
	h := admin.Handler(func() admin.Readiness { return admin.Readiness{Problems: []string{"UNPROTECTED: 10.0.0.1"}} }, prometheus.NewRegistry(), func() admin.Others { return others })
	ask := func(host, remote, method, path string) (int, string) {
		r := httptest.NewRequest(method, path, nil)
		r.Host, r.RemoteAddr = host, remote
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const far, near = "10.1.2.3:5000", "127.0.0.1:5000"
	for _, tt := range []struct {
		others admin.Others
		host   string
		want   int
	}{
		{admin.Others{}, "127.0.0.1:9180", 200}, {admin.Others{}, "10.0.0.9:9180", 421}, {admin.Others{Hosts: []string{"door-a"}}, "door-a:9180", 421},
		{admin.Others{Allowed: true}, "10.0.0.9:9180", 200}, {admin.Others{Allowed: true}, "[2001:db8::1]:9180", 200}, {admin.Others{Allowed: true}, "10.0.0.9", 200},
		{admin.Others{Allowed: true}, "door-a:9180", 421}, {admin.Others{Allowed: true, Hosts: []string{"door-a"}}, "Door-A:9180", 200},
		{admin.Others{Allowed: true, Hosts: []string{"door-a"}}, "evil.example:9180", 421}, {admin.Others{Allowed: true}, "", 421},
	} {
		others = tt.others
		if got, _ := ask(tt.host, far, http.MethodGet, "/metrics"); got != tt.want {
			t.Errorf("%+v: Host %q = %d, want %d", tt.others, tt.host, got, tt.want)
		}
	}
	others = admin.Others{Allowed: true}
	if got, _ := ask("10.0.0.9", far, http.MethodPost, "/metrics"); got != http.StatusMethodNotAllowed {
		t.Errorf("POST = %d, want 405", got)
	}
	// What is wrong is named on this machine alone.
	if code, body := ask("10.0.0.9", far, http.MethodGet, "/-/ready"); code != 503 || strings.Contains(body, "UNPROTECTED") || !strings.Contains(body, "1 problems") {
		t.Errorf("ready from afar = %d %s", code, body)
	}
	if code, body := ask("localhost", near, http.MethodGet, "/-/ready"); code != 503 || !strings.Contains(body, "UNPROTECTED") {
		t.Errorf("ready from here = %d %s", code, body)
	}
}
