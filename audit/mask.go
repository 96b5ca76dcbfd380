package audit

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

// mask stands for a credential of the run.
const mask = "…"

// The shortest credentials that are masked: shorter ones are words of any text.
const (
	minGiven  = 5
	minCookie = 8
)

// secrets are the credentials of the run as the target may repeat them: those that were
// given, those of a recorded login, and the cookies that a login gained.
func (s *session) secrets() []string {
	var all []string
	if s.recording != nil {
		all = s.recording.Secrets()
	}
	for line := range strings.SplitSeq(s.target.Credentials, "\n") {
		_, value, _ := strings.Cut(line, ": ")
		all = append(all, given(value)...)
	}
	s.mu.Lock()
	for r, rec := range s.known {
		if rec.done.Load() && rec.x != nil && (r.Secret || r.As == check.User) {
			all = append(all, gained(rec.x)...)
		}
	}
	s.mu.Unlock()
	return all
}

// given are the parts of a credential's value, with a Basic one decoded.
func given(value string) []string {
	all := []string{value}
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ';' || r == ' ' || r == ',' }) {
		_, v, named := strings.Cut(part, "=")
		all = append(all, part)
		if named {
			all = append(all, v)
		}
	}
	if encoded, ok := strings.CutPrefix(value, "Basic "); ok {
		if pair, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			_, password, _ := strings.Cut(string(pair), ":")
			all = append(all, string(pair), password)
		}
	}
	return slices.DeleteFunc(all, func(s string) bool { return len(s) < minGiven })
}

// gained are the values of the cookies that an answer to a user sets.
func gained(x *check.Exchange) []string {
	var all []string
	for _, line := range x.Header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && len(c.Value) >= minCookie {
			all = append(all, c.Value)
		}
	}
	return all
}

// A masker takes the credentials out of texts, in every form in which a target may
// write them.
type masker struct{ *strings.Replacer }

func newMasker(secrets []string) masker {
	var forms []string
	for _, s := range secrets {
		forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s))
		if plain, err := url.PathUnescape(s); err == nil {
			forms = append(forms, plain)
		}
		if quoted, err := json.Marshal(s); err == nil {
			forms = append(forms, string(quoted[1:len(quoted)-1]))
		}
	}
	// The longest first: a part of it may be a secret too.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var pairs []string
	for _, f := range slices.Compact(forms) {
		if len(f) >= minGiven {
			pairs = append(pairs, f, mask)
		}
	}
	return masker{strings.NewReplacer(pairs...)}
}

// value masks every text below v, which can be set. Fingerprints are sums, and stay.
func (m masker) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		// Only what changes is written: rules are shared between runs.
		if text := m.Replace(v.String()); text != v.String() {
			v.SetString(text)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			m.value(v.Elem())
		}
	case reflect.Slice:
		if list, ok := v.Interface().([]string); ok {
			if masked := m.list(list); !slices.Equal(masked, list) {
				v.Set(reflect.ValueOf(masked))
			}
			return
		}
		for i := range v.Len() {
			m.value(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Fingerprint" && name != "Schema" && v.Type() != reflect.TypeFor[time.Time]() {
				m.value(v.Field(i))
			}
		}
	}
}

// list is a masked copy.
func (m masker) list(all []string) []string {
	masked := make([]string, len(all))
	for i, text := range all {
		masked[i] = m.Replace(text)
	}
	return masked
}

// report masks every text of a report, also of fields that are added later.
func (m masker) report(r *Report) { m.value(reflect.ValueOf(r)) }

// exchange is a copy without the credentials.
func (m masker) exchange(x *check.Exchange) *check.Exchange {
	masked := *x
	masked.URL, masked.Body = m.Replace(x.URL), []byte(m.Replace(string(x.Body)))
	if bytes.Equal(masked.Body, x.Body) {
		masked.Body = x.Body
	}
	r := &masked.Request
	r.Path, r.Headers, r.Body = m.Replace(r.Path), m.Replace(r.Headers), m.Replace(r.Body)
	masked.Header, masked.Trailer = m.header(x.Header), m.header(x.Trailer)
	masked.Early = nil
	for _, h := range x.Early {
		masked.Early = append(masked.Early, m.header(h))
	}
	return &masked
}

func (m masker) header(h http.Header) http.Header {
	masked := make(http.Header, len(h))
	for name, values := range h {
		name = m.Replace(name)
		masked[name] = append(masked[name], m.list(values)...)
	}
	return masked
}
