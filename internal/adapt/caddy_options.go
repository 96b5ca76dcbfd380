package adapt

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/adapt/caddyconf"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/draft"
)

// global reads the options at the top.
func (c *caddy) global(all []*caddyconf.Directive) {
	for _, d := range all {
		first := ""
		if len(d.Args) > 0 {
			first = d.Args[0]
		}
		switch d.Name {
		case "http_port", "https_port":
			if n, ok := number(first); ok && n > 0 && n < 65536 {
				c.ports[strings.TrimSuffix(d.Name, "_port")] = first
			}
		case "auto_https":
			if slices.Contains(d.Args, "off") || slices.Contains(d.Args, "disable_redirects") {
				c.noRedirect = true
				continue
			}
			c.say(d, Done, "redirects are those of redirect:, certificates those of tls:")
		case "grace_period":
			c.duration(d, first, "bounds.drain_timeout")
		case "servers":
			for _, o := range d.Block {
				c.server(o)
			}
		default:
			text, ok := caddyGlobal[d.Name]
			if !ok {
				text = fate{NotCarried, "the door has no such thing"}
			}
			c.say(d, text.became, "%s", text.text)
		}
	}
}

var caddyGlobal = map[string]fate{
	"email":          {NotCarried, "the door takes certificates from files; security.txt is contact:"},
	"debug":          {NotCarried, "what happens is told as JSON; there is nothing more to switch on"},
	"admin":          {Done, "orders come over a unix socket that only the door's user may open; health and metrics are at admin.listen"},
	"order":          {Done, "the order of the guards is fixed"},
	"storage":        {NotCarried, "keys and state are in the folder that state: names"},
	"log":            {Done, "the access log and what happens go to stderr as JSON"},
	"local_certs":    {Done, "loopback names get certificates of a local CA"},
	"persist_config": {Done, "the file is all there is"},
	"metrics":        {Done, "metrics are at admin.listen"},
	"on_demand_tls":  {NotCarried, "name each host in sites"},
	"default_bind":   {NotCarried, "listen: has the address"},
	"default_sni":    {Done, "the certificate of the first site stands in"},
	"ocsp_stapling":  {NotCarried, "the door staples nothing"},
}

// server reads the global options of servers.
func (c *caddy) server(d *caddyconf.Directive) {
	first := ""
	if len(d.Args) > 0 {
		first = d.Args[0]
	}
	switch d.Name {
	case "trusted_proxies":
		if first != "static" {
			c.say(d, NotCarried, "name the networks in trust.proxies")
			return
		}
		for _, word := range d.Args[1:] {
			networks := []string{word}
			if word == "private_ranges" {
				networks = []string{"192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8", "127.0.0.0/8", "fd00::/8", "::1"}
			}
			for _, n := range networks {
				prefix, ok := trusted(n)
				have, _ := c.r.Draft.Get("trust.proxies")
				switch {
				case !ok:
					c.say(d, NotCarried, "trust.proxies names networks, as narrow as /7: %s", word)
				case !slices.ContainsFunc(have.List, func(v draft.Value) bool { return v.Scalar == draft.Text(prefix).Scalar }):
					c.r.Draft.Add("trust.proxies", draft.Text(prefix).By(where(d)))
				}
			}
		}
	case "client_ip_headers":
		if len(d.Args) != 1 || !strings.EqualFold(first, "x-forwarded-for") {
			c.say(d, SetAs, "trust.header: x-forwarded-for: make sure that the proxy writes it, as Cloudflare and most do")
		}
	case "trusted_proxies_strict":
		c.say(d, Done, "the chain is read from its end, and never past a stranger")
	case "timeouts":
		for _, t := range d.Block {
			value := ""
			if len(t.Args) > 0 {
				value = t.Args[0]
			}
			switch t.Name {
			case "read_header":
				c.duration(t, value, "bounds.head_timeout")
			case "idle":
				c.duration(t, value, "bounds.idle_timeout")
			default:
				c.say(t, NotCarried, "bodies are bounded by bounds.body_min_rate and bounds.stream_idle")
			}
		}
	case "max_header_size":
		n, ok := caddySize(first)
		if !ok || n < 1<<10 || n > 16<<20 {
			c.say(d, NotCarried, "bounds.head_bytes is from 1024 to 16777216")
			return
		}
		c.r.Draft.Set("bounds.head_bytes", draft.Plain(decimal(n)).By(where(d)))
	case "listener_wrappers":
		c.say(d, NotCarried, "the door does not read the PROXY protocol: let the balancer write X-Forwarded-For")
	case "protocols", "strict_sni_host", "keepalive_interval", "enable_full_duplex", "metrics", "name", "log_credentials":
		c.say(d, Done, "HTTP/1.1 and HTTP/2 are on, a host that is no site is refused, credentials are never logged")
	default:
		c.say(d, NotCarried, "the door has no such thing")
	}
}

