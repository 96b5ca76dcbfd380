package clientip_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

func prefixes(t testing.TB, list ...string) []netip.Prefix {
	t.Helper()
	p, err := clientip.ParseProxies(list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func resolver(t testing.TB, header clientip.Header, proxies ...string) *clientip.Resolver {
	t.Helper()
	v, err := clientip.New(clientip.Options{Proxies: prefixes(t, proxies...), Header: header})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// request makes a request as net/http would hand it over; header lines are given as
// "Name: value", in order.
func request(peer string, secure bool, lines ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr, r.Host = peer, "shop.example"
	if secure {
		r.TLS = &tls.ConnectionState{}
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	return r
}

// summary is the client as one line: address prefix scheme host [trusted].
func summary(c clientip.Client) string {
	s := c.Addr.String() + " " + c.Prefix.String() + " " + c.Scheme + " " + c.Host
	if c.Trusted {
		s += " trusted"
	}
	return s
}

func TestResolveWithoutProxies(t *testing.T) {
	tests := []struct {
		name   string
		peer   string
		secure bool
		lines  []string
		want   string
	}{
		{"IPv4", "192.0.2.1:1234", false, nil, "192.0.2.1 192.0.2.1/32 http shop.example"},
		{"TLS", "192.0.2.1:1234", true, nil, "192.0.2.1 192.0.2.1/32 https shop.example"},
		{"IPv6 is counted by /64", "[2001:db8:1:2:3:4:5:6]:1", false, nil, "2001:db8:1:2:3:4:5:6 2001:db8:1:2::/64 http shop.example"},
		{"IPv4-mapped", "[::ffff:192.0.2.1]:1", false, nil, "192.0.2.1 192.0.2.1/32 http shop.example"},
		{"NAT64", "[64:ff9b::198.51.100.7]:1", false, nil, "198.51.100.7 198.51.100.7/32 http shop.example"},
		{"NAT64 of a private address stays IPv6", "[64:ff9b::127.0.0.1]:1", false, nil, "64:ff9b::7f00:1 64:ff9b::/64 http shop.example"},
		{"zone", "[fe80::1%eth0]:1", false, nil, "fe80::1 fe80::/64 http shop.example"},
		{"no port", "192.0.2.1", false, nil, "192.0.2.1 192.0.2.1/32 http shop.example"},
		{"Unix socket", "@", false, nil, "invalid IP invalid Prefix http shop.example"},
		{"empty peer", "", false, nil, "invalid IP invalid Prefix http shop.example"},
		{"garbage peer", "evil:80:90", false, nil, "invalid IP invalid Prefix http shop.example"},
		{"nobody is believed", "127.0.0.1:1", false,
			[]string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example", "Forwarded: for=6.6.6.6;proto=https;host=evil.example"},
			"127.0.0.1 127.0.0.1/32 http shop.example"},
		{"host in lower case without default port", "192.0.2.1:1", true, []string{"Host: Shop.Example:443"}, "192.0.2.1 192.0.2.1/32 https shop.example"},
		{"another port stays", "192.0.2.1:1", true, []string{"Host: shop.example:80"}, "192.0.2.1 192.0.2.1/32 https shop.example:80"},
		{"malformed host is no host", "192.0.2.1:1", true, []string{"Host: shop.example/@evil"}, "192.0.2.1 192.0.2.1/32 https "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := request(test.peer, test.secure, test.lines...)
			if got := summary(clientip.Of(r)); got != test.want {
				t.Errorf("Of(%q) = %q, want %q", test.peer, got, test.want)
			}
			if got := summary(resolver(t, clientip.XForwardedFor).Resolve(r)); got != test.want {
				t.Errorf("Resolve(%q) = %q, want %q", test.peer, got, test.want)
			}
			if r.RemoteAddr != test.peer {
				t.Errorf("RemoteAddr = %q after Resolve, want %q", r.RemoteAddr, test.peer)
			}
		})
	}
}

func TestResolveXForwardedFor(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string // address
	}{
		{"none", nil, "10.0.0.1"},
		{"one", []string{"203.0.113.7"}, "203.0.113.7"},
		{"first untrusted from the right", []string{"6.6.6.6, 203.0.113.7"}, "203.0.113.7"},
		{"over trusted hops", []string{"6.6.6.6, 203.0.113.7, 10.0.0.3,10.0.0.2"}, "203.0.113.7"},
		{"over lines in order", []string{"6.6.6.6", "203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
		{"line of the client first", []string{"203.0.113.7", "198.51.100.1"}, "198.51.100.1"},
		{"all trusted", []string{"10.0.0.9, 10.0.0.2"}, "10.0.0.9"},
		{"port", []string{"203.0.113.7:4711"}, "203.0.113.7"},
		{"IPv6", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 in brackets", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 with port", []string{"[2001:db8::1]:80"}, "2001:db8::1"},
		{"IPv6 with zone", []string{"fe80::1%eth0"}, "fe80::1"},
		{"IPv4-mapped", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"IPv4-mapped hop is trusted as IPv4", []string{"203.0.113.7, ::ffff:10.0.0.2"}, "203.0.113.7"},
		{"NAT64", []string{"64:ff9b::cb00:7107"}, "203.0.113.7"},
		{"NAT64 is no way to be trusted", []string{"6.6.6.6, 64:ff9b::10.0.0.2"}, "64:ff9b::a00:2"},
		{"garbage stops", []string{"6.6.6.6, nonsense"}, "10.0.0.1"},
		{"garbage after a hop stops there", []string{"6.6.6.6, nonsense, 10.0.0.2"}, "10.0.0.2"},
		{"empty entry stops", []string{"6.6.6.6, , 10.0.0.2"}, "10.0.0.2"},
		{"empty line stops", []string{"6.6.6.6", "", "10.0.0.2"}, "10.0.0.2"},
		{"unknown stops", []string{"6.6.6.6, unknown"}, "10.0.0.1"},
		{"unspecified stops", []string{"6.6.6.6, 0.0.0.0"}, "10.0.0.1"},
		{"leading zeros stop", []string{"010.0.0.2"}, "10.0.0.1"},
		{"bad port stops", []string{"203.0.113.7:99999"}, "10.0.0.1"},
		{"empty port stops", []string{"203.0.113.7:"}, "10.0.0.1"},
		{"IPv4 in brackets stops", []string{"[203.0.113.7]"}, "10.0.0.1"},
		{"open bracket stops", []string{"[2001:db8::1"}, "10.0.0.1"},
		{"text after bracket stops", []string{"[2001:db8::1]x"}, "10.0.0.1"},
		{"quotes stop", []string{`"203.0.113.7"`}, "10.0.0.1"},
		{"long entry stops", []string{strings.Repeat("1", 1<<16)}, "10.0.0.1"},
	}
	v := resolver(t, clientip.XForwardedFor, "10.0.0.0/8")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := request("10.0.0.1:9", false)
			r.Header["X-Forwarded-For"] = test.lines
			r.Header.Set("Forwarded", "for=6.6.6.6") // the other header is not read
			c := v.Resolve(r)
			if c.Addr.String() != test.want || !c.Trusted {
				t.Errorf("Resolve(%q).Addr = %v, trusted %v, want %s, true", test.lines, c.Addr, c.Trusted, test.want)
			}
			if !c.Prefix.Contains(c.Addr) {
				t.Errorf("Prefix %v does not hold %v", c.Prefix, c.Addr)
			}
		})
	}
}

func TestResolveForwarded(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string // address scheme host
	}{
		{"none", nil, "10.0.0.1 http shop.example"},
		{"plain", []string{"for=203.0.113.7"}, "203.0.113.7 http shop.example"},
		{"names in any case", []string{"For=203.0.113.7;PROTO=HTTPS;hOsT=Www.Example"}, "203.0.113.7 https www.example"},
		{"quoted IPv6 with port", []string{`for="[2001:db8::1]:80"`}, "2001:db8::1 http shop.example"},
		{"quoted IPv4", []string{`for="203.0.113.7:80"`}, "203.0.113.7 http shop.example"},
		{"without quotes, as proxies send", []string{`for=[2001:db8::1]:80`}, "2001:db8::1 http shop.example"},
		{"escaped", []string{`for="203\.0.113.7"`}, "203.0.113.7 http shop.example"},
		{"obfuscated port", []string{`for="[2001:db8::1]:_http"`}, "2001:db8::1 http shop.example"},
		{"first untrusted from the right", []string{"for=6.6.6.6, for=203.0.113.7;proto=https, for=10.0.0.2;proto=http"}, "203.0.113.7 https shop.example"},
		{"over lines in order", []string{"for=6.6.6.6;host=evil.example", "for=203.0.113.7;host=a.example", "for=10.0.0.2"}, "203.0.113.7 http a.example"},
		{"by and extensions are read over", []string{`for=203.0.113.7;by="_proxy";secret="a,b;c=\"d\"";proto=https`}, "203.0.113.7 https shop.example"},
		{"blanks", []string{" for=203.0.113.7 ; proto=https ;\t"}, "203.0.113.7 https shop.example"},
		{"unknown stops", []string{"for=6.6.6.6, for=unknown;proto=https"}, "10.0.0.1 https shop.example"},
		{"obfuscated stops", []string{"for=6.6.6.6, for=_hidden, for=10.0.0.2"}, "10.0.0.2 http shop.example"},
		{"element without for stops", []string{"for=6.6.6.6, proto=https;host=b.example"}, "10.0.0.1 https b.example"},
		{"empty element stops", []string{"for=6.6.6.6, , for=10.0.0.2"}, "10.0.0.2 http shop.example"},
		{"open quote of a client", []string{`for="6.6.6.6, for=203.0.113.7;proto=https`}, "203.0.113.7 https shop.example"},
		{"quote of a client over two entries", []string{`for="6.6.6.6, for=203.0.113.7`, `for=10.0.0.2"`}, "10.0.0.1 http shop.example"},
		{"twice for", []string{"for=6.6.6.6;for=203.0.113.7"}, "10.0.0.1 http shop.example"},
		{"twice proto", []string{"for=203.0.113.7;proto=http;proto=https"}, "10.0.0.1 http shop.example"},
		{"bare IPv6 stops", []string{`for="2001:db8::1"`}, "10.0.0.1 http shop.example"},
		{"no value", []string{"for="}, "10.0.0.1 http shop.example"},
		{"no name", []string{"=203.0.113.7"}, "10.0.0.1 http shop.example"},
		{"control byte in quotes", []string{"for=\"203.0.113.7\x01\""}, "10.0.0.1 http shop.example"},
		{"escaped closing quote", []string{`for="203.0.113.7\"`}, "10.0.0.1 http shop.example"},
		{"scheme of another kind", []string{"for=203.0.113.7;proto=ftp"}, "203.0.113.7 http shop.example"},
		{"malformed host", []string{`for=203.0.113.7;host="a b"`}, "203.0.113.7 http shop.example"},
		{"two pairs without separator", []string{`for=203.0.113.7 proto=https`}, "10.0.0.1 http shop.example"},
	}
	v := resolver(t, clientip.Forwarded, "10.0.0.0/8")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := request("10.0.0.1:9", false, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example")
			r.Header["Forwarded"] = test.lines
			c := v.Resolve(r)
			if got := c.Addr.String() + " " + c.Scheme + " " + c.Host; got != test.want {
				t.Errorf("Resolve(%q) = %s, want %s", test.lines, got, test.want)
			}
		})
	}
}

