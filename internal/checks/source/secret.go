package source

import (
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/weaksecret"
)

// secret judges what signs cookies: a text, or a list of texts for rotation.
func (v *verdict) secret(value *jsast.Value, where jsast.Pos, user, subject string) {
	fallback := value.Kind == jsast.Choice
	for _, o := range listed(value) {
		for _, s := range texts(o) {
			said := ""
			if fallback || o.Kind == jsast.Choice {
				said = ", used when nothing else is set,"
			}
			id, text := "cookies/secret-in-source", "stands in the source"
			if weaksecret.Known(s) {
				id, text = "cookies/weak-secret", "is one of those that everybody tries first"
			}
			if f := v.find(id, subject, where, "the secret of %s%s %s", user, said, text); said != "" {
				f.Confidence = check.Firm
			}
		}
	}
}

// listed are the values of a list or a choice, and the value itself otherwise.
func listed(v *jsast.Value) []*jsast.Value {
	if v.Kind == jsast.Array {
		return v.List
	}
	return v.Options()
}

func texts(v *jsast.Value) []string {
	var all []string
	for _, o := range v.Options() {
		if o.Kind == jsast.String && o.Text != "" {
			all = append(all, o.Text)
		}
	}
	return all
}

// findSecrets returns all texts of the source that sign cookies. No excerpt shows them.
func (a *app) findSecrets() []string {
	var values []*jsast.Value
	for _, c := range a.calls("express-session", "cookie-session") {
		for _, key := range []string{"secret", "keys"} {
			if p, ok := c.Arg(0).Prop(key); ok {
				values = append(values, p.Value)
			}
		}
	}
	for _, c := range a.calls("cookie-parser") {
		values = append(values, c.Arg(0))
	}
	var all []string
	for _, v := range values {
		for _, o := range listed(v) {
			all = append(all, texts(o)...)
		}
	}
	return all
}

// excerpt is the line of the source without the secrets on it.
func (a *app) excerpt(at jsast.Pos) string {
	line := a.project.Excerpt(at)
	for _, s := range a.secrets {
		for _, quote := range []string{`'`, `"`, "`"} {
			line = strings.ReplaceAll(line, quote+s+quote, quote+"…"+quote)
		}
	}
	return line
}
