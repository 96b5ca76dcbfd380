package wire

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

var proxyTrustRules = check.Rules{
	{ID: "proxy-trust/around", Title: "the app can be reached beside the door", Severity: check.High, CWE: 288, ASVS: []string{"13.2.4"},
		Fix: check.Fix{
			Express: "app.listen(3000, '127.0.0.1')", Go: `http.ListenAndServe("127.0.0.1:3000", handler)`,
			Door: "none: the door cannot close another program's port; a firewall can",
		}},
	{ID: "proxy-trust/forwarded-for", Title: "visitors choose their own address: X-Forwarded-For is believed", Severity: check.Medium, CWE: 348, ASVS: []string{"4.1.3"}},
	{ID: "proxy-trust/forwarded-host", Title: "visitors choose the host: X-Forwarded-Host is believed", Severity: check.Medium, CWE: 348, ASVS: []string{"4.1.3"}},
	{ID: "proxy-trust/forwarded-proto", Title: "visitors choose the scheme: X-Forwarded-Proto is believed", Severity: check.Medium, CWE: 348, ASVS: []string{"4.1.3"}},
	{ID: "proxy-trust/host", Title: "links and redirects are made from whatever Host a visitor sends", Severity: check.Low, CWE: 644, ASVS: []string{"4.1.3"},
		Why: "A mail with a link to reset a password leads to the attacker who asked for it.",
		Bad: "res.redirect(`https://${req.headers.host}/welcome`)", Good: "res.redirect('/welcome')",
		Fix: check.Fix{
			Express: "relative redirects, and absolute links from one configured name", Go: "relative redirects, and absolute links from one configured name",
			Door: "on by default: a host that is not one of the door's sites is refused",
		}},
	{ID: "proxy-trust/rewrite", Title: "visitors choose another path: X-Original-URL or X-Rewrite-URL is believed", Severity: check.High, CWE: 436, ASVS: []string{"4.1.3"},
		Why: "A rule in front that looks at the path is walked around by a header.",
		Bad: "GET /public with X-Original-URL: /admin shows /admin", Good: "both headers are removed before the app sees them"},
}

var proxyTrustCheck = check.Check{
	ID: "proxy-trust", Practice: "proxy-trust", Title: "Nobody but the proxy speaks for visitors, and there is no way around it",
	Why:      "An app that believes every X-Forwarded-For lets visitors choose their address; one that is reachable beside the door has no door.",
	Severity: check.Medium, Needs: check.Wire, Rules: proxyTrustRules, Run: runProxyTrust,
	Bad:  "app.set('trust proxy', true)\napp.listen(3000)",
	Good: "app.set('trust proxy', 'loopback')\napp.listen(3000, '127.0.0.1')",
}

// What the spoofed headers claim: an address and a name that are reserved, so that
// they can stand in an answer only by having been believed.
const (
	spoofedAddress = "192.0.2.211"
	spoofedHost    = "spoofed.panoply.invalid"
)

func runProxyTrust(ctx context.Context, s *check.Session) check.Result {
	found, way := around(ctx, s)
	pages, err := spoofable(ctx, s)
	if err != nil {
		return check.NotProven(err.Error(), found...)
	}
	tried := 0
	for _, plain := range pages {
		more, n, err := spoof(ctx, s, check.Front, plain)
		if err != nil {
			return check.NotProven(err.Error(), append(found, more...)...)
		}
		tried += n
		for _, f := range more {
			if !slices.ContainsFunc(found, func(g check.Finding) bool { return g.ID == f.ID }) {
				found = append(found, f)
			}
		}
	}
	more, err := rewritten(ctx, s, pages[0])
	if err != nil {
		return check.NotProven(err.Error(), found...)
	}
	found = append(found, more...)
	tried += 2
	effect := fmt.Sprintf("%d spoofed requests changed nothing on %s", tried, answers(len(pages)))
	if way != "" {
		return check.NotProven(effect+", but "+way, found...)
	}
	if len(found) > 0 {
		return check.Conclude(effect, found)
	}
	switch shows, err := believes(ctx, s, pages); {
	case err != nil:
		return check.NotProven(effect+", but the app alone could not be asked: "+err.Error(), found...)
	case !shows:
		return check.NotProven(effect+"; nor did they when sent to the app alone, so nothing there shows whom the app believes", found...)
	}
	return check.Conclude(effect+", though the app alone believes them, and it answers on loopback only", found)
}

