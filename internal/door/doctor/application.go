package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/hardcheck"
	"github.com/panoplysec/panoply/internal/door/upstream"
)

// An app is one address of the applications behind, and what it is called in a line.
type app struct {
	config.Address
	subject string
	// site is the host by which it is asked.
	site string
	tls  config.UpstreamTLS
}

// plain tells whether it can be asked as a browser would ask it without the door.
func (a app) plain() bool { return a.Scheme == "http" && a.Host != "" }

// applications are all addresses, none where the configuration names no application.
func (o *Options) applications() []app {
	backends, err := o.Config.Backends()
	if err != nil {
		return nil
	}
	var all []app
	for _, b := range backends {
		for _, to := range b.To {
			one := app{Address: to, subject: to.String(), site: cmp.Or(o.Config.SiteOf(b.Name), o.site()), tls: b.TLS}
			if one.plain() {
				one.subject = to.Host
			}
			if b.Name != config.DefaultGroup {
				one.subject = b.Name + " " + one.subject
			}
			all = append(all, one)
		}
	}
	return all
}

// site is the host by which an application is asked that no route of a site leads to.
func (o *Options) site() string {
	if len(o.Config.Sites) > 0 {
		return o.Config.Sites[0]
	}
	return "localhost"
}

const noApplication = "the configuration names no application"

// checkUpstream asks each address for its first page, as the door would; one that does not
// speak plain HTTP is connected to.
func checkUpstream(ctx context.Context, o *Options) []Line {
	all := o.applications()
	if len(all) == 0 {
		return []Line{{"upstream", "", NotChecked, noApplication, ""}}
	}
	var lines []Line
	for _, to := range all {
		l := Line{Check: "upstream", Subject: to.subject}
		if !to.plain() {
			if err := o.reach(ctx, to); err != nil {
				l.Verdict, l.Found, l.Do = Problem, "cannot be reached: "+err.Error(), "start the application, or mend its address"
			} else {
				l.Verdict, l.Found = OK, "can be reached; no page was asked for"
			}
			lines = append(lines, l)
			continue
		}
		status, err := o.firstPage(ctx, to)
		switch {
		case err != nil:
			l.Verdict, l.Found, l.Do = Problem, "does not answer: "+err.Error(), "start the application, or mend upstream"
		case status >= 500:
			l.Verdict, l.Found, l.Do = Warning, fmt.Sprintf("answers / with %d", status), "look at the application's log"
		default:
			l.Verdict, l.Found = OK, fmt.Sprintf("answers / with %d", status)
		}
		lines = append(lines, l)
	}
	return lines
}

// reach connects to what does not speak plain HTTP, and looks at its certificate.
func (o *Options) reach(ctx context.Context, to app) error {
	where := upstream.Options{Scheme: to.Scheme, Network: "tcp", Address: to.Host, Connect: time.Duration(o.Config.Bounds.ConnectTimeout)}
	if to.Socket != "" {
		where.Network, where.Address = "unix", to.Socket
	}
	if to.Scheme == "https" {
		var err error
		if where.TLS, err = to.tls.Config(); err != nil {
			return err
		}
	}
	return where.Reach(ctx)
}

func (o *Options) firstPage(ctx context.Context, to app) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to.Host+"/", nil)
	if err != nil {
		return 0, err
	}
	req.Host = to.site
	req.Header.Set("X-Forwarded-Proto", "https")
	req.Header.Set("X-Forwarded-For", "127.0.0.1")
	req.Header.Set("User-Agent", hardcheck.UserAgent)
	client := plainClient()
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the address is said once
		}
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// checkTrustProxy asks each application for three pages that show whether it knows how its
// clients come, and whether it runs in production.
func checkTrustProxy(ctx context.Context, o *Options) []Line {
	all := o.applications()
	if len(all) == 0 {
		return notAsked("", noApplication)
	}
	if o.Config.Probes == "off" {
		return notAsked("", "probes: off")
	}
	var lines []Line
	for _, to := range all {
		subject := ""
		if len(all) > 1 {
			subject = to.subject
		}
		if !to.plain() {
			lines = append(lines, notAsked(subject, "only plain HTTP is asked")...)
			continue
		}
		if _, err := o.firstPage(ctx, to); err != nil {
			lines = append(lines, notAsked(subject, "the application does not answer")...)
			continue
		}
		const silent = "none of three pages shows a wrong setting, which does not prove a right one"
		pair := notAsked(subject, silent)
		for _, f := range hardcheck.Probe(ctx, &url.URL{Scheme: "http", Host: to.Host}, o.probeHost(to)) {
			l := &pair[1]
			if f.ID == hardcheck.TrustProxy {
				l = &pair[0]
			}
			l.Verdict = Problem
			l.Found, l.Do, _ = strings.Cut(f.Line, "; ")
		}
		lines = append(lines, pair...)
	}
	return lines
}

func notAsked(subject, why string) []Line {
	return []Line{{"trust-proxy", subject, NotChecked, why, ""}, {"node-env", subject, NotChecked, why, ""}}
}

// probeHost is what a client of the door has in Host.
func (o *Options) probeHost(to app) string {
	_, port, err := net.SplitHostPort(o.Config.Listen)
	if err != nil {
		return to.site
	}
	return net.JoinHostPort(strings.Trim(to.site, "[]"), o.Config.PortSeen(port))
}

