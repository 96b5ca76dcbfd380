package clientip_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/hook"
)

func hookBegin(r *http.Request) (*hook.Exchange, http.ResponseWriter, *http.Request) {
	return hook.Begin(httptest.NewRecorder(), r)
}

// FuzzSpoofedChain: whatever a client puts left of what the trusted proxies append,
// on the same line or on lines before, the answer is the one without it.
func FuzzSpoofedChain(f *testing.F) {
	for _, left := range []string{"", "6.6.6.6", "10.0.0.5", "10.0.0.5, 10.0.0.6", `for="`, `for="6.6.6.6`, `for=6.6.6.6;proto=http`, `\`, `",`, "unknown", ";", `for=10.0.0.1;x="`, "=", `a="\"`} {
		f.Add(left, left, uint8(0))
	}
	xff := resolver(f, clientip.XForwardedFor, "10.0.0.0/8")
	fwd := resolver(f, clientip.Forwarded, "10.0.0.0/8")
	suffixes := []struct{ list, element, want string }{
		{"203.0.113.7", "for=203.0.113.7;proto=https;host=a.example", "203.0.113.7"},
		{"203.0.113.7, 10.0.0.2", `for=203.0.113.7;proto=https;host=a.example, for="10.0.0.2:80";proto=http`, "203.0.113.7"},
		{"2001:db8::7, 10.0.0.3, 10.0.0.2", `for="[2001:db8::7]";x="a\",b;";proto=https;host="a.example", for=10.0.0.3, for=10.0.0.2`, "2001:db8::7"},
		{"unknown", "for=unknown;proto=https;host=a.example", "10.0.0.1"},
		{"nonsense, 10.0.0.2", "for=_hidden;proto=https;host=a.example, for=10.0.0.2", "10.0.0.2"},
	}
	f.Fuzz(func(t *testing.T, line, left string, n uint8) {
		s := suffixes[int(n)%len(suffixes)]
		r := request("10.0.0.1:1", false)
		r.Header["X-Forwarded-For"] = []string{line, left + ", " + s.list}
		if got := xff.Resolve(r).Addr.String(); got != s.want {
			t.Errorf("X-Forwarded-For %q = %s, want %s", r.Header["X-Forwarded-For"], got, s.want)
		}
		r.Header["Forwarded"] = []string{line, left + ", " + s.element}
		c := fwd.Resolve(r)
		if got := c.Addr.String() + " " + c.Scheme + " " + c.Host; got != s.want+" https a.example" {
			t.Errorf("Forwarded %q = %s, want %s https a.example", r.Header["Forwarded"], got, s.want)
		}
	})
}

// FuzzEntry: an entry that is read is the address that net/netip reads, and each
// address that net/netip reads is read.
func FuzzEntry(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80", "[::1]", "::1", "::ffff:1.2.3.4", "fe80::1%eth0", "1.2.3.4:", "01.2.3.4", "[1.2.3.4]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := clientip.ParseEntry(s)
		want, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
		if err != nil || strings.HasPrefix(s, "[") != strings.HasSuffix(s, "]") || strings.HasPrefix(s, "[") && !want.Is6() {
			var ap netip.AddrPort
			ap, err = netip.ParseAddrPort(s)
			want = ap.Addr()
			if _, port, cut := strings.Cut(s[strings.LastIndexByte(s, ']')+1:], ":"); cut && len(port) > 5 {
				return // net/netip takes zeros in front without end
			}
		}
		mayRead := err == nil && !want.IsUnspecified() && len(s) <= 128
		if ok != mayRead {
			t.Fatalf("parseEntry(%q) = %v, %v; net/netip reads %v, %v", s, got, ok, want, err)
		}
		if ok && got != want.WithZone("").Unmap() {
			t.Errorf("parseEntry(%q) = %v, want %v", s, got, want)
		}
	})
}

// FuzzForwarded: what is read from right to left is what the grammar of RFC 7239,
// followed from left to right, gives.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{
		"for=192.0.2.60;proto=http;by=203.0.113.43", `for="[2001:db8:cafe::17]:4711", for=_x`, `for="a\"b,c;d=e";host="x"`,
		"for=a,for=b;;proto=c;", ",", `a="\\",for=b`, `for=a;for=b`, `for="a"b`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		want, valid := forwards(line)
		got, whole := clientip.Elements(line)
		if valid != whole {
			t.Fatalf("%q: readable from the left %v, from the right %v", line, valid, whole)
		}
		slices.Reverse(got)
		if valid && !slices.Equal(got, want) {
			t.Errorf("%q: from the right %q, from the left %q", line, got, want)
		}
	})
}