// believes says whether the same spoofed requests have an effect on the app alone. Only
// then does it mean something that they have none on the front: an app can count
// failures by a claimed address and show nothing of it.
func believes(ctx context.Context, s *check.Session, pages []*check.Exchange) (bool, error) {
	for _, front := range pages {
		plain, err := s.Wire.Do(ctx, check.Request{To: check.Behind, Path: front.Request.Path})
		if err != nil {
			return false, err
		}
		found, _, err := spoof(ctx, s, check.Behind, plain)
		if err != nil || len(found) > 0 {
			return len(found) > 0, err
		}
	}
	return false, nil
}

// around looks for the way around the door. The text says why it could not be looked
// for, or is empty.
func around(ctx context.Context, s *check.Session) ([]check.Finding, string) {
	up := s.Upstream
	if up == nil {
		return nil, "the app's own address is not known, so a way around could not be looked for"
	}
	port, err := strconv.ParseUint(portOf(up), 10, 16)
	if err != nil {
		return nil, "the upstream's port is not known"
	}
	own, err := ownAddresses()
	if err != nil {
		return nil, "the addresses of this machine are not known: " + err.Error()
	}
	if len(own) == 0 {
		return nil, "this machine has no other address on which a way around could be looked for"
	}
	host := up.Hostname()
	addr, err := netip.ParseAddr(host)
	local := host == "localhost" || err == nil && (addr.IsLoopback() || slices.Contains(own, addr.Unmap()))
	if !local {
		return nil, "the app is on another machine, and who reaches it there cannot be told from here"
	}
	var found []check.Finding
	for _, a := range own {
		to := netip.AddrPortFrom(a, uint16(port))
		if s.Wire.Dial(ctx, to) != nil {
			continue
		}
		found = append(found, proxyTrustRules.Find("proxy-trust/around", portOf(up), check.Evidence{
			Kind: check.Packet, Where: "connect " + to.String(), Seen: "the connection is accepted", Command: "curl -si http://" + to.String() + "/",
		}).Saying("the app behind the door answers on %s too", to).In(check.Network))
		break
	}
	if ctx.Err() != nil {
		return found, "the time was up"
	}
	return found, ""
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// ownAddresses are those addresses of this machine that others could use.
func ownAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(n.IP)
		if addr = addr.Unmap(); ok && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() {
			own = append(own, addr)
		}
	}
	return own, nil
}

// spoofable returns the answers to which spoofed ones are compared: the first, where
// redirects to the right host are made, and those after it.
func spoofable(ctx context.Context, s *check.Session) ([]*check.Exchange, error) {
	all, err := pages(ctx, s)
	if len(all) == 0 {
		return nil, err
	}
	return all[:min(len(all), 4)], nil
}

// spoof repeats a request with headers that speak for others, and compares.
func spoof(ctx context.Context, s *check.Session, to check.Place, plain *check.Exchange) ([]check.Finding, int, error) {
	proto := "https"
	if schemeOf(plain.URL) == "https" {
		proto = "http"
	}
	with := func(h map[string]string) check.Request {
		return check.Request{To: to, Path: plain.Request.Path, Headers: check.Headers(h)}
	}
	requests := []check.Request{
		with(map[string]string{"X-Forwarded-For": spoofedAddress, "X-Real-IP": spoofedAddress, "Forwarded": "for=" + spoofedAddress}),
		with(map[string]string{"X-Forwarded-Host": spoofedHost}),
		with(map[string]string{"X-Forwarded-Proto": proto}),
		with(map[string]string{"Host": spoofedHost}),
	}
	var found []check.Finding
	for i, r := range requests {
		x, err := s.Wire.Do(ctx, r)
		if err != nil {
			return found, i, err
		}
		var f *check.Finding
		switch i {
		case 0:
			f = reflected(plain, x, "proxy-trust/forwarded-for", spoofedAddress)
		case 1:
			f = reflected(plain, x, "proxy-trust/forwarded-host", spoofedHost)
		case 2:
			f = schemed(s, plain, x)
		case 3:
			f = reflected(plain, x, "proxy-trust/host", spoofedHost)
		}
		if f != nil {
			found = append(found, *f)
		}
	}
	return found, len(requests), nil
}

