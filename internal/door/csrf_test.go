package door_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/need"
)

// forge changes a request into one that another site makes a browser send.
func forge(origin, site string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Cookie", "sid=1")
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
	}
}

// counting is an application that counts what it gets, and grants CORS to one partner.
type counting struct{ posts atomic.Int32 }

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") == "https://partner.example" {
		w.Header().Set("Access-Control-Allow-Origin", "https://partner.example")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	if r.Method == http.MethodPost {
		c.posts.Add(1)
	}
	io.WriteString(w, "done")
}

func TestForgedForms(t *testing.T) {
	app := &counting{}
	listen := fmt.Sprintf("localhost:%d", need.Port(t)) // what is approved is approved on one port
	h := build(t, app, func(c *config.Config) { c.Listen = listen })
	want := func(what string, status int, change func(*http.Request)) {
		t.Helper()
		before := app.posts.Load()
		res, body := h.post("/pay", url.Values{"a": {"1"}}, change)
		if res.StatusCode != status || (app.posts.Load() > before) != (status == 200) {
			t.Errorf("%s: status %d, the application got %d; want %d", what, res.StatusCode, app.posts.Load()-before, status)
		}
		if status == 403 {
			guarded(t, what, res, body)
		}
	}
	evil, sibling, partner := forge("https://evil.example", "cross-site"), forge("https://sub.localhost:1", "same-site"), forge("https://partner.example", "cross-site")
	want("form of another site", 403, evil)
	want("sibling, observed", 200, sibling)
	want("partner that has not asked", 403, partner)
	if res, _ := h.get("/api", partner, func(r *http.Request) {
		r.Method = http.MethodOptions
		r.Header.Set("Access-Control-Request-Method", "PUT")
	}); res.StatusCode != 200 {
		t.Fatal("the partner's preflight failed")
	}
	want("partner that may send", 200, partner)

	if err := h.EnforceCSRF(true); err != nil {
		t.Fatal(err)
	}
	want("sibling, enforced", 403, sibling)
	want("partner, enforced", 200, partner)
	want("the site itself", 200, forge("https://localhost:"+h.port(), "same-origin"))
	want("an older browser", 200, forge("https://localhost:"+h.port(), ""))
	if res, _ := h.post("/login", credentials("ann", "x"), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); res.StatusCode != 403 {
		t.Errorf("forged login without a cookie: %d, want 403", res.StatusCode)
	}

	// A reload keeps all of it, and a new csrf section begins the list anew.
	if err := h.Reload(h.changed(func(c *config.Config) { c.Log.Access = "off" })); err != nil {
		t.Fatal(err)
	}
	want("sibling after a reload", 403, sibling)
	want("partner after a reload", 200, partner)
	if r := h.CSRF(); !r.All || len(r.Entries) == 0 || r.Sources.FetchMetadata == 0 || r.Sources.Origin == 0 {
		t.Errorf("CSRF() = %+v, want all enforced, entries and counts", r)
	}
	cfg := h.changed(func(c *config.Config) { c.CSRF.TrustedOrigins = []string{"https://evil.example"} })
	if err := h.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if r := h.CSRF(); len(r.Entries) != 0 {
		t.Errorf("entries of other rules: %+v, want none", r.Entries)
	}
	want("an origin that is trusted now", 200, evil)

	// So does a restart.
	if err := h.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := buildTo(t, cfg.Upstream, func(c *config.Config) { c.State, c.Listen = cfg.State, listen })
	h.Door, h.client, h.cfg = again.Door, again.client, again.cfg
	want("sibling after a restart", 403, sibling)
	want("partner after a restart", 200, partner)
	want("an origin that is trusted no more", 403, evil)
	if err := door.Client(door.Socket(cfg.State)).EnforceCSRF(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	want("sibling, observed again", 200, sibling)
	if err := h.Reload(h.changed(func(c *config.Config) { c.CSRF.Enforce = "all" })); err != nil {
		t.Fatal(err)
	}
	if err := h.EnforceCSRF(false); err == nil || !strings.Contains(err.Error(), "csrf.enforce") {
		t.Errorf("EnforceCSRF(false) under csrf.enforce: all = %v, want to hear where that is said", err)
	}
	if _, err := door.Client(door.Socket(cfg.State)).CSRF(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFormTokens(t *testing.T) {
	var got url.Values
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_ = r.ParseForm() // what cannot be read is seen below
			got = r.PostForm
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><title>x</title><form method="post"><input name="a"></form>`)
	}), func(c *config.Config) { c.CSRF.TokenPaths = []string{"/account/"} })
	res, page := h.get("/account/edit")
	m := regexp.MustCompile(`<form method="post"><input type="hidden" name="(\w+)" value="([\w-]+)">`).FindStringSubmatch(page)
	if m == nil || len(res.Cookies()) != 1 {
		t.Fatalf("page = %s, cookies %v; want a form with a token, and a cookie", page, res.Cookies())
	}
	guarded(t, "the page", res, page)
	sent := func(token string) int {
		got = nil
		res, _ := h.post("/account/edit", url.Values{m[1]: {token}, "a": {"1"}}, func(r *http.Request) { r.AddCookie(res.Cookies()[0]) })
		return res.StatusCode
	}
	if status := sent(m[2]); status != 200 || got.Get("a") != "1" {
		t.Errorf("form with its token: %d, the application got %v; want 200 and the form", status, got)
	}
	if status := sent("x"); status != 403 || got != nil {
		t.Errorf("form without one: %d, the application got %v; want 403 and nothing", status, got)
	}
	found := false
	for _, e := range h.CSRF().Entries {
		found = found || e.Rule == csrf.RuleTokenInvalid
	}
	if found {
		t.Error("a token's refusal is listed among what other sites forged")
	}
}
