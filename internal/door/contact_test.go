package door_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

func TestSecurityTxt(t *testing.T) {
	const path = "/.well-known/security.txt"
	app := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("the app's own")) })
	h := build(t, app, func(c *config.Config) {
		c.Contact = []string{"mailto:security@shop.example", "https://shop.example/security"}
	})
	res, body := h.get(path)
	guarded(t, path, res, body)
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" || len(lines) != 4 ||
		lines[0] != "Contact: mailto:security@shop.example" || lines[1] != "Contact: https://shop.example/security" || lines[3] != "Canonical: "+h.url(path) {
		t.Fatalf("GET = %d %s\n%s", res.StatusCode, res.Header.Get("Content-Type"), body)
	}
	expires, err := time.Parse(time.RFC3339, strings.TrimPrefix(lines[2], "Expires: "))
	if left := time.Until(expires); err != nil || left < 28*24*time.Hour || left > 31*24*time.Hour {
		t.Errorf("%s: %v left, %v; want about 30 days", lines[2], left, err)
	}
	if res, _ := h.post(path, nil); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST = %d, Allow %q, want 405 and GET, HEAD", res.StatusCode, res.Header.Get("Allow"))
	}
	req, err := http.NewRequest(http.MethodHead, h.url(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, text := h.do(req); res.StatusCode != 200 || res.ContentLength != int64(len(body)) || text != "" {
		t.Errorf("HEAD = %d, %d bytes announced, %q; want %d and none", res.StatusCode, res.ContentLength, text, len(body))
	}
	if err := h.Reload(h.changed(func(c *config.Config) { c.Contact = nil })); err != nil {
		t.Fatal(err)
	}
	if _, body := h.get(path); body != "the app's own" {
		t.Errorf("without contact: %q, want the app's own", body)
	}
}
