package active

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A deed is a request that changes something.
type deed struct {
	method, path string
	// page is the path of the page with the form; empty when there is none.
	page string
	// format is "form", "multipart", "plain" or "json".
	format string
	// fields are those that somebody named; they go before the form's.
	fields []check.Field
	// names are the fields of the form, to find it again.
	names []string
	// visitor says that it is sent by somebody who is not logged in, whoever else is.
	visitor bool
}

// route names the deed in reports: "POST /cart".
func (d *deed) route() string {
	path, _, _ := strings.Cut(d.path, "?")
	return d.method + " " + path
}

// A form with one of these words, beside those of links that the crawl does not follow,
// is never sent unless somebody names its route: it may cost money, reach other people,
// or lock the user out.
var costly = pattern.New(`(?i)\b(?:re)?order|\bpay|payment|checkout|purchas|\bbuy|book(?:ing)?\b|reserv|donat|transfer|withdraw|refund|deposit|subscri|newsletter|sign[-_ ]?up|regist|\bjoin|create[-_ ]?account|` +
	`passw|\breset|recover|forg[eo]t|\b2fa|\bmfa|invit|contact|send[-_ ]?(?:to|money|mail|e-?mail|messag)|e-?mail\b|messag|\bshare|publish|upload|import|export|logout|log[-_ ]?out|sign[-_ ]?out|delete|remove|destroy|cancel|close[-_ ]?account|` +
	`\bbestell|bezahl|kaufen|kündig|lösch|abmeld|anmeld|commander|payer|supprimer|acheter|comprar|pagar|borrar|eliminar`)

// tokenNames are names of hidden fields that hold what another site cannot know.
var tokenNames = pattern.New(`(?i)csrf|xsrf|token|nonce|authenticity|forgery`)

// deedsOf are the routes to send: those that somebody named, and forms of the pages, one
// of each kind. left names the forms that are never sent.
func deedsOf(s *check.Session, site *check.Site) (deeds []*deed, left []string) {
	for _, route := range s.Target.Forge.Routes {
		d := named(s, site.Forms, route)
		if d.method != http.MethodGet && !slices.ContainsFunc(deeds, func(o *deed) bool { return o.method == d.method && o.path == d.path }) {
			deeds = append(deeds, d)
		}
	}
	listed := len(deeds)
	kinds := make(map[string]bool)
	for _, form := range site.Forms {
		d := ofForm(s, form)
		if d == nil || slices.ContainsFunc(deeds[:listed], func(o *deed) bool { return o.route() == d.route() }) || kinds[d.kind()] {
			continue
		}
		kinds[d.kind()] = true
		switch {
		case has(form, "password") == 1 && clarity(form, cmp.Or(readForm(s, form), new(login))) > 0:
			// The login is tried by itself.
		case isCostly(d, form):
			left = append(left, d.route())
		case asks(d):
			left = append(left, d.route()+" (a search)")
		case len(deeds) == listed+mostForms:
			left = append(left, d.route()+fmt.Sprintf(" (beyond the bound of %d)", mostForms))
		default:
			deeds = append(deeds, d)
		}
	}
	return deeds, left
}

// kind is equal for forms that differ in one part of their path only, such as those of
// many products.
func (d *deed) kind() string {
	path, _, _ := strings.Cut(d.path, "?")
	parts := strings.Split(path, "/")
	if len(parts) > 3 {
		parts = []string{parts[1], fmt.Sprint(len(parts)), parts[len(parts)-1]}
	}
	return d.method + " " + strings.Join(parts, "/") + "\n" + strings.Join(d.names, "\n")
}

// ofForm reads a form that posts to this origin; nil for others.
func ofForm(s *check.Session, f check.Form) *deed {
	action, err := url.Parse(f.Action)
	page, err2 := url.Parse(f.Page)
	if err != nil || err2 != nil || f.Method != http.MethodPost || action.Scheme != s.URL.Scheme || !strings.EqualFold(action.Host, s.URL.Host) {
		return nil
	}
	d := &deed{method: f.Method, path: action.RequestURI(), page: page.RequestURI(), format: "form"}
	switch f.Enctype {
	case "multipart/form-data":
		d.format = "multipart"
	case "text/plain":
		d.format = "plain"
	}
	for _, field := range f.Fields {
		d.names = append(d.names, field.Name)
	}
	return d
}

