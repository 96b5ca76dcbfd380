package npmregistry_test

import (
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/npmregistry"
)

// A registry speaks the bulk endpoint: it knows one advisory of qs, and remembers what it
// was told.
type registry struct {
	*httptest.Server
	mu   sync.Mutex
	said []string
	do   http.HandlerFunc
}

const qs = `{"id":1091454,"url":"https://github.com/advisories/GHSA-hrpp-h998-j3pp","title":"qs vulnerable to Prototype Pollution","severity":"high","vulnerable_versions":">=6.7.0 <6.7.3","cwe":["CWE-1321"],"cvss":{"score":7.5,"vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}}`

func serve(t *testing.T, do http.HandlerFunc) *registry {
	t.Helper()
	g := &registry{do: do}
	g.Server = httptest.NewTLSServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var names map[string][]string
	z, err := gzip.NewReader(r.Body)
	if err == nil {
		err = json.NewDecoder(z).Decode(&names)
	}
	g.mu.Lock()
	g.said = append(g.said, fmt.Sprintf("%s %s %v %v %v", r.Method, r.URL.Path, names, err, r.Header.Get("Authorization")))
	g.mu.Unlock()
	g.do(w, r)
}

func (g *registry) heard() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.said)
}

// ca is a file of the server's own certificate.
func (g *registry) ca(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func client(t *testing.T, text string) *npmregistry.Client {
	t.Helper()
	c, err := npmregistry.New(load(t, npmregistry.Sources{User: file(t, text)}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answers(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func host(g *registry) string { return strings.TrimPrefix(g.URL, "https://") }

func TestBulk(t *testing.T) {
	g := serve(t, answers(`{"qs":[`+qs+`],"never-asked":[{}],"odd":[{"id":"7","url":"https://example.test/7","title":"odd"}],"none":[]}`))
	c := client(t, "registry="+g.URL+"/npm\ncafile="+g.ca(t)+"\n//"+host(g)+"/npm/:_authToken=t0ken\n")
	got, err := c.Advisories(t.Context(), map[string][]string{"qs": {"6.7.0", "6.5.2"}, "odd": {"1.0.0"}, "none": {"1.0.0"}})
	if err != nil {
		t.Fatal(err)
	}
	want := check.RegistryAdvisory{ID: "GHSA-hrpp-h998-j3pp", URL: "https://github.com/advisories/GHSA-hrpp-h998-j3pp", Title: "qs vulnerable to Prototype Pollution", Severity: "high",
		Range: ">=6.7.0 <6.7.3", CWE: []string{"CWE-1321"}, Score: 7.5, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}
	if len(got.Advisories["qs"]) != 1 || fmt.Sprint(got.Advisories["qs"][0]) != fmt.Sprint(want) || len(got.Advisories) != 2 || !slices.Equal(got.From, []string{host(g)}) {
		t.Errorf("Advisories = %+v, want %+v", got, want)
	}
	if odd := got.Advisories["odd"]; len(odd) != 1 || odd[0].ID != "npm-7" || odd[0].Severity != "high" || odd[0].Range != "*" {
		t.Errorf("Advisories of odd = %+v, want every version, and high, as npm takes it", odd)
	}
	if heard := g.heard(); !slices.Equal(heard, []string{"POST /npm/-/npm/v1/security/advisories/bulk map[none:[1.0.0] odd:[1.0.0] qs:[6.7.0 6.5.2]] <nil> Bearer t0ken"}) {
		t.Errorf("the registry heard %q", heard)
	}
}

// The names of a scope go to its own registry and to no other, with its own credential.
func TestScopes(t *testing.T) {
	public, private := serve(t, answers(`{"qs":[`+qs+`]}`)), serve(t, http.NotFound)
	both := public.ca(t)
	c := client(t, "registry="+public.URL+"\n@shop:registry="+private.URL+"\ncafile="+both+"\n//"+host(private)+"/:_auth=dTpw\n")
	got, err := c.Advisories(t.Context(), map[string][]string{"qs": {"6.7.0"}, "@shop/cart": {"1.0.0"}, "@other/x": {"1.0.0"}})
	if err == nil || !strings.Contains(err.Error(), host(private)+" was not told about 1 packages: answers 404 Not Found: it does not know npm's bulk endpoint") {
		t.Errorf("Advisories = %v, want that the registry of the scope does not know the endpoint", err)
	}
	if len(got.Advisories["qs"]) != 1 || !slices.Equal(got.From, []string{host(public)}) {
		t.Errorf("Advisories = %+v, want what the other registry told", got)
	}
	if heard := public.heard(); len(heard) != 1 || strings.Contains(heard[0], "shop") || strings.Contains(heard[0], "Basic") {
		t.Errorf("the public registry heard %q, want nothing of @shop", heard)
	}
	if heard := private.heard(); len(heard) != 1 || !strings.Contains(heard[0], "map[@shop/cart:[1.0.0]] <nil> Basic dTpw") {
		t.Errorf("the registry of the scope heard %q", heard)
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	elsewhere := serve(t, answers("{}"))
	for name, c := range map[string]struct {
		do    http.HandlerFunc
		want  string
		tries int
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, "a redirect is not followed", 1},
		"no login": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "answers 401 Unauthorized to the credentials", 1},
		"down":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "answers 503", 3},
		"reset":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF", 3},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}, "breaks its answer off", 3},
		"a page":   {answers("<!doctype html>"), "no list of advisories", 1},
		"a list":   {answers("[]"), "no list of advisories", 1},
		"null":     {answers("null"), "no list of advisories", 1},
		"no id":    {answers(`{"qs":[{"title":"x","url":"https://example.test"}]}`), "has no id", 1},
		"no words": {answers(`{"qs":[{"id":1}]}`), "says nothing", 1},
		"endless":  {func(w http.ResponseWriter, _ *http.Request) { endless(w) }, "more than 16 MiB", 1},
		"many":     {answers(`{"qs":[` + strings.Repeat(`{"id":1,"title":"x"},`, 20_001) + `{"id":1,"title":"x"}]}`), "more than 20000 advisories", 1},
		"bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			endless(z)
			z.Close()
		}, "more than 16 MiB", 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := serve(t, c.do)
			client := client(t, "registry="+g.URL+"\ncafile="+g.ca(t)+"\n//"+host(g)+"/:_authToken=t0ken\n")
			got, err := client.Advisories(t.Context(), map[string][]string{"qs": {"6.7.0"}})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), host(g)) || len(got.From) > 0 {
				t.Errorf("Advisories = %+v, %v, want an error with the host and %q", got, err, c.want)
			}
			if n := len(g.heard()); n != c.tries {
				t.Errorf("asked %d times, want %d", n, c.tries)
			}
			if err != nil && strings.Contains(err.Error(), "t0ken") {
				t.Errorf("the error %v tells the token", err)
			}
		})
	}
	if heard := elsewhere.heard(); len(heard) > 0 {
		t.Errorf("who was redirected to heard %q", heard)
	}
}

