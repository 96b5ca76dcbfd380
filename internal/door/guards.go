package door

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/conceal"
	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/headers"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/crosssite"
	"github.com/panoplysec/panoply/internal/door/formtoken"
	"github.com/panoplysec/panoply/internal/door/sessions"
	"github.com/panoplysec/panoply/internal/sanity"
	"github.com/panoplysec/panoply/internal/shield"
	"github.com/panoplysec/panoply/login"
)

const off = guard.Off

// The names of the guards, as in the configuration and in panoply off.
const (
	nameHeaders  = "headers"
	nameConceal  = "conceal"
	nameCookies  = "cookies"
	nameCSRF     = "csrf"
	nameSessions = "sessions"
	nameLogin    = "login"
	nameShields  = "shields"
	nameSanity   = "sanity" // always enforced: what it refuses has no safe meaning
)

// switchable are the guards that panoply off knows.
var switchable = []string{nameConceal, nameCookies, nameCSRF, nameHeaders, nameLogin, nameSessions, nameShields}

type guards struct {
	headers *headers.Guard
	conceal *conceal.Guard
	cookies *cookie.Guard
	lift    *sessions.Lift // nil: nothing to do
	csrf    *crosssite.Step
	tokens  *formtoken.Step
	login   *login.Shield
	shields *shield.Guard
	sanity  *sanity.Step
	client  *clientip.Resolver
	// modes are those that hold, after Switch.
	modes map[string]guard.Mode
	// warnings are what the headers guard thinks of its options.
	warnings []string
}

// configured returns the mode that cfg gives a switchable guard.
func configured(cfg *config.Config, name string) guard.Mode {
	switch name {
	case nameHeaders:
		return cfg.Headers.Mode
	case nameConceal:
		return cfg.Conceal.Mode
	case nameCookies:
		return cfg.Cookies.Mode
	case nameSessions:
		return cfg.Sessions.Mode
	case nameCSRF:
		return cfg.CSRF.Mode
	case nameLogin:
		return cfg.Login.Mode
	}
	return guard.Enforce
}

