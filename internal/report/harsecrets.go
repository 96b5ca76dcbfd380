package report

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// The bounds on the secrets that are looked for everywhere: shorter ones are words, and
// more of them are looked for where they are named only.
const (
	minSecret  = 8
	maxSecrets = 4096
)

// secrets replaces the values of cookies and authorizations of all exchanges.
func secrets(exchanges []*check.Exchange) *strings.Replacer {
	found := make(map[string]bool)
	add := func(value string) {
		value = strings.Trim(strings.TrimSpace(value), `"`)
		if len(value) < minSecret || len(found) >= maxSecrets {
			return
		}
		found[value] = true
		if plain, err := url.PathUnescape(value); err == nil && plain != value {
			found[plain] = true
		}
	}
	for _, x := range exchanges {
		if x == nil {
			continue
		}
		for _, line := range x.Header.Values("Set-Cookie") {
			pair, _, _ := strings.Cut(line, ";")
			_, value, _ := strings.Cut(pair, "=")
			add(value)
		}
		for l := range strings.SplitSeq(x.Request.Headers, "\n") {
			name, value, _ := strings.Cut(l, ":")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "cookie":
				for pair := range strings.SplitSeq(value, ";") {
					_, value, _ := strings.Cut(pair, "=")
					add(value)
				}
			case "authorization":
				_, value, _ = strings.Cut(strings.TrimSpace(value), " ")
				add(value)
			}
		}
		if x.Request.Secret {
			bodySecrets(x.Request.Body, add)
		}
	}
	// The longest first: a value may hold another one.
	order := slices.SortedFunc(maps.Keys(found), func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(order))
	for _, value := range order {
		pairs = append(pairs, value, redact.Mask)
	}
	return strings.NewReplacer(pairs...)
}

// bodySecrets adds the values of a login's form or JSON.
func bodySecrets(body string, add func(string)) {
	var value any
	if json.Unmarshal([]byte(body), &value) == nil {
		jsonSecrets(value, add)
		return
	}
	for field := range strings.SplitSeq(body, "&") {
		_, value, _ := strings.Cut(field, "=")
		add(strings.ReplaceAll(value, "+", " "))
	}
}

func jsonSecrets(value any, add func(string)) {
	switch v := value.(type) {
	case string:
		add(v)
	case []any:
		for _, item := range v {
			jsonSecrets(item, add)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			jsonSecrets(v[name], add)
		}
	}
}
