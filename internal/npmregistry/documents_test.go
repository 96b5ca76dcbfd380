package npmregistry_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/internal/npmregistry"
)

func documentsOf(t *testing.T, lines ...string) *npmregistry.Client {
	t.Helper()
	name := filepath.Join(t.TempDir(), "npmrc")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := npmregistry.Load(npmregistry.Sources{User: name, Environ: []string{"SHOP_TOKEN=from-env"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := npmregistry.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDocumentsComeFromTheRightRegistry asks registries on two hosts, each with its own
// credentials or none.
func TestDocumentsComeFromTheRightRegistry(t *testing.T) {
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
	c := documentsOf(t, "registry = "+a.URL+"/npm", "@inner:registry="+a.URL+"/inner/", "@other:registry="+b.URL,
		"//"+host(a)+"/npm/:_authToken=${SHOP_TOKEN}", "//"+host(a)+"/inner/:username=ann", "//"+host(a)+"/inner/:_password=c2VjcmV0")
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

// TestADocumentDoesNotLeadElsewhere keeps the token and the question at the host.
func TestADocumentDoesNotLeadElsewhere(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }))
	t.Cleanup(s.Close)
	c := documentsOf(t, "registry="+s.URL, "//"+strings.TrimPrefix(s.URL, "http://")+"/:_authToken=secret")
	if _, err := c.Packument(t.Context(), "qs"); err == nil || asked || strings.Contains(err.Error(), "secret") {
		t.Errorf("error = %v and the other host was asked: %v, want it refused", err, asked)
	}
}

func TestARegistryWithoutKeys(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	if keys, err := documentsOf(t, "registry="+s.URL).Keys(t.Context(), "qs"); keys != nil || err != nil {
		t.Errorf("Keys = %q, %v, want none", keys, err)
	}
}

// TestTarballs asks for tarballs at addresses that a registry named.
func TestTarballs(t *testing.T) {
	var seen []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Path+" "+r.Header.Get("Authorization"))
		if r.URL.Path == "/away.tgz" {
			http.Redirect(w, r, "http://"+r.Host+"/qs.tgz", http.StatusFound)
			return
		}
		io.WriteString(w, "tar")
	})
	s, other := httptest.NewServer(handler), httptest.NewServer(handler)
	t.Cleanup(s.Close)
	t.Cleanup(other.Close)
	c := documentsOf(t, "registry="+s.URL, "//"+strings.TrimPrefix(s.URL, "http://")+"/:_authToken=secret")
	body, err := c.Tarball(t.Context(), s.URL+"/qs.tgz")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if text, err := io.ReadAll(body); string(text) != "tar" || err != nil || len(seen) != 1 || seen[0] != "/qs.tgz Bearer secret" {
		t.Errorf("Tarball = %q, %v; seen %q", text, err, seen)
	}
	if _, err := c.Tarball(t.Context(), s.URL+"/away.tgz"); err == nil || len(seen) != 2 {
		t.Errorf("a redirect: %v, seen %q, want it refused", err, seen)
	}
	// What a registry names on loopback beside itself, or without TLS, is another's.
	for _, address := range []string{other.URL + "/qs.tgz", "http://registry.example/qs.tgz", "file:///etc/passwd", "//x", "https://u:p@registry.example/x", "https:"} {
		if _, err := c.Tarball(t.Context(), address); err == nil || !strings.Contains(err.Error(), "neither https nor") {
			t.Errorf("Tarball(%s) = %v, want it refused", address, err)
		}
	}
	if len(seen) != 2 {
		t.Errorf("seen %q", seen)
	}
}

func TestAPackageThatIsNotThere(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	if _, err := documentsOf(t, "registry="+s.URL).Packument(t.Context(), "qs"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Packument = %v, want %v", err, fs.ErrNotExist)
	}
}
