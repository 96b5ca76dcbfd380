package wire

import (
	"context"
	"crypto/x509"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/observatory"
)

// maxHops bounds a chain of redirects, as the Observatory does.
const maxHops = 10

// grades scores the target's first page as MDN's HTTP Observatory would, for whoever
// compares. The grade decides nothing. A certificate counts as valid when the roots of
// this run vouch for it; the preload list is taken to be empty, since it is not ours to
// carry. No page that is graded gives no grade.
func grades(ctx context.Context, s *check.Session, site *check.Site) []check.Grade {
	version := observatory.V6
	if s.Scorer == "v4" {
		version = observatory.V4
	}
	page, ok := landing(site)
	if !ok {
		return nil
	}
	a := observatory.Answer{
		Hostname: strings.ToLower(s.URL.Hostname()), FinalURL: page.URL, Status: page.Status,
		Header: page.Header, Body: string(page.Body),
	}
	trusted := vouched(s, page.Exchange)
	if s.URL.Scheme == "https" {
		a.HTTPS = observatory.Reach{Available: true, Verified: trusted}
		a.Redirects = plainChain(ctx, s)
	} else {
		a.Redirects = frontChain(site)
	}
	a.HTTP = observatory.Reach{Available: len(a.Redirects) > 0, Verified: trusted || s.URL.Scheme == "http"}
	if x, err := s.Wire.Do(ctx, preflight(check.Visitor, page.Request.Path)); err == nil {
		a.CORS = &observatory.Preflight{Header: x.Header}
	}
	r, err := observatory.Score(a.Fetched(), observatory.Options{Version: version})
	if err != nil {
		return nil
	}
	g := check.Grade{Scale: "MDN HTTP Observatory v" + version.String(), Of: page.URL, Grade: r.Grade, Score: r.Score}
	for _, t := range r.Tests {
		g.Lines = append(g.Lines, check.GradeLine{Test: t.Name, Result: t.Result, Pass: t.Pass, Modifier: t.Modifier})
	}
	return []check.Grade{g}
}

// landing is the page that a visitor ends on: the target's own, or where it redirects.
func landing(site *check.Site) (check.Page, bool) {
	for _, p := range site.Pages {
		if p.Class != check.Redirect {
			return p, p.Request.As == check.Visitor
		}
	}
	return check.Page{}, false
}

// frontChain is the way from the target to the landing page.
func frontChain(site *check.Site) []observatory.Hop {
	var hops []observatory.Hop
	for _, p := range site.Pages {
		hops = append(hops, observatory.Hop{URL: p.URL, Status: p.Status})
		if p.Class != check.Redirect || len(hops) > maxHops {
			break
		}
	}
	return hops
}

// plainChain follows the redirects from the plain port as far as they stay with the
// target; nothing when the port is closed or not known. Where they leave it, their
// last address is named and not asked.
func plainChain(ctx context.Context, s *check.Session) []observatory.Hop {
	var hops []observatory.Hop
	r := check.Request{To: check.Plain, Path: s.URL.RequestURI()}
	for len(hops) <= maxHops {
		x, err := s.Wire.Do(ctx, r)
		if err != nil {
			return hops
		}
		hops = append(hops, observatory.Hop{URL: x.URL, Status: x.Status})
		to, ok := redirected(x)
		if !ok {
			return hops
		}
		switch {
		case sameOrigin(to, s.URL):
			r = check.Request{Path: to.RequestURI()}
		case to.Scheme == "http" && strings.HasPrefix(x.URL, "http://"+to.Host+"/"):
			r = check.Request{To: check.Plain, Path: to.RequestURI()}
		default:
			return append(hops, observatory.Hop{URL: to.String()})
		}
	}
	return hops
}

// vouched says that the roots of this run hold the answer's certificate for good.
func vouched(s *check.Session, x *check.Exchange) bool {
	if x.TLS == nil || len(x.TLS.PeerCertificates) == 0 {
		return false
	}
	inter := x509.NewCertPool()
	for _, c := range x.TLS.PeerCertificates[1:] {
		inter.AddCert(c)
	}
	_, err := x.TLS.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: s.URL.Hostname(), Roots: s.Roots, Intermediates: inter})
	return err == nil
}
