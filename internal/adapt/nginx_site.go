package adapt

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/adapt/nginxconf"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/draft"
)

// headers carries over the headers of the first application that is passed to; of the
// others what is the same.
func (n *nginx) headers(servers []*nginxServer) {
	var chosen []*nginxconf.Directive
	first := true
	for _, v := range servers {
		for _, x := range v.proxies {
			all := x.scope.all("add_header")
			if first {
				first, chosen = false, all
				continue
			}
			for _, d := range all {
				if slices.ContainsFunc(chosen, func(c *nginxconf.Directive) bool { return slices.Equal(c.Args, d.Args) }) {
					n.take(d)
				}
			}
		}
		n.policy(v)
		n.forwarded(v)
	}
	var lines []headerLine
	for _, d := range chosen {
		if len(d.Args) >= 2 {
			n.take(d)
			lines = append(lines, headerLine{d.Args[0], d.Args[1], d.File, d.Line, "add_header " + d.Args[0]})
		}
	}
	n.security(lines)
}

// weak are words of lists of ciphers that no profile has.
var weak = []string{"RC4", "DES", "MD5", "NULL", "EXP", "IDEA", "SEED", "CAMELLIA", "PSK", "SRP", "LOW", "MEDIUM", "ALL", "AES128-SHA", "AES256-SHA", "HIGH"}

// policy chooses the profile of TLS: modern where every server is.
func (n *nginx) policy(v *nginxServer) {
	if len(v.tls) == 0 {
		return
	}
	if d := v.scope.one("ssl_protocols"); d != nil && !n.seen[d] {
		n.take(d)
		var old []string
		for _, p := range d.Args {
			if p != "TLSv1.2" && p != "TLSv1.3" {
				old = append(old, p)
			}
		}
		if len(old) > 0 {
			n.note(d.File, d.Line, d.String(), NotCarried, "no profile of Mozilla's has %s: tls.policy is intermediate", strings.Join(old, ", "))
		}
		profile := "intermediate"
		if slices.Equal(d.Args, []string{"TLSv1.3"}) {
			profile = "modern"
		}
		if have, ok := n.r.Draft.Get("tls.policy"); ok && have.Scalar != profile {
			n.note(d.File, d.Line, d.String(), SetAs, "tls.policy: intermediate, one for all sites")
			profile = "intermediate"
		}
		n.r.Draft.Set("tls.policy", draft.Text(profile).By(at(d)))
	}
	if d := v.scope.one("ssl_ciphers"); d != nil && !n.seen[d] {
		var dropped []string
		for word := range strings.SplitSeq(d.Args[0], ":") {
			if !strings.HasPrefix(word, "!") && !strings.HasPrefix(word, "-") && slices.ContainsFunc(weak, func(w string) bool {
				return strings.Contains(strings.ToUpper(word), w) && !strings.Contains(word, "GCM")
			}) {
				dropped = append(dropped, word)
			}
		}
		if len(dropped) > 0 {
			n.say(d, Done, "the profile has the list; dropped are %s, which name weak ones", strings.Join(dropped, ", "))
		} else {
			n.say(d, Done, "the profile of tls.policy has the list")
		}
	}
}

// forwarded says what becomes of the headers that the application gets.
func (n *nginx) forwarded(v *nginxServer) {
	for _, x := range v.proxies {
		for _, name := range []string{"proxy_set_header", "grpc_set_header"} {
			for _, d := range x.scope.all(name) {
				if n.seen[d] || len(d.Args) != 2 {
					continue
				}
				header, value := strings.ToLower(d.Args[0]), d.Args[1]
				switch {
				case header == "host" && (value == "$host" || value == "$http_host" || value == "$host:$server_port"):
					n.say(d, Done, "the host passes as it came")
				case header == "host":
					n.say(d, NotCarried, "the host passes as it came: let the application answer to it")
				case slices.Contains([]string{"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded"}, header):
					n.say(d, Done, "the application is told who asks: app.set('trust proxy', 'loopback')")
				case header == "x-real-ip":
					n.say(d, SetAs, "X-Forwarded-For, which holds the client's address alone: req.ip, with trust proxy set to 'loopback'")
				case header == "upgrade", header == "connection":
					n.say(d, Done, "WebSockets pass")
				case header == "accept-encoding", header == "proxy", header == "te":
					n.say(d, Done, "what is for one connection does not pass")
				default:
					n.say(d, NotCarried, "the door adds no headers of that name to requests")
				}
			}
		}
	}
}

// bounds carries over sizes and times. Of several the most generous one holds, as the door
// has one for all.
func (n *nginx) bounds(outer scope, servers []*nginxServer) {
	var scopes []scope
	for _, v := range servers {
		for _, x := range v.proxies {
			scopes = append(scopes, x.scope)
		}
	}
	if len(scopes) == 0 {
		return
	}
	n.bodyMax(scopes)
	n.time("bounds.response_timeout", scopes, 24*time.Hour, "proxy_read_timeout", "grpc_read_timeout")
	n.time("bounds.connect_timeout", scopes, time.Hour, "proxy_connect_timeout", "grpc_connect_timeout")
	n.time("bounds.idle_timeout", scopes, 24*time.Hour, "keepalive_timeout")
	n.time("bounds.head_timeout", scopes, time.Hour, "client_header_timeout")
	n.headBytes(scopes)
	for _, s := range scopes {
		if d := s.one("access_log"); d != nil && d.Args[0] == "off" && !n.seen[d] {
			n.take(d)
			if len(s) > 1 && slices.Contains(s[0], d) && len(scopes) > 1 {
				n.note(d.File, d.Line, d.String(), NotCarried, "the door writes the access log for all or for none: log.access: off")
				continue
			}
			n.r.Draft.Set("log.access", draft.Plain("off").By(at(d)))
		}
	}
	n.errorPages(scopes)
}