// rewritten asks for a page that is not there, with headers that name the first one.
func rewritten(ctx context.Context, s *check.Session, first *check.Exchange) ([]check.Finding, error) {
	if first.Status != http.StatusOK || len(first.Body) == 0 {
		return nil, nil
	}
	lost, err := s.Wire.Do(ctx, check.Request{Path: missing})
	if err != nil || lost.Status == http.StatusOK {
		return nil, err // a site that answers every path shows nothing by it
	}
	for _, name := range []string{"X-Original-URL", "X-Rewrite-URL"} {
		x, err := s.Wire.Do(ctx, check.Request{Path: missing, Headers: name + ": " + first.Request.Path})
		if err != nil {
			return nil, err
		}
		if x.Status == http.StatusOK && bytes.Equal(x.Body, first.Body) {
			return []check.Finding{proxyTrustRules.Find("proxy-trust/rewrite", name, x.Evidence("Content-Type"), lost.Evidence("Content-Type")).
				Saying("%s with %s: %s shows the page of %s%s", missing, name, first.Request.Path, first.Request.Path, directly)}, nil
		}
	}
	return nil, nil
}

// directly is said with every effect: seen from here, a door's trusted peer and an
// app's visitor are the same.
const directly = "; if visitors meet a proxy first, audit the proxy's address"

// reflected finds the marker in the answer. In the head it was used; in the body it may
// merely have been shown.
func reflected(plain, x *check.Exchange, id, marker string) *check.Finding {
	for _, name := range []string{"Location", "Set-Cookie", "Link", "Content-Location", "Access-Control-Allow-Origin"} {
		for _, v := range x.Header.Values(name) {
			if strings.Contains(v, marker) {
				f := proxyTrustRules.Find(id, name, x.Evidence(name), plain.Evidence(name)).Saying("the claimed %s stands in the answer's %s%s", marker, name, directly)
				return &f
			}
		}
	}
	shown := marker
	if id == "proxy-trust/host" {
		shown = "//" + marker // a page may well say under which name it was asked
	}
	if at := bytes.Index(x.Body, []byte(shown)); at >= 0 && !bytes.Contains(plain.Body, []byte(shown)) {
		f := proxyTrustRules.Find(id, "body", x.Excerpt(at, at+len(marker)), plain.Evidence("Content-Type")).With(check.Firm).
			Saying("the claimed %s stands in the page%s", marker, directly)
		return &f
	}
	return nil
}

// schemed finds what a false scheme changed: cookies that become Secure, redirects that
// come or go or change their scheme, addresses in the page.
func schemed(s *check.Session, plain, x *check.Exchange) *check.Finding {
	change := ""
	e := x.Evidence("Location", "Set-Cookie")
	switch {
	case secureCookies(plain) != secureCookies(x):
		change = "the cookies' Secure"
	case (plain.Header.Get("Location") == "") != (x.Header.Get("Location") == ""):
		change = "a redirect"
	case schemeOf(plain.Header.Get("Location")) != schemeOf(x.Header.Get("Location")):
		change = "the scheme of a redirect"
	default:
		for _, scheme := range []string{"http://", "https://"} {
			own := []byte(scheme + s.URL.Host)
			if at := bytes.Index(x.Body, own); at >= 0 && !bytes.Contains(plain.Body, own) {
				change, e = "the addresses in the page", x.Excerpt(at, at+len(own))
			}
		}
	}
	if change == "" {
		return nil
	}
	f := proxyTrustRules.Find("proxy-trust/forwarded-proto", "X-Forwarded-Proto", e, plain.Evidence("Location", "Set-Cookie")).With(check.Firm).
		Saying("a claimed scheme changes %s%s", change, directly)
	return &f
}

func secureCookies(x *check.Exchange) bool {
	return slices.ContainsFunc(setCookies(x), func(c setCookie) bool { return c.has("secure") })
}

func schemeOf(ref string) string {
	u, err := url.Parse(ref)
	if err != nil {
		return ""
	}
	return u.Scheme
}
