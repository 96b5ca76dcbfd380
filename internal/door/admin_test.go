package door_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
)

func TestAdminOverTCP(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	h.get("/")
	h.lines(1)
	tests := []struct {
		method, path, host string
		status             int
		holds              string
	}{
		{"GET", "/-/healthy", "", 200, `"healthy":true`},
		{"GET", "/-/ready", "", 200, `"ready":true`},
		{"GET", "/metrics", "", 200, `panoply_http_requests_total{code="200",method="GET",site="localhost"} 1`},
		{"GET", "/metrics", "", 200, `panoply_guard_events_total{action="mended"`},
		{"GET", "/metrics", "localhost:9180", 200, "panoply_ready 1"},
		{"GET", "/metrics", "[::1]", 200, "panoply_ready"},
		{"GET", "/metrics", "evil.example", 421, ""},
		{"GET", "/metrics", "127.0.0.1.evil.example", 421, ""},
		{"GET", "/metrics", "localhost.evil.example:9180", 421, ""},
		{"POST", "/-/ready", "", 405, ""},
		{"DELETE", "/metrics", "", 405, ""},
		{"GET", "/switch", "", 404, ""},
		{"GET", "/reload", "", 404, ""},
	}
	for _, tt := range tests {
		req, err := http.NewRequest(tt.method, "http://"+h.AdminAddr().String()+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = tt.host
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != tt.status || !strings.Contains(string(body), tt.holds) {
			t.Errorf("%s %s (Host %q) = %d %.300q, want %d with %q", tt.method, tt.path, tt.host, res.StatusCode, body, tt.status, tt.holds)
		}
	}
}

func TestSocket(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	ctx, socket := t.Context(), door.Socket(h.cfg.State)
	h.get("/")
	h.get("/", func(r *http.Request) { r.Host = "evil.example" })
	h.lines(2)
	s, err := door.Status(ctx, socket)
	if err != nil {
		t.Fatal(err)
	}
	if s.Requests != 2 || len(s.Problems) != 0 || s.Upstream != h.cfg.Upstream {
		t.Errorf("Status = %+v", s)
	}
	found := map[string]admin.GuardStatus{}
	for _, g := range s.Guards {
		found[g.Name] = g
	}
	if g := found["conceal"]; g.Seen != 2 || g.Mended == 0 || g.Mode != "enforce" || !g.Ready {
		t.Errorf("conceal = %+v, want a mended banner of 2 seen", g)
	}
	if g := found["sanity"]; g.Denied != 1 {
		t.Errorf("sanity = %+v, want one denial", g)
	}
	if err := door.Switch(ctx, socket, "headers", "off"); err != nil {
		t.Fatal(err)
	}
	s, err = door.Status(ctx, socket)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range s.Guards {
		if g.Name == "headers" && (g.Mode != "off" || g.Configured != "enforce") {
			t.Errorf("headers = %+v, want off over enforce", g)
		}
	}
	if err := door.Switch(ctx, socket, "hedaers", "off"); err == nil || !strings.Contains(err.Error(), "conceal, cookies, csrf, headers") {
		t.Errorf("Switch of no guard = %v, want the names", err)
	}
	if err := door.Reload(ctx, socket); err != nil {
		t.Errorf("Reload = %v", err)
	}
	h.cfg = h.changed(func(c *config.Config) { c.Upstream = "" })
	if err := door.Reload(ctx, socket); err == nil {
		t.Error("Reload took a configuration without an upstream")
	}
}

func TestSocketOfNobody(t *testing.T) {
	if _, err := door.Status(context.Background(), door.Socket(stateDir(t))); !errors.Is(err, admin.ErrNoDoor) {
		t.Errorf("Status = %v, want ErrNoDoor", err)
	}
}

func TestSecondDoorOnOneState(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	d, err := door.New(door.Options{Config: h.cfg, Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "another door") {
		t.Errorf("Start = %v, want to hear of the other door", err)
	}
	if _, err := door.Status(t.Context(), door.Socket(h.cfg.State)); err != nil {
		t.Errorf("the first door's socket is gone: %v", err)
	}
}

func TestCSPReports(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	res, _ := h.get("/page")
	policy := res.Header.Get("Content-Security-Policy-Report-Only")
	_, rest, ok := strings.Cut(policy, "report-uri ")
	if !ok {
		t.Fatalf("report-only policy = %q, want an address", policy)
	}
	address, _, _ := strings.Cut(rest, ";")
	post := func(path, kind, body string) int {
		req, err := http.NewRequest(http.MethodPost, h.url(path), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		res, text := h.do(req)
		guarded(t, "report", res, text)
		return res.StatusCode
	}
	const report = `{"csp-report":{"document-uri":"https://localhost/page","effective-directive":"img-src","blocked-uri":"https://x.example/?secret=1"}}`
	tests := []struct {
		name, path, kind, body string
		status                 int
	}{
		{"genuine", address, "application/csp-report", report, 204},
		{"array", address, "application/reports+json", `[{"type":"csp-violation","body":{"effectiveDirective":"script-src-elem"}}]`, 204},
		{"invented directive", address, "application/csp-report", `{"csp-report":{"effective-directive":"x{y=\"1\"}"}}`, 204},
		{"not JSON", address, "application/csp-report", "{", 204},
		{"forged tag", address[:len(address)-2] + "AA", "application/csp-report", report, 404},
		{"wrong type", address, "text/plain", report, 415},
		{"too large", address, "application/csp-report", strings.Repeat(" ", 20<<10), 413},
	}
	for _, tt := range tests {
		if got := post(tt.path, tt.kind, tt.body); got != tt.status {
			t.Errorf("%s = %d, want %d", tt.name, got, tt.status)
		}
	}
	if res, _ := h.get(address); res.StatusCode != 405 {
		t.Errorf("GET = %d, want 405", res.StatusCode)
	}
	s := h.Status()
	if len(s.Reports) != 3 || s.Reports["img-src"] != 1 || s.Reports["script-src-elem"] != 1 || s.Reports["other"] != 1 {
		t.Errorf("counts = %v, want img-src, script-src-elem and other once each", s.Reports)
	}
	if strings.Contains(h.access.String(), "secret") {
		t.Error("the access log holds what the report said")
	}
}