func (n *nginx) bodyMax(scopes []scope) {
	const preset = 1 << 20 // nginx's own, where nobody says anything
	most, from := int64(-1), ""
	for _, s := range scopes {
		size, where := int64(preset), "nginx's default"
		if d := s.one("client_max_body_size"); d != nil {
			n.take(d)
			v, ok := nginxSize(d.Args[0])
			if !ok {
				continue
			}
			size, where = v, at(d)
		}
		if most < 0 || most > 0 && (size == 0 || size > most) {
			most, from = size, where
		}
	}
	if most >= 0 {
		n.r.Draft.Set("bounds.body_max", draft.Plain(decimal(most)).By(from))
	}
}

func (n *nginx) headBytes(scopes []scope) {
	for _, s := range scopes {
		d := s.one("large_client_header_buffers")
		if d == nil || n.seen[d] || len(d.Args) != 2 {
			continue
		}
		n.take(d)
		count, ok := number(d.Args[0])
		size, too := nginxSize(d.Args[1])
		if total := count * size; ok && too && total >= 1<<10 && total <= 16<<20 {
			n.r.Draft.Set("bounds.head_bytes", draft.Plain(decimal(total)).By(at(d)))
		}
	}
}

func (n *nginx) time(path string, scopes []scope, most time.Duration, names ...string) {
	var longest time.Duration
	from := ""
	for _, s := range scopes {
		for _, name := range names {
			d := s.one(name)
			if d == nil {
				continue
			}
			n.take(d)
			t, ok := nginxTime(d.Args[0])
			if !ok || t < time.Millisecond {
				n.note(d.File, d.Line, d.String(), NotCarried, "%s is at least a millisecond", path)
				continue
			}
			if t > most {
				n.note(d.File, d.Line, d.String(), SetAs, "%s: %s, which is the most there is", path, config.Duration(most))
				t = most
			}
			if t > longest {
				longest, from = t, at(d)
			}
		}
	}
	if longest > 0 {
		n.r.Draft.Set(path, draft.Plain(config.Duration(longest).String()).By(from))
	}
}

// errorPages carries over pages whose files are there.
func (n *nginx) errorPages(scopes []scope) {
	for _, s := range scopes {
		for _, d := range s.all("error_page") {
			if n.seen[d] || len(d.Args) < 2 {
				continue
			}
			n.take(d)
			page := d.Args[len(d.Args)-1]
			root := s.one("root")
			for _, outer := range s {
				for _, l := range outer {
					if l.Name == "location" && l.HasBlock && (slices.Equal(l.Args, []string{page}) || slices.Equal(l.Args, []string{"=", page})) {
						n.take(l)
						n.take(l.Block...)
						if inner := (scope{l.Block}).one("root"); inner != nil {
							root = inner
						}
					}
				}
			}
			file := ""
			if root != nil && strings.HasPrefix(page, "/") {
				file = filepath.Join(n.file(root.Args[0]), filepath.FromSlash(page))
			}
			info, err := os.Stat(file)
			if file == "" || err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
				n.note(d.File, d.Line, d.String(), NotCarried, "name the file of the page: errors: {404: ./404.html}")
				continue
			}
			for _, code := range d.Args[:len(d.Args)-1] {
				if status, ok := number(code); ok && status >= 400 && status <= 599 {
					n.r.Draft.Set("errors", with(n.r, code, draft.Text(file).By(at(d))))
				}
			}
		}
	}
}

// with is the value of errors with another page.
func with(r *Result, code string, v draft.Value) draft.Value {
	pages, _ := r.Draft.Get("errors")
	for _, f := range pages.Map {
		if f.Name == code {
			return pages
		}
	}
	return pages.With(code, v)
}

// trust carries over whose word about the client is taken.
func (n *nginx) trust(outer scope, servers []*nginxServer) {
	scopes := []scope{outer}
	for _, v := range servers {
		scopes = append(scopes, v.scope)
	}
	var prefixes []string
	for _, s := range scopes {
		for _, d := range s.all("set_real_ip_from") {
			if n.seen[d] || len(d.Args) != 1 {
				continue
			}
			n.take(d)
			prefix, ok := trusted(d.Args[0])
			switch {
			case !ok:
				n.note(d.File, d.Line, d.String(), NotCarried, "trust.proxies names networks, as narrow as /7: a wider one lets strangers name their own address")
			case !slices.Contains(prefixes, prefix):
				prefixes = append(prefixes, prefix)
				n.r.Draft.Add("trust.proxies", draft.Text(prefix).By(at(d)))
			}
		}
		d := s.one("real_ip_header")
		if d == nil || n.seen[d] {
			continue
		}
		n.take(d)
		switch strings.ToLower(d.Args[0]) {
		case "x-forwarded-for":
		case "proxy_protocol":
			n.note(d.File, d.Line, d.String(), NotCarried, "the door does not read the PROXY protocol: let the balancer write X-Forwarded-For")
		default:
			n.note(d.File, d.Line, d.String(), SetAs, "trust.header: x-forwarded-for: make sure that the proxy writes it, as Cloudflare and most do")
		}
	}
}

// trusted makes a network as the configuration takes it.
func trusted(s string) (string, bool) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" && !addr.Is4In6() {
		return addr.String(), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Bits() < 7 || p.Addr().Is4In6() {
		return "", false
	}
	return p.Masked().String(), true
}
