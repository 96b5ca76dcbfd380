package active

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A socket is where a WebSocket is opened.
type socket struct {
	path string
	// listed says that somebody named it.
	listed bool
}

// maxScript is how much of a page or a script is looked at.
const maxScript = 256 << 10

var (
	// opens finds where a script opens a WebSocket, with what its address is made of.
	opens = pattern.New(`\bnew\s+WebSocket\s*\(\s*([^\n;]{1,200})`)
	// addressed finds addresses of WebSockets elsewhere.
	addressed = pattern.New("[\"'`](wss?://[^\"'`\\s]{1,200})[\"'`]")
	// pathIn finds the path in what an address is made of: after the host, or alone.
	pathIn = pattern.New("(?:^|[^/:\\w.])(/[\\w.~-][\\w./~-]*)")
	// engineIO is what a page of socket.io loads.
	engineIO = pattern.New(`/socket\.io/|socket\.io(?:\.min)?\.js|\bio\.connect\(`)
)

// socketsOf are the WebSockets that somebody named, and those that scripts of the pages
// open on this host.
func socketsOf(s *check.Session, site *check.Site) []socket {
	var all []socket
	add := func(k socket) {
		if !slices.ContainsFunc(all, func(o socket) bool { return o.path == k.path }) {
			all = append(all, k)
		}
	}
	for _, route := range s.Target.Forge.Routes {
		if path, ok := strings.CutPrefix(route, "GET "); ok {
			add(socket{path, true})
		}
	}
	listed := len(all)
	for _, p := range site.Pages {
		media := p.Header.Get("Content-Type")
		if p.Class != check.Document && !strings.Contains(media, "javascript") {
			continue
		}
		for _, path := range openedBy(string(p.Body[:min(len(p.Body), maxScript)]), s.URL) {
			if len(all) < listed+mostSockets {
				add(socket{path: path})
			}
		}
	}
	return all
}

// openedBy are the paths of the WebSockets that a script opens on the host of the
// address.
func openedBy(script string, u *url.URL) []string {
	var paths []string
	of := func(address string) {
		if rest, ok := cutScheme(address); ok {
			host, path, _ := strings.Cut(rest, "/")
			// A host that is put together is the page's own.
			if host != "" && !strings.ContainsAny(host, "$+{") && !strings.EqualFold(host, u.Host) {
				return
			}
			address = " /" + path
			if path == "" {
				address = rest[len(host):]
			}
		}
		if m := pathIn.Get().FindStringSubmatch(address); m != nil {
			paths = append(paths, m[1])
		}
	}
	for _, m := range opens.Get().FindAllStringSubmatch(script, 20) {
		made := m[1]
		if quoted := strings.IndexAny(made, "\"'`"); quoted == 0 {
			if end := strings.IndexByte(made[1:], made[0]); end >= 0 {
				if first := made[1 : end+1]; strings.Count(first, "/") > 2 || strings.HasPrefix(first, "/") {
					of(first)
					continue
				}
			}
		}
		of(strings.NewReplacer("wss://", "", "ws://", "", "//", "").Replace(made))
	}
	for _, m := range addressed.Get().FindAllStringSubmatch(script, 20) {
		of(m[1])
	}
	if engineIO.Get().MatchString(script) {
		paths = append(paths, "/socket.io/?EIO=4&transport=websocket")
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

func cutScheme(address string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(address, "wss://"); !ok {
		rest, ok = strings.CutPrefix(address, "ws://")
	}
	return rest, ok
}

// socket opens a WebSocket as the site's own page does, and then as pages of others do.
func (f *forger) socket(ctx context.Context, k socket) {
	f.spent = 0
	route := "GET " + k.path
	d := &deed{method: http.MethodGet, path: k.path}
	own, v := f.open(ctx, d, f.s.URL.Scheme+"://"+f.s.URL.Host)
	switch {
	case own.err != nil:
		f.gap("%s: %v", route, own.err)
		return
	case own.x.Status != http.StatusSwitchingProtocols && k.listed:
		f.gap("%s: no WebSocket opens for the site's own page either, but %s", route, own.says())
		return
	case own.x.Status != http.StatusSwitchingProtocols:
		return // a guess from a script
	}
	var evidence []check.Evidence
	refused := 0
	for _, origin := range []string{evil, sibling(f.s.URL), "null"} {
		a, _ := f.open(ctx, d, origin)
		switch {
		case a.err != nil:
			f.gap("%s with Origin: %s: %v", route, origin, a.err)
		case a.x.Status == http.StatusSwitchingProtocols:
			evidence = append(evidence, a.evidence("Origin: "+origin+": "+a.says(), "Upgrade"))
		case isLimited(a.x, ""):
			f.gap("%s with Origin: %s: a limiter answers, with %s", route, origin, a.says())
		case a.x.Status >= 400 && a.x.Status < 500:
			refused++
		default:
			f.gap("%s with Origin: %s: %s, which is no refusal", route, origin, a.says())
		}
	}
	if refused > 0 {
		f.tell("%s: the site's own page opens a WebSocket, and %d others are refused", route, refused)
	}
	if len(evidence) == 0 {
		return
	}
	find := csrfRules.Find("csrf/websocket", route, evidence...)
	said := fmt.Sprintf("%s opens a WebSocket for pages of %d other origins", route, len(evidence))
	switch {
	case len(v.lines()) == 0:
		find.Severity = lower(find.Severity)
		said += "; no cookie goes along, so it acts as a stranger"
	case v.held():
		find.Severity = lower(find.Severity)
		said += "; the cookies say SameSite, which today's browsers keep to, but not for siblings of the site"
	}
	f.found = append(f.found, find.Saying("%s", said))
}

// open asks for a WebSocket as a page of the origin does. Browsers that differ from each
// other in Sec-Fetch headers all send Origin.
func (f *forger) open(ctx context.Context, d *deed, origin string) (*answer, *victim) {
	a := new(answer)
	v, err := f.visit(ctx, d)
	if a.page, a.err = v.page, err; err != nil {
		return a, v
	}
	var key [16]byte
	rand.Read(key[:])
	lines := []string{
		"Connection: Upgrade", "Upgrade: websocket", "Origin: " + origin,
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(key[:]),
	}
	r := check.Request{Path: d.path, Active: true, Headers: strings.Join(lines, "\n")}
	sent := r
	sent.Headers = strings.Join(append(lines, v.lines()...), "\n")
	sent.Secret = v.given != ""
	a.x, a.err = f.send(ctx, sent)
	f.show(a, r)
	return a, v
}
