package door_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

// A lockfile that the configuration names is looked up: the log, the metrics, the status and
// the webhook tell, a reload changes what is watched, and what cannot be read keeps nobody
// out.
func TestLockfileIsWatched(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lock := write("package-lock.json", `{"lockfileVersion": 3, "packages": {"": {}, "node_modules/qs": {"version": "6.7.0"}, "node_modules/b": {"version": "1.0.0"}}}`)
	records := write("all.jsonl", `{"id":"T-1","modified":"2026-01-02T00:00:00Z","database_specific":{"severity":"HIGH"},"affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"6.7.3"}]}]}]}`)
	got := make(chan map[string]any, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			t.Errorf("the webhook got %q", text)
		}
		got <- m
	}))
	defer hook.Close()
	h := build(t, http.HandlerFunc(hello), func(c *config.Config) {
		c.Dependencies = config.Dependencies{Lockfile: lock, Advisories: records, Every: config.Duration(time.Hour), Webhook: hook.URL}
	})
	h.told.await(t, "1 new and 0 gone")
	select {
	case m := <-got:
		if len(m["new"].([]any)) != 1 {
			t.Errorf("the webhook got %v, want one that is new", m)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the webhook got nothing")
	}
	metrics := func() string {
		_, text := h.admin("/metrics")
		return text
	}
	for _, want := range []string{`panoply_dependencies_vulnerable{severity="high"} 1`, `panoply_dependencies_vulnerable{severity="critical"} 0`, "panoply_dependencies_packages 2",
		"panoply_dependencies_lookup_successful 1", "panoply_advisories_newest_timestamp_seconds 1.767312e+09"} {
		if text := metrics(); !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if hints := strings.Join(h.Status().Hints, "\n"); !strings.Contains(hints, "1 of 2 packages of "+lock+" have known holes (1 high)") {
		t.Errorf("hints = %q, want what is vulnerable", hints)
	}
	// Broken, it is told, and the door goes on.
	next := *h.cfg
	next.Dependencies.Lockfile = write("yarn.lock", "\x00 no lockfile \x1b[2J")
	if err := h.Reload(&next); err != nil {
		t.Fatal(err)
	}
	h.told.await(t, "cannot be looked up")
	if text := metrics(); !strings.Contains(text, "panoply_dependencies_lookup_successful 0") {
		t.Error("metrics do not tell that the look-up failed")
	}
	if strings.Contains(h.told.String(), "\x1b") {
		t.Error("what the lockfile holds reaches the terminal")
	}
	if r, _ := h.get("/"); r.StatusCode != http.StatusOK {
		t.Errorf("status %d while the lockfile is broken", r.StatusCode)
	}
	// Without one there is nothing to tell.
	next.Dependencies = config.Dependencies{}
	if err := h.Reload(&next); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); strings.Contains(metrics(), "panoply_dependencies_lookup"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("metrics still tell of a lockfile that nobody watches")
		}
	}
}
