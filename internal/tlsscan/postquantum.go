package tlsscan

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// PostQuantum says what connections that somebody records today are worth when quantum
// computers exist. It is about keeping secrets; a signature cannot be forged afterwards.
type PostQuantum struct {
	// Verdict is protected (every connection), partly (those of some clients) or readable.
	Verdict string `json:"verdict"`
	// TLS13 is what TLS 1.3 agrees to: only, prefers (also to a client that names a
	// classical group first), offers (to a client that names it first), none, or absent
	// where TLS 1.3 is not spoken.
	TLS13 string `json:"tls1.3"`
	// Older is readable where TLS 1.2 or older is spoken, which has no such key exchange,
	// or absent.
	Older string `json:"older"`
	// Groups are the accepted ones with ML-KEM.
	Groups []string `json:"groups"`
	// Reason says it in a sentence, with what to do.
	Reason string `json:"reason"`
}

// postQuantum judges what was agreed to. The first of chosen is the server's choice
// among all groups, the classical ones named first.
func postQuantum(protocols []string, chosen []wire.Group) *PostQuantum {
	p := &PostQuantum{TLS13: "absent", Older: "absent", Groups: []string{}}
	for _, g := range chosen {
		if g.Quantum() {
			p.Groups = append(p.Groups, g.String())
		}
	}
	slices.Sort(p.Groups)
	if slices.ContainsFunc(protocols, func(v string) bool { return v != wire.TLS13.String() }) {
		p.Older = "readable"
	}
	if has(protocols, wire.TLS13.String()) {
		switch {
		case len(p.Groups) == 0:
			p.TLS13 = "none"
		case len(p.Groups) == len(chosen):
			p.TLS13 = "only"
		case chosen[0].Quantum():
			p.TLS13 = "prefers"
		default:
			p.TLS13 = "offers"
		}
	}
	names := strings.Join(p.Groups, ", ")
	const later = "can be recorded today and read when quantum computers exist"
	switch {
	case p.TLS13 == "only" && p.Older == "absent":
		p.Verdict, p.Reason = "protected", "every connection agrees on its key by "+names+": what is recorded today stays closed"
		return p
	case p.TLS13 == "absent":
		p.Verdict, p.Reason = "readable", "only TLS 1.3 has ML-KEM, and it is not spoken: every connection "+later+"; add TLS 1.3 with X25519MLKEM768"
		return p
	case p.TLS13 == "none":
		p.Verdict, p.Reason = "readable", "TLS 1.3 accepts no group with ML-KEM: every connection "+later+"; add X25519MLKEM768 to the groups (OpenSSL 3.5, Go 1.24 and newer have it)"
		return p
	}
	p.Verdict = "partly"
	var open []string // whose connections can be read
	switch p.TLS13 {
	case "only":
		p.Reason = "every connection of TLS 1.3 agrees on its key by " + names
	case "prefers":
		p.Reason, open = "clients that know "+names+" get it", []string{"what others send"}
	case "offers":
		p.Reason, open = "only clients that name "+names+" first get it (put it first in the server's order)", []string{"what others send"}
	}
	if p.Older == "readable" {
		open = append(open, "every connection of "+strings.Join(without(protocols, wire.TLS13.String()), ", "))
	}
	if len(open) > 0 {
		p.Reason += "; " + strings.Join(open, ", and ") + " " + later
	}
	return p
}

// classicalFirst turns the order of groups, so that a server that takes one with ML-KEM
// prefers it by itself.
func classicalFirst(groups []wire.Group) []wire.Group {
	out := slices.Clone(groups)
	slices.SortStableFunc(out, func(a, b wire.Group) int {
		switch {
		case a.Quantum() == b.Quantum():
			return 0
		case b.Quantum():
			return -1
		}
		return 1
	})
	return out
}