// checkAround looks for a way around the door to each application.
func checkAround(ctx context.Context, o *Options) []Line {
	all := o.applications()
	if len(all) == 0 {
		return []Line{{"around", "", NotChecked, noApplication, ""}}
	}
	var lines []Line
	for _, to := range all {
		lines = append(lines, o.around(ctx, to))
	}
	return lines
}

func (o *Options) around(ctx context.Context, to app) Line {
	l := Line{Check: "around", Subject: to.subject, Verdict: NotChecked}
	if to.Socket != "" {
		l.Verdict, l.Found = OK, "is a socket of this machine"
		return l
	}
	if !to.Local() {
		l.Found, l.Do = "the application is on another machine", "let a firewall there admit the door alone"
		return l
	}
	own, err := o.Addresses()
	switch {
	case err != nil:
		l.Found = err.Error()
	case len(own) == 0:
		l.Found = "this machine has no address that others reach"
	case o.reach(ctx, to) != nil:
		l.Found = "the application does not answer"
	default:
		l.Verdict, l.Found = OK, fmt.Sprintf("answers on none of %s", listed(own))
		for _, f := range hardcheck.Around(ctx, to.Host, o.Addresses) {
			l.Verdict = Problem
			l.Found, l.Do, _ = strings.Cut(f.Line, "; ")
		}
	}
	return l
}

// strangers is how many public addresses a trusted network may have.
const strangers = 1 << 16

// checkForwarded looks at whose word about the client is taken.
func checkForwarded(_ context.Context, o *Options) []Line {
	l := Line{Check: "forwarded", Verdict: OK}
	proxies, err := o.Config.TrustedProxies()
	switch {
	case err != nil:
		l.Verdict, l.Found = Problem, err.Error()
	case len(proxies) == 0:
		l.Found = "nobody is believed about the client; such headers are removed"
	default:
		var all []string
		for _, p := range proxies {
			all = append(all, p.String())
			bits := p.Addr().BitLen() - p.Bits()
			if a := p.Addr(); !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && (a.Is4() && 1<<bits > strangers || a.Is6() && p.Bits() < 32) {
				l.Verdict, l.Do = Warning, "name the proxies more narrowly: "+p.String()+" is wide for a public network"
			}
		}
		l.Found = fmt.Sprintf("%s is believed from %s only", o.Config.Trust.Header, strings.Join(all, ", "))
	}
	return []Line{l}
}

// mapped tells that the world reaches the door on another port than it listens on.
func (o *Options) mapped() bool { return o.Config.PublicPort != 0 }

// stateFiles are those of the state folder that nobody else may read.
var stateFiles = []string{"install.key", "audit.key", "sessions.db", "limits.db", "ca/root.key"}

// checkState looks at who may read and change the keys of the door.
func checkState(_ context.Context, o *Options) []Line {
	lines := o.state()
	if path := o.Config.InstallKey; path != "" {
		l := Line{Check: "state", Subject: path, Verdict: OK, Found: "is read by its owner and group alone"}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			l.Verdict, l.Found = Problem, err.Error()
		case !permissions:
			l.Verdict, l.Found = NotChecked, "this system has no mode of a file to look at"
		case info.Mode().Perm()&0o007 != 0:
			l.Verdict, l.Found = Problem, fmt.Sprintf("has mode %04o: everybody on this machine can use the key", info.Mode().Perm())
			l.Do = "chmod o= " + path
		}
		lines = append(lines, l)
	}
	return lines
}

func (o *Options) state() []Line {
	dir := o.Config.State
	l := Line{Check: "state", Subject: dir}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		l.Verdict, l.Found = NotChecked, "is made at the first start"
		return []Line{l}
	case err != nil:
		l.Verdict, l.Found, l.Do = NotChecked, err.Error(), "ask as the door's user"
		return []Line{l}
	case !permissions:
		l.Verdict, l.Found = NotChecked, "this system has no mode of a folder to look at"
		return []Line{l}
	case info.Mode().Perm()&0o022 != 0:
		l.Verdict, l.Found = Problem, fmt.Sprintf("has mode %04o: others can write to it", info.Mode().Perm())
		l.Do = "chmod 700 " + dir
		return []Line{l}
	}
	for _, name := range stateFiles {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			if errors.Is(err, os.ErrPermission) {
				l.Verdict, l.Found, l.Do = NotChecked, "belongs to another user", "ask as the door's user"
				return []Line{l}
			}
			continue
		}
		if info.Mode().Perm()&0o077 != 0 {
			l.Verdict, l.Found = Problem, fmt.Sprintf("%s has mode %04o: others can use it", path, info.Mode().Perm())
			l.Do = "chmod 600 " + path
			return []Line{l}
		}
	}
	l.Verdict, l.Found = OK, fmt.Sprintf("has mode %04o, and nobody else reads its keys", info.Mode().Perm())
	if info.Mode().Perm()&0o055 != 0 {
		l.Verdict, l.Found = Warning, fmt.Sprintf("has mode %04o: others can look into it", info.Mode().Perm())
		l.Do = "chmod 700 " + dir
	}
	return []Line{l}
}