// compile makes the guards of cfg, or tells every problem at once. Ramp is nil for a
// trial before the state is open: then no file is touched.
func (d *Door) compile(cfg *config.Config, ramp func(time.Duration) (*hsts, error)) (*guards, error) {
	g := &guards{modes: map[string]guard.Mode{nameSanity: guard.Enforce}}
	for _, name := range switchable {
		g.modes[name] = configured(cfg, name)
		if mode, ok := d.overrides[name]; ok {
			g.modes[name] = mode
		}
	}
	var problems guard.Problems
	var err error
	g.headers, g.warnings, err = d.compileHeaders(cfg, g.modes[nameHeaders], ramp)
	problems.Note(err)
	g.conceal, err = d.compileConceal(cfg, g.modes[nameConceal])
	problems.Note(err)
	g.cookies, err = d.compileCookies(cfg, g.modes[nameCookies])
	problems.Note(err)
	if g.cookies != nil {
		g.lift, err = d.compileSessions(cfg, g.modes[nameSessions], g.cookies)
		problems.Note(err)
	}
	g.client, err = compileClient(cfg)
	problems.Note(err)
	if g.conceal != nil {
		g.login, err = d.compileLogin(cfg, g.modes[nameLogin], g.conceal.Deny)
		problems.Note(err)
		g.shields, err = d.compileShields(cfg, g)
		problems.Note(err)
	}
	if g.login != nil && g.cookies != nil {
		g.csrf, err = d.compileCSRF(cfg, g)
		problems.Note(err)
		g.tokens, err = d.compileTokens(cfg, g)
		problems.Note(err)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	o := sanity.Options{Hosts: cfg.Sites, Loopback: len(cfg.Sites) == 0, Sink: d.sink(nameSanity), Deny: g.conceal.Deny}
	if len(cfg.Trust.Proxies) > 0 {
		o.Host = saidHost
	}
	g.sanity, err = sanity.New(o)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// saidHost is the host that the client asked for, where a trusted proxy changes Host.
func saidHost(r *http.Request) string { return clientip.Of(r).Host }

// HeaderOptions returns what cfg asks of the headers guard, as far as no request is needed
// to tell: each page's report address and the age of HSTS are the door's to add.
func HeaderOptions(cfg *config.Config) (headers.Options, error) {
	o := headers.FirstDay()
	if cfg.Headers.Helmet != nil {
		var err error
		if o, err = headers.FromHelmet(cfg.Headers.Helmet.JSON); err != nil {
			return headers.Options{}, err
		}
	}
	o.Mode = cfg.Headers.Mode
	sts := &o.StrictTransportSecurity
	if cfg.Headers.HSTS == "off" || len(cfg.TLS.Certificates) == 0 {
		sts.Off = true // the local CA's names never get it
	}
	if cfg.Headers.Helmet == nil {
		sts.DisableIncludeSubDomains = !cfg.Headers.IncludeSubDomains
		sts.Preload = cfg.Headers.Preload
	}
	return o, nil
}

func (d *Door) compileHeaders(cfg *config.Config, mode guard.Mode, ramp func(time.Duration) (*hsts, error)) (*headers.Guard, []string, error) {
	o, err := HeaderOptions(cfg)
	if err != nil {
		return nil, nil, err
	}
	o.Mode, o.Sink = mode, d.sink(nameHeaders)
	if ramp != nil {
		age := o.StrictTransportSecurity.MaxAge
		if age == 0 {
			age = headers.DefaultMaxAge
		}
		h, err := ramp(age)
		if err != nil {
			return nil, nil, err
		}
		o.StrictTransportSecurity.MaxAgeFor = h.maxAge
		o.ReportURI = d.reports.URI
	}
	g, err := headers.New(o)
	if err != nil {
		return nil, nil, err
	}
	return g, o.Warnings(), nil
}

func (d *Door) compileConceal(cfg *config.Config, mode guard.Mode) (*conceal.Guard, error) {
	o := conceal.Options{Mode: mode, Sink: d.sink(nameConceal), Keep: cfg.Conceal.Keep, Also: cfg.Conceal.Also, Pages: map[int]conceal.Page{}, PreferJSON: d.prefersJSON(cfg)}
	problems := guard.Problems{Package: "conceal"}
	for status, name := range cfg.Errors {
		text, err := os.ReadFile(name)
		if err != nil {
			problems.Note(fmt.Errorf("door: errors.%d: %w", status, err))
			continue
		}
		o.Pages[status] = conceal.Page{HTML: string(text)}
	}
	g, err := conceal.New(o)
	problems.Note(err)
	return g, problems.Err()
}

func (d *Door) compileCookies(cfg *config.Config, mode guard.Mode) (*cookie.Guard, error) {
	o := cookie.Options{
		Mode: mode, Sink: d.sink(nameCookies),
		Session: cfg.Cookies.Session, Script: cfg.Cookies.Script, CrossSite: cfg.Cookies.CrossSite,
	}
	var g *cookie.Guard
	if d.state != nil {
		o.Seen = d.state.cookies()
		o.OnSeen = func(seen []cookie.Seen) { d.keepCookies(g, seen) }
		o.Rename = cookie.Rename{Key: d.state.derive("cookie-names"), Shared: d.state.shared, Site: siteOf(cfg), Migrate: time.Duration(cfg.Cookies.Migrate)}
		if cfg.Cookies.Rename == "off" || mode != guard.Enforce || d.state.restoring() {
			// Who holds a renamed cookie gets the old name back; else switching the
			// guard off would log everybody out.
			o.Rename.Restore = len(o.Seen) > 0
			o.Rename.Off = !o.Rename.Restore
		}
	}
	var err error
	g, err = cookie.New(o)
	return g, err
}

// keepCookies keeps what g has found. A guard that is no longer in place hands it on to the
// one that is: a client comes back to that one.
func (d *Door) keepCookies(g *cookie.Guard, seen []cookie.Seen) {
	if err := d.keepSeen(seen); err != nil {
		d.log.Error("the names of session cookies could not be kept; after a restart their holders are logged out", "err", err)
	}
	d.sayUnshared(g, seen)
	if now := d.current.Load(); now != nil && now.guards.cookies != g {
		now.guards.cookies.Adopt(seen)
	}
}

func compileClient(cfg *config.Config) (*clientip.Resolver, error) {
	proxies, err := cfg.TrustedProxies()
	if err != nil {
		return nil, err
	}
	o := clientip.Options{Proxies: proxies}
	if cfg.Trust.Header == "forwarded" {
		o.Header = clientip.Forwarded
	}
	return clientip.New(o)
}

// siteOf names the site for cookie names: two doors on one host share a jar and must
// not share a name.
func siteOf(cfg *config.Config) string {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return cfg.Listen
	}
	if len(cfg.Sites) > 0 {
		host = slices.Min(cfg.Sites)
	}
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, cfg.PortSeen(port))
}

// splitHost is clientip.SplitHost in lower case.
func splitHost(hostport string) (name, port string, ok bool) {
	name, port, ok = clientip.SplitHost(hostport)
	return strings.ToLower(name), port, ok
}
