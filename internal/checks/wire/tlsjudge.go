package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/tlsscan"
)

// judgeScan judges by what a scan saw, under the rules of the check. It makes no
// connection for what the scan has seen, so that the scan's bounds hold for both.
func judgeScan(ctx context.Context, s *check.Session, r *tlsscan.Report) check.Result {
	t := tlsJudge{session: s}
	if len(r.Protocols) == 0 {
		for _, name := range []string{"target.not-tls", "target.no-handshake"} {
			if seen := r.Evidence[name]; seen != "" {
				id := "tls/handshake"
				if strings.HasSuffix(seen, "in plain HTTP") {
					id = "tls/absent"
				}
				t.add(id, "handshake", seen, "%s", seen)
				return check.Conclude("", t.found)
			}
		}
		return check.NotProven(strings.Join(append(r.Incomplete, r.Evidence["target.silent"]), "; "))
	}
	if cut := r.NotTested["features"]; cut != "" {
		t.add("tls/handshake", "handshake", cut, "%s", cut)
	}
	best := r.Protocols[len(r.Protocols)-1]
	version := versionOf(best)
	if version < tls.VersionTLS12 {
		t.add("tls/old-only", best, best, "the best that is offered is %s", best)
	} else {
		t.accepted(r, version)
	}
	for _, chain := range r.Chains {
		t.certificate(chain)
	}
	t.found = distinct(t.found)
	plain := t.plain(ctx)
	if s.Target.Scan.Alone && s.URL.RequestURI() == "/" {
		t.front(r.Features.Redirect)
		plain += "; whether other pages lead to plain HTTP was not looked at"
	} else {
		t.downgrades(ctx)
	}
	return check.Conclude(t.reason(version, plain), t.found)
}

// versionOf is the number of a protocol of the report; below TLS 1.0 it is 0.
func versionOf(name string) uint16 {
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		if strings.Replace(tls.VersionName(v), "TLS ", "TLSv", 1) == name {
			return v
		}
	}
	return 0
}

// accepted tells the outdated protocols and suites that stand beside a good protocol.
func (t *tlsJudge) accepted(r *tlsscan.Report, best uint16) {
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		name := tls.VersionName(v)
		if suites := r.Choices[strings.Replace(name, "TLS ", "TLSv", 1)]; len(suites) > 0 {
			t.add("tls/old-protocol", name, name+" with "+suites[0], "%s is offered", name)
		}
	}
	for _, set := range []struct {
		id     string
		suites []uint16
	}{{"tls/weak-suite", insecureSuites()}, {"tls/cbc-suite", cbcSuites()}} {
		i := slices.IndexFunc(r.Choices["TLSv1.2"], func(name string) bool {
			return slices.ContainsFunc(set.suites, func(id uint16) bool { return tls.CipherSuiteName(id) == name })
		})
		if i >= 0 {
			suite := r.Choices["TLSv1.2"][i]
			t.add(set.id, suite, "TLS 1.2 with "+suite, "the suite %s is accepted", suite)
		}
	}
	if best < tls.VersionTLS13 {
		t.add("tls/no-tls13", "TLS 1.3", "the best is "+tls.VersionName(best), "TLS 1.3 is not offered")
	}
}

// front judges where the front page leads; empty is nowhere.
func (t *tlsJudge) front(location string) {
	to, err := t.session.URL.Parse(location)
	if err != nil || location == "" || !t.downwards(to) {
		return
	}
	e := check.Evidence{Kind: check.Answer, Where: "GET " + t.session.URL.String(), Seen: "Location: " + location, Command: "curl -sik " + t.session.URL.String()}
	t.found = append(t.found, tlsRules.Find("tls/downgrade", "Location", e).Saying("the front page leads to %.200s", to).In(check.Network))
}

// distinct keeps the first finding of each rule, subject and text: several certificates
// may have the same fault.
func distinct(all []check.Finding) []check.Finding {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(f check.Finding) bool {
		key := fmt.Sprint(f.ID, "\n", f.Subject)
		was := seen[key]
		seen[key] = true
		return was
	})
}
