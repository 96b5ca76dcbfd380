package door_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

func TestLogLine(t *testing.T) {
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(20 * time.Millisecond)
		hello(w, r)
	}), nil)
	req, _ := http.NewRequest(http.MethodPost, h.url("/a;jsessionid=s3cret/b?token=s3cret&x"), strings.NewReader("password=s3cret"))
	req.Header.Set("User-Agent", "a \"browser\"")
	req.Header.Set("Cookie", "sid=s3cret")
	req.Header.Set("Authorization", "Bearer s3cret")
	req.Header.Set("X-Api-Key", "s3cret")
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	h.do(req)
	line := h.lines(1)[0]
	for name, want := range map[string]any{
		"level": "INFO", "msg": "request", "trace_id": "0af7651916cd43dd8448eb211c80319c", "site": "localhost", "client_ip": "127.0.0.1", "peer_ip": "127.0.0.1",
		"method": "POST", "host": "localhost:" + h.port(), "uri": "/a;jsessionid/b?token&x", "status": 200.0, "bytes_in": 15.0, "bytes_out": 5.0,
		"upstream_addr": strings.TrimPrefix(h.app.URL, "http://"), "action": "mended", "practice": "fingerprint", "user_agent": `a "browser"`,
	} {
		if line[name] != want {
			t.Errorf("%s = %v, want %v", name, line[name], want)
		}
	}
	if took, there := line["duration_ms"].(float64), line["upstream_ms"].(float64); there < 20 || took < there {
		t.Errorf("duration_ms = %v, upstream_ms = %v, want 20 or more, and the whole longer", took, there)
	}
	if at, err := time.Parse(time.RFC3339, line["ts"].(string)); err != nil || time.Since(at) > time.Minute {
		t.Errorf("ts = %v, %v", line["ts"], err)
	}
	if tls, _ := line["tls"].(map[string]any); tls["version"] != "1.3" || !strings.HasPrefix(fmt.Sprint(tls["cipher"]), "TLS_") {
		t.Errorf("tls = %v", line["tls"])
	}
	if strings.Contains(h.access.String(), "s3cret") {
		t.Errorf("the log holds a secret: %s", h.access)
	}
}

// String is for failures.
func (h *house) String() string { return h.access.String() }

func TestLogFileAndReload(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "access.log"), filepath.Join(dir, "other.log")
	h := build(t, http.HandlerFunc(hello), func(c *config.Config) { c.Log.File = first })
	lines := func(path string, n int) {
		t.Helper()
		var text []byte
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if text, _ = os.ReadFile(path); strings.Count(string(text), "\n") == n {
				return
			}
		}
		t.Fatalf("%s = %q, want %d lines", path, text, n)
	}
	h.get("/1")
	lines(first, 1)
	h.told.await(t, "access log in "+first)
	if err := os.Rename(first, first+".1"); err != nil {
		t.Skip("an open file cannot be renamed here:", err)
	}
	if err := h.ReopenLog(); err != nil {
		t.Fatal(err)
	}
	h.get("/2")
	lines(first, 1)
	lines(first+".1", 1)
	h.cfg = h.changed(func(c *config.Config) { c.Log.File = second })
	if err := h.ReloadNow(); err != nil {
		t.Fatal(err)
	}
	h.get("/3")
	lines(second, 1)
	h.cfg = h.changed(func(c *config.Config) { c.Log.File = filepath.Join(dir, "none", "x.log") })
	if err := h.ReloadNow(); err == nil {
		t.Error("a reload took a file that cannot be opened")
	}
	h.get("/4")
	lines(second, 2)
	h.cfg = h.changed(func(c *config.Config) { c.Log.File = "" })
	if err := h.ReloadNow(); err != nil {
		t.Fatal(err)
	}
	h.get("/5")
	h.lines(1)
}

// stuck is a pipe that nobody reads.
type stuck struct{ open chan struct{} }

func (s stuck) Write(b []byte) (int, error) {
	<-s.open
	return len(b), nil
}

// TestStuckStdout: whoever does not read the log stops no request and no stop.
func TestStuckStdout(t *testing.T) {
	out := stuck{make(chan struct{})}
	defer close(out.open)
	h := build(t, http.HandlerFunc(hello), nil, func(o *door.Options) { o.Stdout = out })
	for range 3 {
		if res, _ := h.get("/?" + strings.Repeat("q&", 900)); res.StatusCode != http.StatusOK {
			t.Errorf("= %d", res.StatusCode)
		}
	}
	h.get("/")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		t.Errorf("Close = %v", err)
	}
	h.told.await(t, "the last lines could not be written")
}

