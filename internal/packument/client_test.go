package packument_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/internal/packument"
)

func newClient(t *testing.T, text string) (*packument.Client, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "npmrc")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return packument.New(packument.Options{File: name})
}

// TestTokensGoWhereTheyBelong asks three registries on two hosts.
func TestTokensGoWhereTheyBelong(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]string{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Host+r.URL.EscapedPath()] = r.Header.Get("Authorization")
		w.Write([]byte(`{}`))
	})
	a, b := httptest.NewServer(handler), httptest.NewServer(handler)
	t.Cleanup(a.Close)
	t.Cleanup(b.Close)
	host := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	t.Setenv("SHOP_TOKEN", "from-env")
	c, err := newClient(t, strings.Join([]string{
		"; a comment", "registry = " + a.URL + "/npm", "@inner:registry=" + a.URL + "/inner/", "@other:registry=" + b.URL,
		"//" + host(a) + "/npm/:_authToken=${SHOP_TOKEN}", "//" + host(a) + "/inner/:username=ann", "//" + host(a) + "/inner/:_password=c2VjcmV0",
		"always-auth=true",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"qs", "@inner/x", "@other/y", "@unknown/z"} {
		if _, err := c.Packument(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Keys(t.Context(), "qs"); err != nil {
		t.Error(err)
	}
	want := map[string]string{
		host(a) + "/npm/qs": "Bearer from-env", host(a) + "/inner/@inner%2Fx": "Basic YW5uOnNlY3JldA==", host(b) + "/@other%2Fy": "",
		host(a) + "/npm/@unknown%2Fz": "Bearer from-env", host(a) + "/npm/-/npm/v1/keys": "Bearer from-env",
	}
	for at, auth := range want {
		if got, ok := seen[at]; !ok || got != auth {
			t.Errorf("%s was asked with %q (%v), want %q; all: %v", at, got, ok, auth, seen)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("asked %v, want %v", seen, want)
	}
}

func TestTheDefaultIsNPM(t *testing.T) {
	c, err := packument.New(packument.Options{File: filepath.Join(t.TempDir(), "absent")})
	if err != nil || c.Registry("qs") != packument.Default {
		t.Errorf("registry = %v, %v, want npm's own", c, err)
	}
}

func TestWrongConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"registry=nowhere":              ":1: registry is no address",
		"\n@a:registry=ftp://host.test": ":2: @a:registry is no address",
		"cafile=/absent/ca.pem":         ":1: cafile /absent/ca.pem holds no certificate",
	} {
		if _, err := newClient(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New of %q = %v, want %q", text, err, want)
		}
	}
}

// TestATokenDoesNotLeave follows an answer to the same host with the token, and to
// another not at all.
func TestATokenDoesNotLeave(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }))
	t.Cleanup(s.Close)
	u, _ := url.Parse(s.URL)
	c, err := newClient(t, "registry="+s.URL+"\n//"+u.Host+"/:_authToken=secret\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Packument(t.Context(), "qs"); err == nil || asked || strings.Contains(err.Error(), "secret") {
		t.Errorf("error = %v and the other host was asked: %v, want it refused", err, asked)
	}
}

func FuzzConfiguration(f *testing.F) {
	f.Add("registry=https://registry.test\n//registry.test/:_authToken=x")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := newClient(t, text); err == nil && !strings.HasPrefix(c.Registry("x"), "http") {
			t.Errorf("registry = %q", c.Registry("x"))
		}
	})
}
