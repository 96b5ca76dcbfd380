package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/certs"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/proof"
	"github.com/panoplysec/panoply/internal/spell"
)

// Validate checks everything that can be known without opening a port, including that
// the named files can be read and that certificates can serve. It reports all problems
// at once; see Problems. An empty Upstream is no problem here, since many commands need
// none: UpstreamURL reports it.
func (c *Config) Validate() error { return joined(c.problems()) }

func (c *Config) problems() []*Problem {
	k := &checker{cfg: c}
	k.version()
	k.upstream()
	k.listeners()
	k.public()
	k.sites()
	k.state()
	k.installKey()
	k.tls()
	k.trust()
	k.headers()
	k.pages()
	k.cookies()
	k.sessions()
	k.csrf()
	k.login()
	k.limits()
	k.shields()
	k.bounds()
	k.audit()
	k.contact()
	k.dependencies()
	k.ignores()
	k.mode("headers.mode", c.Headers.Mode)
	k.mode("conceal.mode", c.Conceal.Mode)
	k.mode("cookies.mode", c.Cookies.Mode)
	k.mode("sessions.mode", c.Sessions.Mode)
	k.mode("csrf.mode", c.CSRF.Mode)
	k.mode("login.mode", c.Login.Mode)
	for i, name := range c.Conceal.Keep {
		if !headerToken(name) {
			k.bad(fmt.Sprintf("conceal.keep[%d]", i), name, "the name of a header", "")
		}
	}
	k.oneOf("probes", c.Probes, "on", "off")
	k.oneOf("kind", c.Kind, "auto", "pages", "spa", "api")
	k.oneOf("http1", c.HTTP1, "own", "nethttp")
	k.oneOf("exchange", c.Exchange, "own", "proxy")
	k.oneOf("log.access", c.Log.Access, "on", "off")
	k.logFile()
	return k.problems
}