func (h *house) admin(path string) (int, string) {
	h.t.Helper()
	res, err := http.Get("http://" + h.AdminAddr().String() + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// TestMetricsOfHostileClients: methods, hosts, paths and codes of anybody's choice add no
// series beyond the fixed ones.
func TestMetricsOfHostileClients(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), func(c *config.Config) { c.Sites = []string{"localhost", "*.shop.example"} })
	n := 0
	ask := func(method, host, path string) {
		n++
		req := &http.Request{Method: method, URL: &url.URL{Scheme: "https", Host: h.Addr().String(), Path: path}, Host: host, Header: http.Header{"User-Agent": {path}}}
		h.do(req)
	}
	h.client.Transport.(*http.Transport).TLSClientConfig.ServerName = "localhost"
	ask("GET", "localhost", "/")
	ask("GET", "a.shop.example", "/")
	ask("GET", "evil.example", "/")
	ask("BREW", "localhost", "/")
	h.lines(n)
	_, before := h.admin("/metrics")
	for _, want := range []string{
		`panoply_http_requests_total{code="200",method="GET",site="localhost"} 1`,
		`panoply_http_requests_total{code="200",method="GET",site="*.shop.example"} 1`,
		`panoply_http_requests_total{code="421",method="GET",site="other"} 1`,
		`method="other",site="localhost"} 1`,
		`panoply_blocked_total{mode="block",practice=`,
		"panoply_http_request_duration_seconds_count 4",
		"panoply_config_last_reload_successful 1", "panoply_store_up{store=\"limits\"} 1", "panoply_build_info{",
		"panoply_cert_expiry_timestamp_seconds{name=\"local-ca\"}", "panoply_access_log_dropped_total 0",
		"go_goroutines", "panoply_http_requests_in_flight 0",
	} {
		if !strings.Contains(before, want) {
			t.Errorf("no %s in %s", want, before)
		}
	}
	for i := range 50 {
		ask(fmt.Sprintf("BREW%d", i), "localhost", fmt.Sprintf("/%d", i))
		ask("GET", fmt.Sprintf("h%d.shop.example", i), fmt.Sprintf("/%d", i))
		ask("GET", fmt.Sprintf("h%d.evil.example", i), fmt.Sprintf("/%d", i))
	}
	h.lines(n)
	_, after := h.admin("/metrics")
	count := func(text string) (n int) {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "panoply_") {
				n++
			}
		}
		return n
	}
	if a, b := count(before), count(after); a != b {
		t.Errorf("%d series, then %d, want no more", a, b)
	}
	for _, word := range []string{"BREW", "evil", "h1.shop"} {
		if strings.Contains(after, word) {
			t.Errorf("the metrics hold %s", word)
		}
	}
}

func TestMetricsOfLoginsAndReloads(t *testing.T) {
	h := build(t, &shop{}, named("POST /login"))
	for range 12 {
		h.logIn("alice", "wrong")
	}
	h.lines(12)
	_, text := h.admin("/metrics")
	for _, want := range []string{
		`panoply_login_attempts_total{result="failure",site="localhost"} 10`, `panoply_login_attempts_total{result="blocked",site="localhost"} 2`,
		`panoply_blocked_total{mode="block",practice="brute-force"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	h.cfg = h.changed(func(c *config.Config) { c.Upstream = "" })
	if err := h.ReloadNow(); err == nil {
		t.Fatal("a reload without an upstream")
	}
	if _, text = h.admin("/metrics"); !strings.Contains(text, "panoply_config_last_reload_successful 0") {
		t.Error("a reload that failed is not seen in the metrics")
	}
	status, text := h.admin("/-/ready")
	var said struct {
		Ready        bool
		Degraded     []string
		Certificates []struct {
			Name string
			Days int
		}
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatal(err)
	}
	if status != 200 || !said.Ready || len(said.Degraded) != 1 || !strings.Contains(said.Degraded[0], "reload failed") ||
		len(said.Certificates) != 1 || said.Certificates[0].Name != "local-ca" || said.Certificates[0].Days < 1 {
		t.Errorf("ready = %d %s, want it ready, degraded by the reload, with the days of the certificate", status, text)
	}
}
