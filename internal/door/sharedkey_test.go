package door_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
)

const signedSession = "s%3ANhmga2-5XHxNXSOBPfCRp4mTNYBEErZe.nx0i9zeXnYJGQSsxKUL3GQonQ4N0szIj4PMob0l1ejw"

// remembering is an app with a session and a form.
func remembering(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if c, err := r.Cookie("connect.sid"); err == nil {
		fmt.Fprintf(w, "again %s of %d", c.Value, len(r.Cookies()))
	} else if r.Method == http.MethodGet {
		w.Header().Set("Set-Cookie", "connect.sid="+signedSession+"; Path=/; HttpOnly")
	}
	io.WriteString(w, `<!doctype html><title>x</title><form method="post"><input name="a"></form>`)
}

// keyFile writes a key that doors share.
func keyFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "install.key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const aKey = "0123456789abcdef0123456789abcdef0123\n"

// Two doors with one key are one to their clients: each knows the names, the sealed values
// and the tokens of the other, after a restart and without having seen anything itself.
func TestDoorsThatShareAKey(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(remembering))
	defer app.Close()
	address, key := strings.TrimPrefix(app.URL, "http://"), keyFile(t, aKey)
	shares := func(c *config.Config) {
		c.InstallKey, c.PublicPort = key, 443
		c.Sessions.Mode = guard.Enforce
		c.CSRF.TokenPaths = []string{"/account/"}
		// Each listens elsewhere; what counts is the port that clients see.
		c.Listen = "127.0.0.1:0"
	}
	a := buildTo(t, address, shares)
	b := buildTo(t, address, func(c *config.Config) { shares(c); c.Listen = "localhost:0"; c.Sites = []string{"localhost"} })
	c := buildTo(t, address, func(c *config.Config) { shares(c); c.Sites = []string{"localhost"} })
	alone := buildTo(t, address, func(c *config.Config) { shares(c); c.InstallKey = ""; c.Sites = []string{"localhost"} })

	res, _ := b.get("/")
	if len(res.Cookies()) != 1 {
		t.Fatalf("cookies = %v, want one", res.Cookies())
	}
	session := res.Cookies()[0]
	if !strings.HasPrefix(session.Name, "__Host-") || strings.Contains(session.Value, "Nhmga2") {
		t.Errorf("cookie %s=%s, want a new name and a sealed value", session.Name, session.Value)
	}
	with := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: session.Name, Value: session.Value}) }
	for name, h := range map[string]*house{"the same door": b, "the other door": c} {
		if _, body := h.get("/", with); !strings.HasPrefix(body, "again "+signedSession+" of 1") {
			t.Errorf("%s: the application says %q, want its own cookie", name, body)
		}
	}
	if _, body := alone.get("/", with); strings.HasPrefix(body, "again") {
		t.Errorf("a door with a key of its own: the application says %q", body)
	}

	res, page := b.get("/account/", with)
	m := regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([\w-]+)">`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("page = %s, want a form with a token", page)
	}
	for token, want := range map[string]int{m[2]: http.StatusOK, "x": http.StatusForbidden} {
		res, _ := c.post("/account/", url.Values{m[1]: {token}, "a": {"1"}}, func(r *http.Request) {
			with(r)
			for _, one := range res.Cookies() {
				r.AddCookie(one)
			}
		})
		if res.StatusCode != want {
			t.Errorf("a form at the other door: %d, want %d", res.StatusCode, want)
		}
	}
	// Another host is another site, with names of its own.
	if res, _ := a.get("/"); len(res.Cookies()) != 1 || res.Cookies()[0].Name == session.Name {
		t.Errorf("cookies of another site = %v, want another name than %s", res.Cookies(), session.Name)
	}
	a.told.await(t, "by the key of "+key)

	// A reload keeps the key, whatever file it is in, and takes no other.
	same := *c.cfg
	same.InstallKey = keyFile(t, strings.TrimSpace(aKey))
	if err := c.Reload(&same); err != nil {
		t.Errorf("Reload with another file of the same key: %v", err)
	}
	for _, path := range []string{"", keyFile(t, strings.Repeat("b", 40)), "/gone"} {
		other := *c.cfg
		if other.InstallKey = path; c.Reload(&other) == nil {
			t.Errorf("Reload took install_key %q, want an error", path)
		}
	}
	if _, body := c.get("/", with); !strings.HasPrefix(body, "again "+signedSession) {
		t.Errorf("after a reload the application says %q", body)
	}
}

// A name that the application made up is announced: the other door has to be told.
func TestUnsharedNamesAreSaid(t *testing.T) {
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "madeup="+signedSession+"; Path=/; HttpOnly")
	}), func(c *config.Config) { c.InstallKey = keyFile(t, aKey) })
	h.get("/")
	h.get("/")
	h.told.await(t, "add cookies.session: [madeup]")
	if n := strings.Count(h.told.String(), "cookies.session: [madeup]"); n != 1 {
		t.Errorf("said %d times, want once", n)
	}
}

// Behind a port mapping the redirect leads to the port that clients see.
func TestPublicPort(t *testing.T) {
	for port, want := range map[int64]string{443: "https://localhost/x?y=1", 9443: "https://localhost:9443/x?y=1"} {
		h := build(t, http.HandlerFunc(hello), func(c *config.Config) { c.PublicPort = port })
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).
			Get("http://" + strings.Replace(h.RedirectAddr().String(), "127.0.0.1", "localhost", 1) + "/x?y=1")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("with public_port %d: Location = %q, want %q", port, got, want)
		}
		h.told.await(t, fmt.Sprintf("https://localhost:%d → ", port))
	}
}
