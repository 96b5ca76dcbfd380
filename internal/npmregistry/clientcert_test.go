package npmregistry_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/npmregistry"
	"github.com/panoplysec/panoply/internal/testcert"
)

// pair is a certificate with which a client shows a name, and its key, in PEM form.
func pair(t *testing.T, name string) (cert, key string) {
	t.Helper()
	c, k := testcert.SelfSigned(t, time.Now().Add(24*time.Hour), name)
	return string(c), string(k)
}

func keep(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// asking is a registry that asks whoever connects for a certificate, and demands one.
func asking(t *testing.T, demands tls.ClientAuthType) *registry {
	t.Helper()
	g := &registry{}
	g.do = func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"qs":[`+qs+`]}`)
	}
	g.Server = httptest.NewUnstartedServer(nil)
	var mu sync.Mutex
	g.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			shown = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		mu.Lock()
		defer mu.Unlock()
		g.said = append(g.said, r.URL.Path+" "+shown)
		g.do(w, r)
	})
	g.TLS = &tls.Config{ClientAuth: demands}
	g.StartTLS()
	t.Cleanup(g.Close)
	return g
}

const bulk = "/-/npm/v1/security/advisories/bulk"

func TestClientCertificates(t *testing.T) {
	first, second := asking(t, tls.RequireAnyClientCert), asking(t, tls.RequestClientCert)
	cert, key := pair(t, "ann")
	certfile, keyfile := keep(t, "cert.pem", cert), keep(t, "key.pem", key)
	ca := "cafile=" + first.ca(t) + "\n" // both have the one of httptest
	inline := func(text string) string { return `"` + strings.ReplaceAll(text, "\n", `\n`) + `"` }
	for _, c := range []struct {
		name, settings string
		versions       map[string][]string
		first, second  []string
	}{
		{"for the host", "registry=" + first.URL + "\n//" + host(first) + "/:certfile=" + certfile + "\n//" + host(first) + "/:keyfile=" + keyfile,
			map[string][]string{"qs": {"6.7.0"}}, []string{bulk + " ann"}, nil},
		{"not for another host", "registry=" + first.URL + "\n@s:registry=" + second.URL + "\n//" + host(first) + "/:certfile=" + certfile + "\n//" + host(first) + "/:keyfile=" + keyfile,
			map[string][]string{"qs": {"6.7.0"}, "@s/x": {"1.0.0"}}, []string{bulk + " ann"}, []string{bulk + " nobody"}},
		{"for one path alone, on connections of its own",
			"registry=" + second.URL + "/a\n@s:registry=" + second.URL + "/b\n//" + host(second) + "/a/:certfile=" + certfile + "\n//" + host(second) + "/a/:keyfile=" + keyfile,
			map[string][]string{"qs": {"6.7.0"}, "@s/x": {"1.0.0"}}, nil, []string{"/a" + bulk + " ann", "/b" + bulk + " nobody"}},
		{"the older ones, for the user's own registry", "registry=" + first.URL + "\n@s:registry=" + second.URL + "\ncert=" + inline(cert) + "\nkey=" + inline(key),
			map[string][]string{"qs": {"6.7.0"}, "@s/x": {"1.0.0"}}, []string{bulk + " ann"}, []string{bulk + " nobody"}},
	} {
		first.said, second.said = nil, nil
		if _, err := client(t, ca+c.settings).Advisories(t.Context(), c.versions); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		heard, other := first.heard(), second.heard()
		slices.Sort(other)
		if !slices.Equal(heard, c.first) || !slices.Equal(other, c.second) {
			t.Errorf("%s: the registries saw %q and %q, want %q and %q", c.name, heard, other, c.first, c.second)
		}
	}
	// The older ones are not for what a folder names, however much it is trusted.
	settings := load(t, npmregistry.Sources{User: file(t, ca+"cert="+inline(cert)+"\nkey="+inline(key)), Project: file(t, "registry="+second.URL)})
	c, err := npmregistry.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	second.said = nil
	if _, err := c.Advisories(t.Context(), map[string][]string{"qs": {"6.7.0"}}); err != nil || !slices.Equal(second.heard(), []string{bulk + " nobody"}) {
		t.Errorf("Advisories = %v, and the folder's registry saw %q, want nobody", err, second.heard())
	}
	// Without one the error says what would name it.
	_, err = client(t, ca+"registry="+first.URL).Advisories(t.Context(), map[string][]string{"qs": {"6.7.0"}})
	if err == nil || !strings.Contains(err.Error(), "//"+host(first)+"/:certfile") {
		t.Errorf("Advisories = %v, want it to say how to name a certificate", err)
	}
	// Documents and tarballs, too: panoply audit --signatures and fix.
	c = client(t, ca+"registry="+first.URL+"\n//"+host(first)+"/:certfile="+certfile+"\n//"+host(first)+"/:keyfile="+keyfile)
	if _, err := c.Keys(t.Context(), "qs"); err != nil {
		t.Errorf("Keys = %v", err)
	}
	body, err := c.Tarball(t.Context(), first.URL+"/qs/-/qs-6.7.0.tgz")
	if err != nil {
		t.Fatal(err)
	}
	body.Close()
}

func TestClientCertificatesThatAreWrong(t *testing.T) {
	cert, key := pair(t, "ann")
	_, other := pair(t, "bob")
	certfile, keyfile, otherfile := keep(t, "cert.pem", cert), keep(t, "key.pem", key), keep(t, "other.pem", other)
	const at = "registry=https://r.example/\n//r.example/:"
	for text, want := range map[string]string{
		at + "certfile=" + certfile:                                                         ".npmrc:2: certfile for r.example has no keyfile beside it",
		at + "keyfile=" + keyfile:                                                           ".npmrc:2: keyfile for r.example has no certfile beside it",
		at + "certfile=/absent.pem\n//r.example/:keyfile=" + keyfile:                        ".npmrc:2: certfile for r.example: stat /absent.pem",
		at + "certfile=" + certfile + "\n//r.example/:keyfile=/absent.pem":                  ".npmrc:3: keyfile for r.example: stat /absent.pem",
		at + "certfile=" + certfile + "\n//r.example/:keyfile=" + t.TempDir():               "is no file of at most",
		at + "certfile=" + certfile + "\n//r.example/:keyfile=" + otherfile:                 ".npmrc:3: certfile and keyfile for r.example",
		at + "certfile=" + keyfile + "\n//r.example/:keyfile=" + certfile:                   "no certificate in PEM form",
		at + "certfile=" + certfile + "\n//r.example/:keyfile=${UNSET}/key.pem":             ".npmrc:3: keyfile for r.example: names a variable that is not set",
		"registry=https://r.example/\ncert=nonsense\nkey=secret":                            ".npmrc:3: cert and key for r.example",
		"registry=https://r.example/\nkey=secret":                                           ".npmrc:2: key for r.example has no cert beside it",
		"@s:registry=https://r.example/\n//r.example/:certfile=/a\n//r.example/:keyfile=/b": ".npmrc:2: certfile for r.example: stat /a",
	} {
		s := load(t, npmregistry.Sources{User: file(t, text)})
		if _, err := npmregistry.New(s); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PRIVATE") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: New = %v, want %q", text, err, want)
		}
	}
	// What is for a host that is not asked stops nothing.
	client(t, "registry=https://r.example/\n//old.example/:certfile=/absent.pem\n//old.example/:keyfile=/absent.pem\n")
	// A proxy that is spoken to over TLS would be shown the certificate.
	c := client(t, "registry=https://r.example/\nhttps-proxy=https://proxy.example\n//r.example/:certfile="+certfile+"\n//r.example/:keyfile="+keyfile)
	if _, err := c.Keys(t.Context(), "qs"); err == nil || !strings.Contains(err.Error(), "would be shown to the proxy proxy.example") {
		t.Errorf("Keys = %v, want it refused", err)
	}
}