// duration sets a time within what the configuration takes.
func (c *caddy) duration(d *caddyconf.Directive, value, path string) {
	most := map[string]time.Duration{"bounds.response_timeout": 24 * time.Hour, "bounds.idle_timeout": 24 * time.Hour}[path]
	if most == 0 {
		most = time.Hour
	}
	t, ok := caddyTime(value)
	if !ok || t < time.Millisecond || t > most {
		c.say(d, NotCarried, "%s is from 1ms to %s", path, config.Duration(most))
		return
	}
	c.r.Draft.Set(path, draft.Plain(config.Duration(t).String()).By(where(d)))
}

// caddyTime reads a time: 10s, 1m30s, 1d.
func caddyTime(s string) (time.Duration, bool) {
	var d config.Duration
	if err := d.UnmarshalText([]byte(s)); err != nil {
		return 0, false
	}
	return time.Duration(d), true
}

// caddySize reads a size: 512, 10MB, 10MiB.
func caddySize(s string) (int64, bool) {
	end := strings.IndexFunc(s, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.ParseFloat(s[:end], 64)
	if err != nil || n < 0 || math.IsInf(n, 0) {
		return 0, false
	}
	unit := strings.ToLower(strings.TrimSpace(s[end:]))
	factor, ok := map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "k": 1e3, "mb": 1e6, "m": 1e6, "gb": 1e9, "g": 1e9, "tb": 1e12, "t": 1e12,
		"kib": 1 << 10, "ki": 1 << 10, "mib": 1 << 20, "mi": 1 << 20, "gib": 1 << 30, "gi": 1 << 30, "tib": 1 << 40, "ti": 1 << 40,
	}[unit]
	if !ok || n*factor > 1<<50 {
		return 0, false
	}
	return int64(n * factor), true
}

// tls reads where the certificate comes from, and the profile.
func (b *caddyBlock) tls(d *caddyconf.Directive) {
	c := b.c
	switch {
	case len(d.Args) == 2:
		var one pair
		for i, word := range d.Args {
			name, ok := c.settled(d, word)
			if !ok {
				return
			}
			if !filepath.IsAbs(name) {
				name = filepath.Join(c.folder, name)
			}
			if i == 0 {
				one.cert = name
			} else {
				one.key = name
			}
		}
		one.from = where(d)
		if !slices.ContainsFunc(c.certs, func(have pair) bool { return have.cert == one.cert && have.key == one.key }) {
			c.certs = append(c.certs, one)
		}
	case len(d.Args) == 1 && d.Args[0] == "internal":
		c.say(d, SetAs, "the local CA is for loopback names; other sites need certificate files")
	case len(d.Args) == 1:
		c.say(d, NotCarried, "the door takes certificates from files: tls.certificates")
	}
	for _, o := range d.Block {
		switch o.Name {
		case "protocols":
			profile := "intermediate"
			if len(o.Args) > 0 && o.Args[0] == "tls1.3" {
				profile = "modern"
			}
			if have, ok := c.r.Draft.Get("tls.policy"); ok && have.Scalar != profile {
				c.say(o, SetAs, "tls.policy: intermediate, one for all sites")
				profile = "intermediate"
			}
			c.r.Draft.Set("tls.policy", draft.Text(profile).By(where(o)))
		case "ciphers", "curves", "alpn":
			c.say(o, Done, "the profile of tls.policy has the list")
		case "client_auth":
			c.say(o, NotCarried, "the door asks nobody for a certificate")
			c.refuses(o)
		default:
			c.say(o, NotCarried, "the door takes certificates from files: tls.certificates")
		}
	}
}