func endless(w io.Writer) {
	block := []byte(strings.Repeat(" ", 1<<20))
	for range 20 {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// A server whose certificate nobody vouches for is not believed, nor told anything.
func TestUnknownAuthority(t *testing.T) {
	g := serve(t, answers("{}"))
	_, err := client(t, "registry="+g.URL).Advisories(t.Context(), map[string][]string{"qs": {"6.7.0"}})
	if err == nil || !strings.Contains(err.Error(), "certificate") || len(g.heard()) > 0 {
		t.Errorf("Advisories = %v, and the server heard %q", err, g.heard())
	}
}

func TestProxy(t *testing.T) {
	var mu sync.Mutex
	var through []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		through = append(through, r.Method+" "+r.Host)
		mu.Unlock()
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	text := "registry=https://registry.example:4443/\nhttps-proxy=" + proxy.URL + "\n"
	if _, err := client(t, text).Advisories(t.Context(), map[string][]string{"qs": {"6.7.0"}}); err == nil {
		t.Error("Advisories through a proxy that lets nothing through gives no error")
	}
	mu.Lock()
	if len(through) == 0 || through[0] != "CONNECT registry.example:4443" {
		t.Errorf("the proxy heard %q, want to be asked for the registry", through)
	}
	mu.Unlock()
	for text, want := range map[string]string{
		"https-proxy=http://p.example:1\nproxy=http://q.example:1":       "http://p.example:1",
		"proxy=http://q.example:1":                                       "http://q.example:1",
		"https-proxy=http://p.example:1\nnoproxy=registry.example,other": "<nil>",
		"https-proxy=null\nproxy=false":                                  "<nil>",
	} {
		u := &url.URL{Scheme: "https", Host: "registry.example"}
		if got, err := npmregistry.ProxyOf(client(t, text), u); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q: the proxy is %v, %v, want %s", text, got, err, want)
		}
	}
}