// named is the deed of a route that somebody named. A form that leads there knows its
// fields and holds the tokens that are wanted.
func named(s *check.Session, forms []check.Form, route string) *deed {
	g := s.Target.Forge
	d := &deed{format: cmp.Or(g.Format, "form")}
	d.method, d.path, _ = strings.Cut(route, " ")
	if d.method == http.MethodPost && g.Format != "json" {
		for _, f := range forms {
			if form := ofForm(s, f); form != nil && samePath(form.path, d.path) {
				d = form
				break
			}
		}
	}
	values, err := url.ParseQuery(g.Fields) // was read when the run began
	if err != nil {
		return d
	}
	for name, all := range values {
		for _, value := range all {
			d.fields = append(d.fields, check.Field{Name: name, Value: value})
		}
	}
	slices.SortStableFunc(d.fields, func(a, b check.Field) int { return cmp.Compare(a.Name, b.Name) })
	return d
}

// isCostly says whether a form must not be sent unasked, by where it leads, what it says
// and what it asks for.
func isCostly(d *deed, f check.Form) bool {
	path, _, _ := strings.Cut(d.path, "?")
	said := words(path) + " " + f.Says
	for _, field := range f.Fields {
		switch {
		case field.Name == "_method", field.Type == "hidden" && strings.Contains(strings.ToLower(field.Name), "action"):
			said += " " + field.Name + " " + field.Value
		}
	}
	return crawl.Unsafe(d.path) || costly.Get().MatchString(said) || has(f, "password") > 0 || has(f, "file") > 0
}

// searches are the ends of paths of forms that change nothing by custom, however they are
// sent: that another site can send one is no finding.
var searches = pattern.New(`(?i)(?:^|[/_-])(?:search|suche|recherche|autocomplete|suggest|preview|filter)/?$`)

func asks(d *deed) bool {
	path, _, _ := strings.Cut(d.path, "?")
	return searches.Get().MatchString(path)
}

// has counts the fields of a type.
func has(f check.Form, kind string) (n int) {
	for _, field := range f.Fields {
		if field.Type == kind {
			n++
		}
	}
	return n
}

// again finds the form on a page that was asked for anew; nil when it is gone.
func (d *deed) again(x *check.Exchange) *check.Form {
	for _, f := range crawl.Forms(x) {
		action, err := url.Parse(f.Action)
		if err != nil || f.Method != d.method || !samePath(action.RequestURI(), d.path) {
			continue
		}
		if slices.EqualFunc(f.Fields, d.names, func(field check.Field, name string) bool { return field.Name == name }) {
			return &f
		}
	}
	return nil
}

// fill are the fields as a browser sends them: what the page gave, the first button, and
// the marker where a person would write. What the page gave and secret says is nobody
// else's is left out.
func (d *deed) fill(form *check.Form, marker string, secret func(check.Field) bool) []check.Field {
	var out []check.Field
	pressed := false
	chosen := make(map[string]bool)
	var fields []check.Field
	if form != nil {
		fields = form.Fields
	}
	for _, f := range fields {
		switch {
		case slices.ContainsFunc(d.fields, func(o check.Field) bool { return o.Name == f.Name }), secret(f):
			continue
		case f.Type == "checkbox", f.Type == "file", f.Type == "button", f.Type == "reset", f.Type == "image":
			continue
		case f.Type == "submit":
			if pressed {
				continue
			}
			pressed = true
		case f.Type == "radio":
			if chosen[f.Name] {
				continue
			}
			chosen[f.Name] = true
		}
		f.Value = written(f, marker)
		out = append(out, f)
	}
	return append(out, d.fields...)
}

// written is what stands in a field: what the page gave, or something that says who
// wrote it.
func written(f check.Field, marker string) string {
	if f.Value != "" {
		return f.Value
	}
	switch f.Type {
	case "email":
		return marker + "@panoply.invalid"
	case "url":
		return "https://panoply.invalid/" + marker
	case "number", "range":
		return "1"
	case "tel":
		return "0"
	case "date":
		return "2000-01-01"
	case "text", "search", "textarea":
		if strings.Contains(strings.ToLower(f.Name), "mail") {
			return marker + "@panoply.invalid"
		}
		return marker
	}
	return ""
}

// asJSON writes fields as an object; a number, true, false or null stands as such.
func asJSON(fields []check.Field) string {
	object := make(map[string]json.RawMessage, len(fields))
	for _, f := range fields {
		raw := json.RawMessage(f.Value)
		if first := strings.TrimLeft(f.Value, "-0123456789"); !json.Valid(raw) || first == f.Value && !slices.Contains([]string{"true", "false", "null"}, f.Value) {
			raw, _ = json.Marshal(f.Value) // a string has a form in JSON
		}
		object[f.Name] = raw
	}
	text, _ := json.Marshal(object) // so has an object of such
	return string(text)
}
