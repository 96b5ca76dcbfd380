package clientip_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/clientip"
)

// spoken are names of which each must be gone when an untrusted peer sent it.
var spoken = []string{
	"Forwarded", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
	"X-Forwarded-Prefix", "X-Forwarded-Ssl", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-User",
	"X-Forwarded-Email", "X-Forwarded-Client-Cert", "X-Real-Ip", "Cf-Connecting-Ip", "Cf-Connecting-Ipv6",
	"True-Client-Ip", "X-Client-Ip", "Client-Ip", "X-Cluster-Client-Ip", "Fastly-Client-Ip", "Fly-Client-Ip",
	"X-Original-Url", "X-Original-Uri", "X-Original-Host", "X-Original-Forwarded-For", "X-Rewrite-Url", "X-Host",
	"Front-End-Https", "X-Url-Scheme", "X-Script-Name", "Proxy", "X-Middleware-Subrequest",
	"X-User", "X-User-Id", "X-Userid", "X-Username", "X-User-Email", "X-User-Roles", "Remote-User", "X-Remote-User", "X-Remote-Group",
	"X-Auth-Request-User", "X-Auth-User", "X-Authenticated-User", "X-Webauth-User", "X-Ms-Client-Principal-Id",
	"X-Goog-Authenticated-User-Email", "X-Amzn-Oidc-Identity", "X-Consumer-Username", "Ssl-Client-Verify", "X-Ssl-Client-Cert",
	"Client-Cert", "X-Envoy-External-Address", "X-Appengine-User-Ip",
	// Names that CGI and its heirs fold into the ones above.
	"X_forwarded_for", "x_forwarded_proto", "X-Forwarded_host", "X.Forwarded.For", "X_real_ip", "Remote_user",
	// Names as a library user's own code may have written them.
	"x-forwarded-for", "forwarded",
}

// own are names of which none may be touched.
var own = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Content-Type", "Content-Length", "Cookie",
	"Origin", "Referer", "Range", "If-None-Match", "User-Agent", "Upgrade", "Upgrade-Insecure-Requests", "Sec-Fetch-Site",
	"Sec-Websocket-Key", "X-Requested-With", "X-Csrf-Token", "X-Xsrf-Token", "X-Api-Key", "X-Auth-Token", "X-Request-Id",
	"X-Http-Method-Override", "X-User-Agent", "X-Client-Version", "X-Grpc-Web", "Traceparent", "Via", "Te", "Proxy-Authorization",
	"Forward", "X-Forwardedness", "Proxy-Connection", "Remote",
}

func TestStripUntrusted(t *testing.T) {
	r := request("203.0.113.7:1", true)
	for _, name := range slices.Concat(spoken, own) {
		r.Header[name] = []string{"x"}
	}
	resolver(t, clientip.XForwardedFor, "10.0.0.0/8").Strip(r)
	for _, name := range spoken {
		if _, ok := r.Header[name]; ok {
			t.Errorf("Strip left %s of an untrusted peer", name)
		}
	}
	for _, name := range own {
		if _, ok := r.Header[name]; !ok {
			t.Errorf("Strip took %s, which is the client's own", name)
		}
	}
}

func TestStripTrusted(t *testing.T) {
	r := request("10.0.0.1:1", true, "X-Real-Ip: 203.0.113.7", "X-Forwarded-For: 203.0.113.7", "X-User-Id: 7")
	r.Header["X_forwarded_for"] = []string{"6.6.6.6"}
	resolver(t, clientip.XForwardedFor, "10.0.0.0/8").Strip(r)
	for _, name := range []string{"X-Real-Ip", "X-Forwarded-For", "X-User-Id"} {
		if r.Header.Get(name) == "" {
			t.Errorf("Strip took %s of a trusted proxy", name)
		}
	}
	if _, ok := r.Header["X_forwarded_for"]; ok {
		t.Error("Strip left a folded name that a client got through the proxy")
	}
}

func TestStripConnection(t *testing.T) {
	tests := []struct {
		name string
		give []string
		want []string
	}{
		{"untouched", []string{"keep-alive,  Upgrade"}, []string{"keep-alive,  Upgrade"}},
		{"one of several", []string{"close, X-Forwarded-For"}, []string{"close"}},
		{"over lines, any case, folded", []string{"x-real-ip, Upgrade", "FORWARDED", "keep-alive, x_forwarded_proto"}, []string{"Upgrade, keep-alive"}},
		{"nothing left", []string{"X-Forwarded-Host"}, nil},
	}
	for _, test := range tests {
		for _, peer := range []string{"203.0.113.7:1", "10.0.0.1:1"} {
			t.Run(test.name+" from "+peer, func(t *testing.T) {
				r := request(peer, true)
				r.Header["Connection"] = slices.Clone(test.give)
				resolver(t, clientip.XForwardedFor, "10.0.0.0/8").Strip(r)
				if got := r.Header["Connection"]; !slices.Equal(got, test.want) {
					t.Errorf("Strip(Connection: %q) = %q, want %q", test.give, got, test.want)
				}
			})
		}
	}
}

