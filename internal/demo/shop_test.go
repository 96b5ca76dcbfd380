package demo_test

import (
	"crypto/tls"
	"crypto/x509"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/demo"
	"github.com/panoplysec/panoply/internal/practice"
)

// visitor is a browser without script: it keeps cookies and follows redirects.
func visitor(t *testing.T) (*http.Client, string) {
	t.Helper()
	srv := httptest.NewServer(demo.Shop())
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 10 * time.Second}, srv.URL
}

func body(t *testing.T, resp *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func get(t *testing.T, c *http.Client, address string) string {
	t.Helper()
	resp, err := c.Get(address)
	return body(t, resp, err)
}

func post(t *testing.T, c *http.Client, address string, form url.Values) string {
	t.Helper()
	resp, err := c.PostForm(address, form)
	return body(t, resp, err)
}

func TestShopIsUsable(t *testing.T) {
	c, base := visitor(t)
	for path, want := range map[string]string{
		"/":                "The whole suit",
		"/product/shield":  "Three feet of oak",
		"/search?q=shield": `<a href="/product/shield">`,
		"/cart":            "It is empty",
		"/login":           `name="password"`,
		"/newsletter":      `name="email"`,
		"/tools/ping":      `name="host"`,
		"/naked":           "What is wrong here",
		"/static/shop.css": "--bronze",
		"/api/products":    `"id":"helmet"`,
	} {
		if got := get(t, c, base+path); !strings.Contains(got, want) {
			t.Errorf("GET %s = %q, want it to hold %q", path, got, want)
		}
	}
	if got := post(t, c, base+"/cart", url.Values{"id": {"spear"}}); !strings.Contains(got, "Long spear") {
		t.Errorf("cart after adding = %q, want the spear in it", got)
	}
	if got := post(t, c, base+"/checkout", nil); !strings.Contains(got, "Log in") {
		t.Errorf("checkout of a stranger = %q, want the login page", got)
	}
	if got := post(t, c, base+"/login", url.Values{"username": {"demo"}, "password": {"wrong"}}); !strings.Contains(got, "Wrong password") {
		t.Errorf("wrong login = %q, want a refusal", got)
	}
	if got := post(t, c, base+"/login", url.Values{"username": {"demo"}, "password": {"demo"}}); !strings.Contains(got, "Hello, demo") {
		t.Errorf("login = %q, want the account", got)
	}
	if got := get(t, c, base+"/account"); !strings.Contains(got, "Hello, demo") {
		t.Errorf("account afterwards = %q, want to be logged in still", got)
	}
	if got := post(t, c, base+"/checkout", nil); !strings.Contains(got, "Order 1 with 1 pieces") {
		t.Errorf("checkout = %q, want an order of one piece", got)
	}
	if got := post(t, c, base+"/logout", nil); !strings.Contains(got, ">Log in</a>") {
		t.Errorf("logout = %q, want a stranger's page", got)
	}
}

func TestEveryPageSaysThatItIsNaked(t *testing.T) {
	c, base := visitor(t)
	for _, path := range []string{"/", "/product/helmet", "/search?q=x", "/login", "/cart", "/newsletter", "/tools/ping", "/naked"} {
		if got := get(t, c, base+path); !strings.Contains(got, "Naked on purpose") {
			t.Errorf("GET %s does not carry the mark", path)
		}
	}
}

func TestNakedPageHasEveryPractice(t *testing.T) {
	c, base := visitor(t)
	got := get(t, c, base+"/naked")
	for _, p := range practice.All() {
		if !strings.Contains(got, `id="`+p.ID+`"`) {
			t.Errorf("/naked says nothing about %s", p.ID)
		}
	}
	if n := strings.Count(got, "<li id="); n != len(practice.All()) {
		t.Errorf("/naked has %d rows, want %d", n, len(practice.All()))
	}
}

// TestWhatToTryWorks follows the links of the naked page as a reader would.
func TestWhatToTryWorks(t *testing.T) {
	c, base := visitor(t)
	var tried int
	for _, m := range regexp.MustCompile(`<a href="([^"]+)">Try it</a>`).FindAllStringSubmatch(get(t, c, base+"/naked"), -1) {
		path := html.UnescapeString(m[1])
		resp, err := c.Get(base + path)
		got := body(t, resp, err)
		want := http.StatusOK
		switch {
		case path == "/boom":
			want = http.StatusInternalServerError
		case strings.HasPrefix(path, "/no/"):
			want = http.StatusNotFound
		}
		if resp.StatusCode != want {
			t.Errorf("GET %s = %d, want %d: %.300s", path, resp.StatusCode, want, got)
		}
		for mark, shows := range map[string]string{"onerror": "<img src=x onerror=", "UNION": "hunter2", "localhost%3B": "uid=1000(shop)"} {
			if strings.Contains(path, mark) && !strings.Contains(got, shows) {
				t.Errorf("GET %s = %q, want it to show %q", path, got, shows)
			}
		}
		tried++
	}
	if tried != len(practice.All()) {
		t.Errorf("%d links to try, want %d", tried, len(practice.All()))
	}
}

func TestListenIsLoopbackOnly(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "shop.example:0", "localhost.example:0", "nonsense"} {
		if ln, err := demo.Listen(addr); err == nil {
			ln.Close()
			t.Errorf("Listen(%q) listens on %s, want an error", addr, ln.Addr())
		}
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0"} {
		ln, err := demo.Listen(addr)
		if err != nil {
			t.Errorf("Listen(%q) = %v, want a listener", addr, err)
			continue
		}
		ln.Close()
	}
}

// trusting is a visitor who trusts the certificates of a PEM file.
func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", file)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: 10 * time.Second}
}