func TestResolveSchemeAndHostFromProxy(t *testing.T) {
	tests := []struct {
		name   string
		secure bool
		lines  []string
		want   string // scheme host
	}{
		{"nothing said", false, nil, "http shop.example"},
		{"nothing said over TLS", true, nil, "https shop.example"},
		{"https", false, []string{"X-Forwarded-Proto: https"}, "https shop.example"},
		{"any case", false, []string{"X-Forwarded-Proto: HTTPS"}, "https shop.example"},
		{"the client came in plain, the proxy by TLS", true, []string{"X-Forwarded-Proto: http"}, "http shop.example"},
		{"WebSocket", false, []string{"X-Forwarded-Proto: wss"}, "https shop.example"},
		{"agreeing list", false, []string{"X-Forwarded-Proto: https, https"}, "https shop.example"},
		{"disagreeing list", false, []string{"X-Forwarded-Proto: https, http"}, "http shop.example"},
		{"disagreeing lines over TLS", true, []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: https"}, "https shop.example"},
		{"another scheme", false, []string{"X-Forwarded-Proto: gopher"}, "http shop.example"},
		{"host", false, []string{"X-Forwarded-Host: Www.Example:8443"}, "http www.example:8443"},
		{"host without the default port of the true scheme", false, []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: www.example:443"}, "https www.example"},
		{"two hosts", false, []string{"X-Forwarded-Host: evil.example, www.example"}, "http shop.example"},
		{"malformed host", false, []string{"X-Forwarded-Host: www.example/path"}, "http shop.example"},
		{"malformed own host is mended", false, []string{"Host: a b", "X-Forwarded-Host: www.example"}, "http www.example"},
	}
	v := resolver(t, clientip.XForwardedFor, "loopback")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := v.Resolve(request("127.0.0.1:9", test.secure, test.lines...))
			if got := c.Scheme + " " + c.Host; got != test.want {
				t.Errorf("Resolve(%q) = %s, want %s", test.lines, got, test.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	pfx := netip.MustParsePrefix
	tests := []struct {
		name   string
		option clientip.Options
		field  string
		hint   string // a piece of
	}{
		{"all of IPv4", clientip.Options{Proxies: []netip.Prefix{pfx("0.0.0.0/0")}}, "Proxies[0]", "chooses the client's address"},
		{"all of IPv6", clientip.Options{Proxies: []netip.Prefix{pfx("10.0.0.0/8"), pfx("::/0")}}, "Proxies[1]", "chooses the client's address"},
		{"half of IPv4", clientip.Options{Proxies: []netip.Prefix{pfx("128.0.0.0/1")}}, "Proxies[0]", "chooses the client's address"},
		{"all public IPv6", clientip.Options{Proxies: []netip.Prefix{pfx("2000::/3")}}, "Proxies[0]", "chooses the client's address"},
		{"all of IPv4, mapped", clientip.Options{Proxies: []netip.Prefix{pfx("::ffff:0.0.0.0/96")}}, "Proxies[0]", "chooses the client's address"},
		{"wider than mapped", clientip.Options{Proxies: []netip.Prefix{pfx("::ffff:0.0.0.0/90")}}, "Proxies[0]", "as such"},
		{"not masked", clientip.Options{Proxies: []netip.Prefix{pfx("10.1.2.3/8")}}, "Proxies[0]", "write 10.0.0.0/8 for the whole network or 10.1.2.3/32"},
		{"not masked, mapped", clientip.Options{Proxies: []netip.Prefix{pfx("::ffff:10.1.2.3/104")}}, "Proxies[0]", "write 10.0.0.0/8"},
		{"zero prefix", clientip.Options{Proxies: []netip.Prefix{{}}}, "Proxies[0]", ""},
		{"unknown header", clientip.Options{Header: 7}, "Header", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := clientip.New(test.option)
			problems := guard.OptionErrors(err)
			if len(problems) != 1 || problems[0].Field != test.field || !strings.Contains(problems[0].Hint, test.hint) {
				t.Errorf("New(%v) = %v, want one problem of %s with hint %q", test.option, err, test.field, test.hint)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		_, err := clientip.New(clientip.Options{Proxies: []netip.Prefix{pfx("0.0.0.0/0"), pfx("10.1.2.3/8")}, Header: 9})
		if got := len(guard.OptionErrors(err)); got != 3 {
			t.Errorf("New = %v: %d problems, want 3", err, got)
		}
	})
	t.Run("mapped network is taken as IPv4", func(t *testing.T) {
		v, err := clientip.New(clientip.Options{Proxies: []netip.Prefix{pfx("::ffff:10.0.0.0/104")}})
		if err != nil {
			t.Fatal(err)
		}
		if c := v.Resolve(request("10.9.9.9:1", false)); !c.Trusted {
			t.Errorf("10.9.9.9 is not trusted by ::ffff:10.0.0.0/104")
		}
	})
	t.Run("the caller's slice is not kept", func(t *testing.T) {
		list := prefixes(t, "10.0.0.0/8")
		v, err := clientip.New(clientip.Options{Proxies: list})
		if err != nil {
			t.Fatal(err)
		}
		list[0] = pfx("192.0.2.0/24")
		if v.Resolve(request("192.0.2.1:1", false)).Trusted {
			t.Error("a change of the caller's slice changed the trust")
		}
	})
}

func TestParseProxies(t *testing.T) {
	got, err := clientip.ParseProxies([]string{"loopback", " 10.0.0.0/8", "192.0.2.1", "::ffff:192.0.2.2", "2001:db8::1", "linklocal", "uniquelocal"})
	want := "127.0.0.0/8 ::1/128 10.0.0.0/8 192.0.2.1/32 192.0.2.2/32 2001:db8::1/128 169.254.0.0/16 fe80::/10 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"
	var text []string
	for _, p := range got {
		text = append(text, p.String())
	}
	if s := strings.Join(text, " "); err != nil || s != want {
		t.Errorf("ParseProxies = %s, %v, want %s", s, err, want)
	}
	if _, err := clientip.New(clientip.Options{Proxies: got}); err != nil {
		t.Errorf("New refuses the named networks: %v", err)
	}
	_, err = clientip.ParseProxies([]string{"10.0.0.0/8", "true", "1", "10.0.0.0/33"})
	if problems := guard.OptionErrors(err); len(problems) != 3 || problems[0].Field != "Proxies[1]" || problems[0].Value != "true" {
		t.Errorf("ParseProxies of three wrong entries = %v", err)
	}
}

func TestHeaderText(t *testing.T) {
	for _, h := range []clientip.Header{clientip.XForwardedFor, clientip.Forwarded} {
		text, err := h.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back clientip.Header
		if err := back.UnmarshalText([]byte(strings.ToUpper(string(text)))); err != nil || back != h {
			t.Errorf("UnmarshalText(%s) = %v, %v, want %v", text, back, err, h)
		}
	}
	var h clientip.Header
	if err := h.UnmarshalText([]byte("x-real-ip")); len(guard.OptionErrors(err)) != 1 {
		t.Errorf("UnmarshalText(x-real-ip) = %v, want an OptionError", err)
	}
	if _, err := clientip.Header(9).MarshalText(); err == nil {
		t.Error("MarshalText of an unknown header gives no error")
	}
}

func TestHandlerKeepsTheClient(t *testing.T) {
	v := resolver(t, clientip.XForwardedFor, "loopback")
	var got clientip.Client
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = clientip.Of(r) })
	tests := []struct {
		name string
		h    http.Handler
	}{
		{"alone", v.Handler(inner)},
		{"within an exchange", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := hook.Begin(w, r)
			defer x.End()
			v.Handler(inner).ServeHTTP(w, r)
		})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got = clientip.Client{}
			test.h.ServeHTTP(httptest.NewRecorder(), request("127.0.0.1:9", false, "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https"))
			if want := "203.0.113.7 203.0.113.7/32 https shop.example trusted"; summary(got) != want {
				t.Errorf("Of = %q, want %q", summary(got), want)
			}
		})
	}
}