// body reads how large a body may be; of several the largest holds.
func (b *caddyBlock) body(d *caddyconf.Directive) {
	for _, o := range d.Block {
		if o.Name != "max_size" || len(o.Args) != 1 {
			b.c.say(o, NotCarried, "the door has no such thing")
			continue
		}
		n, ok := caddySize(o.Args[0])
		if !ok {
			b.c.say(o, NotCarried, "bounds.body_max is a number of bytes")
			continue
		}
		if have, set := b.c.r.Draft.Get("bounds.body_max"); set {
			if old, _ := strconv.ParseInt(have.Scalar, 10, 64); old >= n {
				continue
			}
		}
		b.c.r.Draft.Set("bounds.body_max", draft.Plain(decimal(n)).By(where(o)))
	}
}

func (b *caddyBlock) log(d *caddyconf.Directive) {
	b.c.say(d, Done, "the access log goes to stderr as JSON; off: log.access: off")
}

// caddyTable says what becomes of directives that nothing else reads.
var caddyTable = map[string]fate{
	"encode":         {NotCarried, "the door does not compress: let the application do it, and not what holds secrets"},
	"redir":          {NotCarried, "the door sends no host or path elsewhere: let the application do it"},
	"rewrite":        {NotCarried, "the door changes no paths: let the application do it"},
	"uri":            {NotCarried, "the door changes no paths: let the application do it"},
	"try_files":      {NotCarried, "the door serves no files: let the application do it, as express.static does"},
	"file_server":    {NotCarried, "the door serves no files: let the application do it, as express.static does"},
	"root":           {NotCarried, "the door serves no files"},
	"respond":        {NotCarried, "the door answers nothing of its own: let the application do it"},
	"error":          {NotCarried, "the door answers nothing of its own"},
	"abort":          {NotCarried, "the door answers nothing of its own"},
	"handle_errors":  {NotCarried, "name the files of your pages: errors: {404: ./404.html}"},
	"basic_auth":     {NotCarried, "access is for the application to say; the door protects its logins from guessing: login.routes, basic: true"},
	"basicauth":      {NotCarried, "access is for the application to say; the door protects its logins from guessing: login.routes, basic: true"},
	"forward_auth":   {NotCarried, "access is for the application to say"},
	"php_fastcgi":    {NotCarried, "the door speaks HTTP to applications: keep a server that speaks FastCGI behind it"},
	"templates":      {NotCarried, "the door makes no pages"},
	"bind":           {NotCarried, "listen: has the address"},
	"request_header": {NotCarried, "the door adds no headers of that name to requests"},
	"vars":           {NotCarried, "the door has no variables"},
	"map":            {NotCarried, "the door has no variables"},
	"method":         {NotCarried, "the method passes as it came"},
	"push":           {Done, "browsers push nothing any more"},
	"tracing":        {NotCarried, "the door has traces of its own, where it has any"},
	"metrics":        {Done, "metrics are at admin.listen"},
	"skip_log":       {NotCarried, "the access log is for all or for none: log.access: off"},
	"log_skip":       {NotCarried, "the access log is for all or for none: log.access: off"},
	"log_append":     {NotCarried, "the fields of the access log are fixed"},
	"acme_server":    {NotCarried, "the door issues no certificates to others"},
}