// Origin returns where the value at path came from; for a value without a place of its
// own, where the nearest thing around it stands. The zero Origin is a default.
func (c *Config) Origin(path string) Origin {
	for path != "" {
		if o, ok := c.origins[path]; ok {
			return o
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return Origin{}
}

// A checker collects the problems of one Validate.
type checker struct {
	cfg      *Config
	problems []*Problem
}

// bad notes a value that is not what is allowed.
func (k *checker) bad(path, value, allowed, hint string) {
	k.note(path, fmt.Sprintf("is %s, must be %s", quoted(value), allowed), hint, nil)
}

func (k *checker) note(path, text, hint string, err error) {
	o := k.cfg.Origin(path)
	if o == (Origin{}) {
		o.File = k.cfg.file
	}
	k.problems = append(k.problems, &Problem{Origin: o, Path: path, Text: text, Hint: hint, Err: err})
}

func (k *checker) oneOf(path, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	hint := ""
	if best := spell.Nearest(strings.ToLower(value), slices.Values(allowed)); best != "" {
		hint = "did you mean " + best + "?"
	}
	k.bad(path, value, "one of "+strings.Join(allowed, ", "), hint)
}

func (k *checker) mode(path string, m guard.Mode) {
	if m > guard.Off {
		k.bad(path, m.String(), "one of enforce, observe, off", "")
	}
}

func (k *checker) state() {
	dir := k.cfg.State
	if dir == "" {
		k.note("state", "has no default here, since the environment names no home folder", "add state: /path/to/folder", nil)
		return
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		k.bad("state", dir, "a folder", "")
	}
}

func (k *checker) headers() {
	h := k.cfg.Headers
	k.oneOf("headers.hsts", h.HSTS, "auto", "off")
	if h.Preload && !h.IncludeSubDomains {
		k.note("headers.preload", "needs include_subdomains", "the browsers' lists take no domain without it", nil)
	}
	if h.HSTS == "off" && (h.Preload || h.IncludeSubDomains) {
		path := "headers.include_subdomains"
		if h.Preload {
			path = "headers.preload"
		}
		k.note(path, "has no effect while headers.hsts is off", "remove one of the two", nil)
	}
}

// maxPage is the size of the largest error page, as it is kept in memory.
const maxPage = 1 << 20

func (k *checker) pages() {
	statuses := make([]int, 0, len(k.cfg.Errors))
	for status := range k.cfg.Errors {
		statuses = append(statuses, status)
	}
	slices.Sort(statuses)
	for _, status := range statuses {
		path, name := "errors."+pageName(status), k.cfg.Errors[status]
		if _, ok := pageKey(pageName(status)); !ok {
			k.note(path, "is not a status from 400 to 599, 4xx or 5xx", "", nil)
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			cause := err
			if p, ok := errors.AsType[*fs.PathError](err); ok {
				cause = p.Err
			}
			k.note(path, fmt.Sprintf("is %s, which cannot be read: %v", quoted(name), cause), "", err)
			continue
		}
		info, err := f.Stat()
		f.Close()
		switch {
		case err != nil:
			k.note(path, fmt.Sprintf("is %s, which cannot be read: %v", quoted(name), err), "", err)
		case !info.Mode().IsRegular():
			k.bad(path, name, "a file", "")
		case info.Size() > maxPage:
			k.bad(path, name, "a file of at most a megabyte", "")
		}
	}
}

func (k *checker) cookies() {
	c := k.cfg.Cookies
	k.oneOf("cookies.rename", c.Rename, "auto", "off")
	if c.Migrate <= 0 || time.Duration(c.Migrate) > 365*day {
		k.bad("cookies.migrate", c.Migrate.String(), "more than 0s and at most 365d", "")
	}
	for _, list := range []struct {
		path  string
		names []string
	}{{"cookies.session", c.Session}, {"cookies.script", c.Script}, {"cookies.cross_site", c.CrossSite}} {
		for i, name := range list.names {
			path := fmt.Sprintf("%s[%d]", list.path, i)
			if !headerToken(name) {
				k.bad(path, name, "the name of a cookie", "")
			} else if list.path == "cookies.script" && slices.Contains(c.Session, name) {
				k.note(path, fmt.Sprintf("is %s, which is in cookies.session too", quoted(name)), "a cookie that scripts read cannot be hidden from them", nil)
			}
		}
	}
}

func (k *checker) sessions() {
	c := k.cfg.Sessions
	k.oneOf("sessions.seal", c.Seal, "on", "off")
	for _, d := range []struct {
		path string
		is   Duration
	}{{"sessions.idle", c.Idle}, {"sessions.absolute", c.Absolute}, {"sessions.renewal", c.Renewal}, {"sessions.grace", c.Grace}} {
		if d.is < 0 || time.Duration(d.is) > 400*day {
			k.bad(d.path, d.is.String(), "0s to 400d", "")
		}
	}
	if time.Duration(c.Grace) > time.Hour {
		k.bad("sessions.grace", c.Grace.String(), "at most 1h", "whoever copied the older cookie may use it as long")
	}
	for _, list := range []struct {
		path  string
		paths []string
	}{{"sessions.login", c.Login}, {"sessions.logout", c.Logout}} {
		for i, p := range list.paths {
			if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "?# ") {
				k.bad(fmt.Sprintf("%s[%d]", list.path, i), p, "a path that begins in /", "")
			}
		}
	}
}

func (k *checker) audit() {
	name := k.cfg.Audit.Key
	if name == "" {
		return
	}
	if _, err := proof.ReadKey(name); err != nil {
		k.note("audit.key", err.Error(), "head -c 32 /dev/urandom | base64 > "+name, err)
	}
}

// contact checks for what RFC 9116 section 2.5.3 asks for: a URI, and https for the web.
func (k *checker) contact() {
	for i, c := range k.cfg.Contact {
		path := fmt.Sprintf("contact[%d]", i)
		u, err := url.Parse(c)
		switch {
		case err != nil || strings.ContainsAny(c, " \t\r\n") || u.Scheme == "" && !strings.Contains(c, "@"):
			k.bad(path, c, "an address such as mailto:security@shop.example or https://shop.example/security", "")
		case u.Scheme == "":
			k.bad(path, c, "an address with its scheme", "write mailto:"+c)
		case u.Scheme == "http":
			k.bad(path, c, "an address of https", "")
		}
	}
}

// ignores checks the form. Whether an id means anything is known to the audit.
func (k *checker) ignores() {
	for i, e := range k.cfg.Ignore {
		at := fmt.Sprintf("ignore[%d]", i)
		for _, f := range []struct{ name, value, allowed string }{
			{"id", e.ID, "the id of a rule or a practice"},
			{"scope", e.Scope + e.Path, `a path, file, subject or address; "*" is everywhere; or a path of packages in its place`},
			{"reason", strings.TrimSpace(e.Reason), "a reason"},
		} {
			if f.value == "" {
				k.bad(at+"."+f.name, f.value, f.allowed, "")
			}
		}
		if e.Scope != "" && e.Path != "" {
			k.bad(at+".path", e.Path, "one of scope and path", "")
		}
		if _, err := time.Parse(time.DateOnly, e.Until); err != nil {
			k.bad(at+".until", e.Until, "a day such as 2026-12-31", "")
		}
	}
}

func (k *checker) bounds() {
	b := k.cfg.Bounds
	for _, d := range []struct {
		name  string
		value Duration
		most  time.Duration
	}{
		{"head_timeout", b.HeadTimeout, time.Hour},
		{"idle_timeout", b.IdleTimeout, day},
		{"body_grace", b.BodyGrace, time.Hour},
		{"connect_timeout", b.ConnectTimeout, time.Hour},
		{"response_timeout", b.ResponseTimeout, day},
		{"drain_timeout", b.DrainTimeout, time.Hour},
		{"stream_idle", b.StreamIdle, 30 * day},
	} {
		if v := time.Duration(d.value); v < time.Millisecond || v > d.most {
			k.bad("bounds."+d.name, d.value.String(), "from 1ms to "+Duration(d.most).String(), "")
		}
	}
	if b.HeadBytes < 1<<10 || b.HeadBytes > 16<<20 {
		k.bad("bounds.head_bytes", fmt.Sprint(b.HeadBytes), "from 1024 to 16777216", "")
	}
	if b.BodyMinRate == 0 || b.BodyMinRate > 1<<30 {
		k.bad("bounds.body_min_rate", fmt.Sprint(b.BodyMinRate), "from 1 to 1073741824", "write -1 for no bound")
	}
	if b.BodyMax < 0 {
		k.bad("bounds.body_max", fmt.Sprint(b.BodyMax), "0 or more", "0 is no limit")
	}
}

func (k *checker) tls() {
	k.oneOf("tls.policy", k.cfg.TLS.Policy, "intermediate", "modern")
	sound := true
	var leaves []leafNames
	for i, c := range k.cfg.TLS.Certificates {
		path := fmt.Sprintf("tls.certificates[%d]", i)
		missing := false
		for _, part := range []struct{ key, value string }{{".cert", c.Cert}, {".key", c.Key}} {
			if part.value == "" {
				k.note(path+part.key, "is missing", "a certificate is a cert file and a key file", nil)
				missing = true
			}
		}
		if missing {
			sound = false
			continue
		}
		cert, err := certs.LoadPair(certs.Pair{Cert: c.Cert, Key: c.Key})
		if err != nil {
			sound = false
			k.files(path, c, err)
			continue
		}
		leaves = append(leaves, cert.Leaf)
	}
	if sound {
		k.covered(leaves)
	}
}

// A leafNames answers whether a certificate is for a host; x509.Certificate does.
type leafNames interface{ VerifyHostname(host string) error }

// files notes what LoadPair found at the line of the file that it is about.
func (k *checker) files(path string, c Certificate, err error) {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		where, text := path+".cert", err.Error()
		if e, ok := errors.AsType[*certs.FileError](err); ok && e.File == c.Key && c.Key != c.Cert {
			where = path + ".key"
		}
		k.note(where, text, "", err)
	}
}

// covered notes each site that no certificate is for.
func (k *checker) covered(leaves []leafNames) {
	for i, site := range k.cfg.Sites {
		if LocalName(site) || !siteName(site) {
			continue
		}
		found := slices.ContainsFunc(leaves, func(l leafNames) bool { return l.VerifyHostname(site) == nil })
		switch {
		case found:
		case len(leaves) == 0:
			k.note(fmt.Sprintf("sites[%d]", i), fmt.Sprintf("%s has no certificate: the local CA is for localhost, *.localhost, 127.0.0.1 and ::1 only", site),
				"add tls: {certificates: [{cert: FILE, key: FILE}]}", nil)
		default:
			k.note(fmt.Sprintf("sites[%d]", i), fmt.Sprintf("%s is in none of the certificates", site), "add a pair to tls.certificates", nil)
		}
	}
}
