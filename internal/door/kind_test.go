package door_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

// api answers JSON, but for a page at /docs.
func api(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/docs" {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>docs</title>")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"a":1}`)
}

// refusal is the type of the page that the door refuses a request with.
func (h *house) refusal(change ...func(*http.Request)) string {
	h.t.Helper()
	res, _ := h.get("/", append(change, func(r *http.Request) { r.Host = "evil.example" })...)
	if res.StatusCode != http.StatusMisdirectedRequest && res.StatusCode != http.StatusBadRequest {
		h.t.Fatalf("a strange host: %d, want a refusal", res.StatusCode)
	}
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return kind
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestKindIsFound(t *testing.T) {
	h := build(t, http.HandlerFunc(api), nil)
	if got := h.refusal(); got != "text/plain" {
		t.Errorf("before anything is known a refusal is %s, want text", got)
	}
	for range 40 {
		h.get("/items")
	}
	h.told.await(t, "kind: the application looks like api (40 answers of JSON and no page)")
	h.told.await(t, "as before: kind: pages")
	for accept, want := range map[string]string{"": "application/problem+json", "*/*": "application/problem+json", "text/html,*/*;q=0.8": "text/html"} {
		if got := h.refusal(header("Accept", accept)); got != want {
			t.Errorf("a refusal with Accept %q is %s, want %s", accept, got, want)
		}
	}
	if k := h.Status().Kind; k.Kind != "api" || k.By != "found" || k.Why == "" {
		t.Errorf("Status().Kind = %+v", k)
	}
	// It is kept, and read back.
	kind, file := door.FoundKind(h.cfg.State)
	if kind != "api" || file != filepath.Join(h.cfg.State, "kind.json") {
		t.Errorf("FoundKind = %s, %s", kind, file)
	}
	if text, err := os.ReadFile(file); err != nil || !json.Valid(text) {
		t.Errorf("kind.json = %s, %v", text, err)
	}
	// What is said wins, at once.
	if err := h.Reload(h.changed(func(c *config.Config) { c.Kind = "pages" })); err != nil {
		t.Fatal(err)
	}
	if got := h.refusal(); got != "text/plain" || h.Status().Kind.By != "configuration" {
		t.Errorf("with kind: pages a refusal is %s, %+v; want text", got, h.Status().Kind)
	}
	if err := h.Reload(h.changed(func(c *config.Config) { c.Kind = "auto" })); err != nil {
		t.Fatal(err)
	}
	h.get("/docs")
	h.told.await(t, "is no API any more")
	if got := h.refusal(); got != "text/plain" {
		t.Errorf("after a page a refusal is %s, want text", got)
	}
}

func TestKindIsSaid(t *testing.T) {
	h := build(t, http.HandlerFunc(api), func(c *config.Config) { c.Kind = "spa" })
	for name, want := range map[string]string{"empty": "application/problem+json", "document": "text/plain", "": "text/plain"} {
		if got := h.refusal(header("Sec-Fetch-Dest", name)); got != want {
			t.Errorf("a refusal of Sec-Fetch-Dest %q is %s, want %s", name, got, want)
		}
	}
	if got := h.refusal(header("X-Requested-With", "XMLHttpRequest")); got != "application/problem+json" {
		t.Errorf("a refusal of an XMLHttpRequest is %s, want problem+json", got)
	}
	h.told.await(t, "kind: spa: ")
}
