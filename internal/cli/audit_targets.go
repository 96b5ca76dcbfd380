package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/osv/mirror"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// auditPlan is what an audit looks at, and by whose exceptions.
type auditPlan struct {
	targets []check.Target
	ignores []audit.Ignore
	shields []audit.Shield
	// production is the file that marks a site so; empty for none.
	production string
	// stores are those of --root, and the local CA of this user's door.
	stores []check.Store
}

// targets reads the arguments. One folder and the addresses belong to one app: the
// folder goes with the first address.
func (v *auditFlags) targets(ctx context.Context, args []string, s Streams) (*auditPlan, error) {
	plan := new(auditPlan)
	var folder string
	var addresses []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err == nil && info.IsDir() && folder != "":
			return nil, usageError("run one audit for each", "two folders, %s and %s: which address belongs to which is not known", folder, arg)
		case err == nil && info.IsDir():
			folder = arg
		case err == nil:
			return nil, usageError("", "%s is a file: an audit looks at folders and addresses", arg)
		default:
			address, err := v.addressOf(ctx, arg)
			if err != nil {
				return nil, err
			}
			addresses = append(addresses, address)
		}
	}
	alone := len(args) == 0
	if alone {
		folder = "."
	}
	if v.config != "" {
		if err := plan.own(v.config); err != nil {
			return nil, err
		}
	}
	if v.advisories != "" {
		if _, err := os.Stat(v.advisories); err != nil {
			return nil, &exitError{code: exitUsage, err: fmt.Errorf("--advisories: %w", err)}
		}
		if folder == "" {
			return nil, usageError("name the app's folder too", "--advisories says something of a folder's dependencies, and there is no folder")
		}
	}
	switch {
	case v.reachability && folder == "":
		return nil, usageError("name the app's folder too", "--reachability says something of a folder's dependencies, and there is no folder")
	case v.goTags != "" && !v.reachability:
		return nil, usageError("add --reachability", "--go-tags says how --reachability builds, and that was not asked for")
	}
	registry, err := v.registry(folder)
	if err != nil {
		return nil, err
	}
	var tells project
	if folder != "" {
		var err error
		if tells, err = readProject(folder); err != nil {
			return nil, &exitError{code: exitUsage, err: err}
		}
		if tells.production {
			plan.production = filepath.Join(folder, config.FileName)
		}
		plan.ignores = append(plan.ignores, tells.ignores...)
		plan.shields = append(plan.shields, tells.shields...)
		for _, p := range tells.problems {
			fmt.Fprintf(s.Err, "panoply: warning: %s\n", p)
		}
	}
	upstream, plain := v.upstream, v.plain
	if len(addresses) == 0 && tells.url != "" {
		switch {
		case !v.trustProject && alone && ownMachine(tells.url) && (v.active || len(v.headers) > 0 || v.login != ""):
			return nil, usageError("name the address, or add --trust-project",
				"%s names %s, and the folder must not choose who gets credentials or active probes", tells.by, redact.Line(tells.url))
		case !v.trustProject && !(alone && ownMachine(tells.url)):
			hint(s.Err, "%s names %s; nothing is sent there unless you name it too, or add --trust-project", tells.by, redact.Line(tells.url))
		case !v.trustProject && !listens(tells.url):
			hint(s.Err, "%s, which %s names, does not answer: the folder alone is audited", redact.Line(tells.url), tells.by)
		default:
			addresses = append(addresses, tells.url)
			if v.trustProject {
				upstream, plain = cmp.Or(upstream, tells.upstream), cmp.Or(plain, tells.plain)
			}
		}
	}
	credentials, err := v.credentials()
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		plan.targets = append(plan.targets, check.Target{
			URL: address, Upstream: upstream, Plain: plain,
			Credentials: credentials, Login: v.login, HAR: v.har, OpenAPI: v.openAPI, Guess: v.guess, Forge: v.forge,
		})
	}
	if folder != "" {
		if len(plan.targets) == 0 {
			plan.targets = make([]check.Target, 1)
		}
		plan.targets[0].Folder, plan.targets[0].Advisories = folder, cmp.Or(v.advisories, mirror.Kept())
		plan.targets[0].Registry = registry
		plan.targets[0].Reachability, plan.targets[0].GoTags = v.reachability, v.goTags
	}
	return plan, nil
}

func hint(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "panoply: hint: "+format+"\n", args...)
}

// own reads the caller's own panoply.yaml. It is the caller's word, and not the
// project's.
func (p *auditPlan) own(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return &exitError{code: exitUsage, err: fmt.Errorf("--config: %w", err)}
	}
	got, err := config.ReadProject(name, text)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	if got.Production {
		p.production = name
	}
	p.ignores = append(p.ignores, ignoresOf(name, got, false)...)
	p.shields = append(p.shields, shieldsOf(name, got)...)
	return nil
}

func ignoresOf(name string, p config.Project, project bool) []audit.Ignore {
	var all []audit.Ignore
	for i, e := range p.Ignore {
		all = append(all, audit.Ignore{
			ID: e.ID, Scope: e.Scope, Path: e.Path, Reason: e.Reason, Until: e.Until, By: fmt.Sprintf("%s:%d", filepath.ToSlash(name), p.Lines[i]), Project: project,
		})
	}
	return all
}

// credentials joins the lines of --header.
func (v *auditFlags) credentials() (string, error) {
	var lines []string
	for _, h := range v.headers {
		name, isFile := strings.CutPrefix(h, "@")
		if !isFile {
			lines = append(lines, h)
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return "", &exitError{code: exitUsage, err: fmt.Errorf("--header: %w", err)}
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "\n"), nil
}

// addressOf reads an argument that is no folder: a URL, or host:port, which is asked
// whether it speaks TLS. A scan of TLS alone finds that out by itself.
func (v *auditFlags) addressOf(ctx context.Context, arg string) (string, error) {
	if strings.Contains(arg, "://") {
		return arg, nil
	}
	host, port, err := net.SplitHostPort(arg)
	if err != nil || strings.ContainsAny(arg, "/\\") {
		return "", usageError("an address begins with https://, or is HOST:PORT", "%s is no folder and no address", redact.Line(arg))
	}
	if host == "" {
		host = "localhost"
	}
	address := net.JoinHostPort(host, port)
	if port == "80" || !v.tlsAlone() && !speaksTLS(ctx, address) {
		return "http://" + address, nil
	}
	return "https://" + address, nil
}

// speaksTLS is true as well when nobody answers: what cannot be told is asked by the
// safer name.
func speaksTLS(ctx context.Context, address string) bool {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 3 * time.Second}, Config: &tls.Config{InsecureSkipVerify: true}}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		conn.Close()
		return true
	}
	var header tls.RecordHeaderError
	return !errors.As(err, &header)
}

// loopback says whether an address names this machine without asking anybody.
func loopback(address string) bool {
	u, err := url.Parse(address)
	return err == nil && config.LocalName(u.Hostname())
}

// ownMachine says whether an address is this machine's without anybody's word for it:
// other names below .localhost are looked up like any.
func ownMachine(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// listens says whether something accepts connections there.
func listens(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(u.Hostname(), port), 2*time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