func TestWriteForwarded(t *testing.T) {
	tests := []struct {
		name  string
		peer  string
		tls   bool
		lines []string
		want  string
	}{
		{"IPv4 over TLS", "203.0.113.7:1", true, nil,
			"for 203.0.113.7|proto https|host shop.example|port 443|for=203.0.113.7;host=shop.example;proto=https"},
		{"IPv6 with a port", "[2001:db8::1]:1", false, []string{"Host: Shop.Example:8080"},
			`for 2001:db8::1|proto http|host Shop.Example:8080|port 8080|for="[2001:db8::1]";host="Shop.Example:8080";proto=http`},
		{"the host stays as passed on", "203.0.113.7:1", true, []string{"Host: shop.example:443"},
			`for 203.0.113.7|proto https|host shop.example:443|port 443|for=203.0.113.7;host="shop.example:443";proto=https`},
		{"Unix socket", "@", false, nil,
			"for -|proto http|host shop.example|port 80|for=unknown;host=shop.example;proto=http"},
		{"malformed host", "203.0.113.7:1", true, []string{`Host: a";proto=x`},
			"for 203.0.113.7|proto https|host -|port -|for=203.0.113.7;proto=https"},
		{"behind a proxy", "127.0.0.1:1", false, []string{"X-Forwarded-For: 6.6.6.6, 198.51.100.9, 127.0.0.2", "X-Forwarded-Proto: https", "X-Forwarded-Host: www.example"},
			"for 198.51.100.9|proto https|host www.example|port 443|for=198.51.100.9;host=www.example;proto=https"},
	}
	v := resolver(t, clientip.XForwardedFor, "loopback")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := request(test.peer, test.tls, test.lines...)
			c := v.Resolve(r)
			out := http.Header{}
			for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded"} {
				out[name] = []string{"spoofed", "twice"}
			}
			clientip.WriteForwarded(out, r, c)
			get := func(name string) string {
				if v := out[name]; len(v) != 0 {
					return strings.Join(v, "|")
				}
				return "-"
			}
			got := "for " + get("X-Forwarded-For") + "|proto " + get("X-Forwarded-Proto") + "|host " + get("X-Forwarded-Host") +
				"|port " + get("X-Forwarded-Port") + "|" + get("Forwarded")
			if got != test.want {
				t.Errorf("WriteForwarded = %s, want %s", got, test.want)
			}
		})
	}
}

// express does what Express's req.ip does under a "trust proxy" setting: from the
// socket's address leftwards past what is trusted.
func express(socket string, h http.Header, trust func(addr string, hop int) bool) string {
	chain := []string{socket}
	if v := h.Get("X-Forwarded-For"); v != "" {
		list := strings.Split(v, ",")
		slices.Reverse(list)
		for _, a := range list {
			chain = append(chain, strings.TrimSpace(a))
		}
	}
	for i, a := range chain[:len(chain)-1] {
		if !trust(a, i) {
			return a
		}
	}
	return chain[len(chain)-1]
}

func TestExpressFindsTheClient(t *testing.T) {
	settings := map[string]func(string, int) bool{
		"loopback": func(a string, _ int) bool { return netip.MustParseAddr(a).IsLoopback() },
		"1":        func(_ string, hop int) bool { return hop < 1 },
		"true":     func(string, int) bool { return true },
	}
	v := resolver(t, clientip.XForwardedFor, "10.0.0.0/8")
	for name, trust := range settings {
		for _, peer := range []string{"203.0.113.7:1", "10.0.0.1:1"} {
			r := request(peer, true, "X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.2")
			out := http.Header{}
			clientip.WriteForwarded(out, r, v.Resolve(r))
			if got := express("127.0.0.1", out, trust); got != "203.0.113.7" {
				t.Errorf("trust proxy %s, peer %s: req.ip = %s, want 203.0.113.7", name, peer, got)
			}
		}
	}
}

func TestWriteForwardedKeepsValuesApart(t *testing.T) {
	r := request("203.0.113.7:1", true)
	out := http.Header{}
	clientip.WriteForwarded(out, r, clientip.Of(r))
	out.Add("X-Forwarded-For", "203.0.113.8")
	if got := out.Get("X-Forwarded-Proto"); got != "https" {
		t.Errorf("X-Forwarded-Proto = %q after an Add to X-Forwarded-For, want https", got)
	}
}

func TestAllocations(t *testing.T) {
	trusting := resolver(t, clientip.XForwardedFor, "10.0.0.0/8")
	plain := resolver(t, clientip.XForwardedFor)
	direct := request("203.0.113.7:1234", true, "User-Agent: test", "Accept: */*", "Connection: keep-alive")
	proxied := request("10.0.0.1:1234", false, "X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.2", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example")
	out := http.Header{}
	c := trusting.Resolve(proxied)
	inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { clientip.Of(r) })
	x, w, began := hookBegin(direct)
	defer x.End()
	handler := plain.Handler(inner)
	tests := []struct {
		name string
		f    func()
		want float64
	}{
		{"Resolve without proxies", func() { plain.Resolve(direct) }, 0},
		{"Resolve through proxies", func() { trusting.Resolve(proxied) }, 0},
		{"Of without Handler", func() { clientip.Of(direct) }, 0},
		{"Handler within an exchange", func() { handler.ServeHTTP(w, began) }, 1},
		{"Strip with nothing to strip", func() { plain.Strip(direct) }, 0},
		{"WriteForwarded", func() { clientip.WriteForwarded(out, proxied, c) }, 2},
	}
	for _, test := range tests {
		if got := testing.AllocsPerRun(100, test.f); got > test.want {
			t.Errorf("%s: %v allocations, want at most %v", test.name, got, test.want)
		}
	}
}

func TestStripOverHTTP(t *testing.T) {
	v := resolver(t, clientip.XForwardedFor)
	got := make(chan http.Header, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.Strip(r)
		got <- r.Header
	}))
	defer srv.Close()
	req, err := http.NewRequest("GET", srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["x_forwarded_for"] = []string{"6.6.6.6"}
	req.Header["x-REAL-ip"] = []string{"6.6.6.6"}
	req.Header["X-Kept"] = []string{"yes"}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	h := <-got
	for name, values := range h {
		if slices.Contains(values, "6.6.6.6") {
			t.Errorf("%s reached the handler", name)
		}
	}
	if h.Get("X-Kept") != "yes" {
		t.Error("X-Kept did not reach the handler")
	}
}
