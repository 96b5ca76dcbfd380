package door

import (
	"fmt"
	"strings"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/hardcheck"
	"github.com/panoplysec/panoply/internal/door/kinds"
)

// announce tells a person what runs, what was done by itself, and the line that turns
// it off.
func (d *Door) announce(g *generation) {
	cfg := g.cfg
	_, port, _ := splitHost(d.servers.addr(roleTLS).String())
	d.say("https://%s → %s", publicName(g, cfg.PortSeen(port)), cfg.Upstream)
	for _, line := range cfg.Described() {
		d.say("%s", line)
	}
	if g.ca != nil {
		if g.ca.Created() {
			d.say("made a local CA in %s, for loopback names only (your own certificate: tls.certificates)", cfg.State)
		}
		d.say("certificate from the local CA %s; browsers warn until you run: panoply trust (undo: panoply untrust)", g.ca.RootFile())
	}
	if addr := d.servers.addr(rolePlain); addr != nil {
		_, port, _ := splitHost(addr.String())
		d.say("http://%s redirects to https (off: redirect: off)", publicName(g, port))
	}
	if d.state.shared {
		d.say("names of cookies, sealed sessions and tokens by the key of %s, as all doors that have it", cfg.InstallKey)
	}
	for _, name := range switchable {
		what, offLine := d.describe(g, name)
		mode := g.guards.modes[name]
		line := fmt.Sprintf("%s: %s", name, what)
		if mode != guard.Enforce {
			line = fmt.Sprintf("%s: %s", name, mode)
		}
		d.say("%s (off: %s, or at once: panoply off %s)", line, offLine, name)
	}
	for _, line := range cfg.OverdueShields(time.Now()) {
		d.say("warning: %s", line)
	}
	if kind := d.kindOf(cfg); kind != kinds.Auto {
		d.say("kind: %s: %s", kind, kindMeans[kind])
	}
	if names := g.renamed(); len(names) > 0 {
		d.say("cookies: renamed so far: %s (off: cookies.rename: off)", strings.Join(names, ", "))
	}
	for _, warning := range g.guards.warnings {
		d.say("warning: headers: %s", warning)
	}
	for _, warning := range g.guards.csrf.Warnings() {
		d.say("warning: csrf: %s", warning)
	}
	if addr := d.servers.addr(roleAdmin); addr != nil {
		d.say("health and metrics on http://%s, read-only (off: admin.listen: off)", addr)
		if cfg.Admin.AllowOthers != "" {
			d.say("warning: others than this machine may read them: %s (back: remove admin.allow_others)", cfg.Admin.AllowOthers)
		}
	}
	if d.tracer != nil {
		d.say("traces go to %s (off: OTEL_TRACES_EXPORTER=none)", d.tracer.Endpoint())
	}
	if cfg.Probes != "off" {
		d.say("the application is asked for three pages now, as %s, to see its settings (off: probes: off)", hardcheck.UserAgent)
	}
	if cfg.Log.Access != "off" {
		where := "on stdout"
		if cfg.Log.File != "" {
			where = "in " + cfg.Log.File
		}
		d.say("access log %s, without query values (off: log.access: off)", where)
	}
}

// describe says what a guard does, and the line of the file that turns it off.
func (d *Door) describe(g *generation, name string) (what, offLine string) {
	switch name {
	case nameHeaders:
		if g.cfg.Headers.Helmet != nil {
			return "your Helmet options", "headers.mode: off"
		}
		return "the first-day set where the application is silent; Helmet's full policy is only reported", "headers.mode: off"
	case nameSessions:
		what := "logouts are final"
		if g.cfg.Sessions.Seal == "on" {
			what += ", session cookies leave sealed and end after " + g.cfg.Sessions.Idle.String() + " without use (values as they are: sessions.seal: off)"
		}
		return what, "sessions.mode: off"
	case nameCSRF:
		return d.describeCSRF(g), "csrf.mode: off"
	case nameShields:
		return describeShields(g.cfg), "shields: []"
	case nameLogin:
		return d.describeLogin(g), "login.mode: off"
	case nameConceal:
		return "banners removed, default error pages and stack traces replaced", "conceal.mode: off"
	}
	if g.cfg.Cookies.Rename == "off" {
		return "Secure and SameSite added, HttpOnly on session cookies", "cookies.mode: off"
	}
	return "Secure and SameSite added, HttpOnly on session cookies, which get __Host- names (names as they are: cookies.rename: off)", "cookies.mode: off"
}

func (g *generation) renamed() []string {
	if g.guards.modes[nameCookies] != guard.Enforce || g.cfg.Cookies.Rename == "off" {
		return nil
	}
	var out []string
	for _, s := range g.guards.cookies.Seen() {
		if !s.Kept {
			out = append(out, s.Name)
		}
	}
	return out
}

// publicName is how a browser reaches a port: by the first site, or by localhost.
func publicName(g *generation, port string) string {
	name := "localhost"
	if len(g.cfg.Sites) > 0 {
		name = g.cfg.Sites[0]
	}
	return name + ":" + port
}