// forwards is the reading from the left, with the same two liberties: blanks around
// separators, and ":", "[" and "]" in values without quotes.
func forwards(s string) (elements [][3]string, ok bool) {
	blank := func() { s = strings.TrimLeft(s, " \t") }
	span := func(also string) string {
		i := 0
		for i < len(s) && (strings.IndexByte("!#$%&'*+-.^_`|~"+also, s[i]) >= 0 ||
			'0' <= s[i] && s[i] <= '9' || 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z') {
			i++
		}
		head := s[:i]
		s = s[i:]
		return head
	}
	for {
		var e [3]string
		seen := map[string]bool{}
		for {
			blank()
			if s == "" || s[0] == ',' {
				break
			}
			if s[0] == ';' {
				s = s[1:]
				continue
			}
			name := strings.ToLower(span(""))
			if name == "" || s == "" || s[0] != '=' {
				return nil, false
			}
			s = s[1:]
			var value string
			if s != "" && s[0] == '"' {
				i := 1
				var b strings.Builder
				for ; i < len(s) && s[i] != '"'; i++ {
					if s[i] == '\\' {
						if i++; i == len(s) {
							return nil, false
						}
					}
					if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
						return nil, false
					}
					b.WriteByte(s[i])
				}
				if i >= len(s) {
					return nil, false
				}
				value, s = b.String(), s[i+1:]
			} else if value = span(":[]"); value == "" {
				return nil, false
			}
			if i := slices.Index([]string{"for", "proto", "host", "by"}, name); i >= 0 {
				if seen[name] {
					return nil, false
				}
				seen[name] = true
				if i < 3 {
					e[i] = value
				}
			}
			blank()
			if s != "" && s[0] != ';' && s[0] != ',' {
				return nil, false
			}
		}
		elements = append(elements, e)
		if s == "" {
			return elements, true
		}
		s = s[1:]
	}
}

// FuzzWriteForwarded: what is written for a client, a trusting reader understands as
// the same client, by either header.
func FuzzWriteForwarded(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, "shop.example:8443", true)
	f.Add([]byte("0123456789abcdef"), "[2001:db8::1]", false)
	f.Add([]byte{}, `a";for=6.6.6.6`, true)
	xff := resolver(f, clientip.XForwardedFor, "127.0.0.1")
	fwd := resolver(f, clientip.Forwarded, "127.0.0.1")
	f.Fuzz(func(t *testing.T, raw []byte, host string, secure bool) {
		addr, _ := netip.AddrFromSlice(raw)
		peer := "@"
		if addr.IsValid() {
			peer = netip.AddrPortFrom(addr, 9).String()
		}
		if addr.Unmap().IsUnspecified() || addr.Unmap() == netip.MustParseAddr("127.0.0.1") {
			return
		}
		r := request(peer, secure, "Host: "+host)
		c := clientip.Of(r)
		next := request("127.0.0.1:1", false)
		next.Host = ""
		clientip.WriteForwarded(next.Header, r, c)
		if !c.Addr.IsValid() {
			c.Addr, c.Prefix = netip.MustParseAddr("127.0.0.1"), netip.MustParsePrefix("127.0.0.1/32")
		}
		c.Trusted = true
		for name, v := range map[string]*clientip.Resolver{"X-Forwarded-For": xff, "Forwarded": fwd} {
			if got := v.Resolve(next); got != c {
				t.Errorf("%s %q reads as %+v, want %+v", name, next.Header, got, c)
			}
		}
	})
}

// FuzzCleanHost: a clean host is clean, and net/url finds the same name and port in it.
func FuzzCleanHost(f *testing.F) {
	for _, s := range []string{"Shop.Example:443", "[2001:DB8::1]:80", "a_b.", "a:0", "1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		clean, ok := clientip.CleanHost(host, "https")
		if !ok {
			return
		}
		if again, ok := clientip.CleanHost(clean, "https"); !ok || again != clean {
			t.Errorf("CleanHost(%q) = %q, and of that %q, %v", host, clean, again, ok)
		}
		u, err := url.Parse("https://" + host + "/")
		if err != nil {
			t.Fatalf("net/url refuses %q: %v", host, err)
		}
		name, port, _ := clientip.SplitHost(host)
		if u.Hostname() != strings.Trim(name, "[]") || u.Port() != port || u.Path != "/" {
			t.Errorf("SplitHost(%q) = %q, %q; net/url has %q, %q", host, name, port, u.Hostname(), u.Port())
		}
	})
}
