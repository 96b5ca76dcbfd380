package wire

import (
	"context"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

const (
	// shortNonce is the number of base64 characters below which a nonce holds less than
	// 64 bits. The specification asks for 128.
	shortNonce = 11
	// maxRefetched is how many pages are asked for a second time.
	maxRefetched = 3
)

// nonces judges the nonces that allow script: too short ones, and those that come again.
// Two answers with one nonce are enough, wherever they are found; to find those that
// are made once a page, some pages are fetched twice.
//
// Source: CSP Level 3 section 7.1 (nonce reuse).
func (h *headersJudge) nonces(ctx context.Context) {
	owner := make(map[string]*check.Exchange)
	var again []check.Page
	asked := make(map[string]bool)
	judge := func(p check.Page, x *check.Exchange) {
		for _, nonce := range scriptNonces(x) {
			if len(strings.TrimRight(nonce, "=")) < shortNonce {
				h.note("headers/csp-nonce-short", p)
			}
			if first := owner[nonce]; first != nil && first != x {
				h.note("headers/csp-nonce-static", p)
			} else {
				owner[nonce] = x
			}
		}
	}
	for _, p := range h.pages {
		if !showsPage(p.Exchange) || len(scriptNonces(p.Exchange)) == 0 {
			continue
		}
		judge(p, p.Exchange)
		if !asked[p.URL] && p.Request.As == check.Visitor && len(again) < maxRefetched {
			asked[p.URL] = true
			again = append(again, p)
		}
	}
	for _, p := range again {
		r := p.Request
		r.Turn++
		if x, err := h.session.Wire.Do(ctx, r); err == nil {
			judge(p, x)
		}
	}
}

// scriptNonces returns the nonces with which an answer's enforced policies allow script,
// each once, as they are spelt, and no more than a few.
func scriptNonces(x *check.Exchange) []string {
	var all []string
	for _, text := range append(x.Header.Values("Content-Security-Policy"), metaPolicyTexts(x)...) {
		for directive := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == ',' }) {
			words := strings.Fields(directive)
			if len(words) == 0 {
				continue
			}
			switch strings.ToLower(words[0]) {
			case "script-src", "script-src-elem", "default-src":
			default:
				continue
			}
			for _, source := range words[1:] {
				if n := len("'nonce-"); len(source) > n+1 && strings.EqualFold(source[:n], "'nonce-") && source[len(source)-1] == '\'' {
					all = appendOnce(all, source[n:len(source)-1])
				}
				if len(all) > maxSubjects {
					return all
				}
			}
		}
	}
	return all
}
