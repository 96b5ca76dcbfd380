package limit

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fields are the response header fields that tell a client where it stands.
type Fields uint8

const (
	// StandardFields are RateLimit and RateLimit-Policy, as structured fields.
	//
	// Source: draft-ietf-httpapi-ratelimit-headers-10.
	StandardFields Fields = iota
	// DraftFields are RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset, of the
	// drafts up to 6.
	DraftFields
	// LegacyFields are the same with X- in front, as express-rate-limit and GitHub have
	// them; X-RateLimit-Reset is seconds, too.
	LegacyFields
	// NoFields tells nothing but Retry-After: on a login, what remains helps to guess.
	NoFields
)

// fieldText is what is known of the fields before any request.
type fieldText struct {
	policy string // RateLimit-Policy
	quota  map[string]string
}

func newFieldText(rules []*Rule) fieldText {
	f := fieldText{quota: map[string]string{}}
	var all []string
	for _, r := range rules {
		quota := strconv.FormatInt(max(int64(r.Capacity), 0), 10)
		f.quota[r.Policy.Name] = quota
		item := `"` + r.Policy.Name + `";q=` + quota
		if r.Policy.Duration != Forever {
			item += ";w=" + seconds(r.Policy.Duration)
		}
		all = append(all, item)
	}
	f.policy = strings.Join(all, ", ")
	return f
}

// seconds rounds up: no client comes back too early.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d-1)/time.Second)+1, 10)
}

// write sets the fields of a decision.
func (f *fieldText) write(h http.Header, kind Fields, d Decision) {
	quota, counted := f.quota[d.Policy]
	if kind == NoFields || !counted {
		return
	}
	after := d.Reset
	if !d.Allowed {
		after = d.Wait
	}
	reset := ""
	switch {
	case after <= 0:
		reset = "0"
	case after != Forever:
		reset = seconds(after)
	}
	remaining := strconv.FormatInt(d.Remaining, 10)
	if !d.Allowed {
		remaining = "0"
	}
	if kind == StandardFields {
		value := `"` + d.Policy + `";r=` + remaining
		if reset != "" {
			value += ";t=" + reset
		}
		h["Ratelimit"], h["Ratelimit-Policy"] = []string{value}, []string{f.policy}
		return
	}
	prefix := "Ratelimit-"
	if kind == LegacyFields {
		prefix = "X-Ratelimit-"
	}
	h[prefix+"Limit"], h[prefix+"Remaining"] = []string{quota}, []string{remaining}
	if reset != "" {
		h[prefix+"Reset"] = []string{reset}
	}
}
