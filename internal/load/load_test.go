package load_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/load"
)

func serve(t *testing.T, app http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(app)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{}
	s.StartTLS()
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "https://")
}

func TestNothingIsWrongWithTheApp(t *testing.T) {
	l := load.Start(load.Options{Address: serve(t, load.App()), Keep: 1, New: 1, HTTP2: 1, Sockets: 2})
	for end := time.Now().Add(time.Minute); l.Requests() < 50 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := l.Stop(); got.Failed > 0 || got.Requests < 50 || got.Echoes < 2 {
		t.Errorf("Stop() = %+v, want 50 requests, an echo of each, and no error", got)
	}
}

func TestErrorsAreSeen(t *testing.T) {
	refuses := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for name, o := range map[string]load.Options{"kept": {Keep: 1}, "new": {New: 1}, "HTTP/2": {HTTP2: 1}, "WebSocket": {Sockets: 1}} {
		o.Address = serve(t, refuses)
		l := load.Start(o)
		for end := time.Now().Add(time.Minute); l.Failed() == 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if got := l.Stop(); got.Failed == 0 || got.Err == nil || got.Requests > 0 {
			t.Errorf("%s: Stop() = %+v, want errors", name, got)
		}
	}
}
