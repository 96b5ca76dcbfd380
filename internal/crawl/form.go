package crawl

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/panoplysec/panoply/audit/check"
)

// The bounds on the forms of one page.
const (
	maxPageForms = 100
	maxVariants  = 20
	maxFields    = 200
	maxStray     = 1000
	maxValue     = 4096
	maxSays      = 400
)

// forms reads the forms of a page from its tags.
type forms struct {
	list []check.Form
	// open is the index of the open form, or -1. Forms do not nest.
	open int
	ids  map[string]int
	// stray are fields that name their form.
	stray []stray
	// variants are buttons that send their form elsewhere or in another way.
	variants []variant
	// value is where the text of a textarea or an option goes; nil when nowhere.
	value *string
	// choice is the select's field whose options are being read, chosen that one of
	// them was taken.
	choice *check.Field
	chosen bool
	// label is the index of the form whose button is being read, or -1.
	label int
}

type stray struct {
	form  string
	field *check.Field
}

type variant struct {
	form                    int
	name                    string // of the form, where it is named
	action, method, enctype *string
}

func newForms() forms { return forms{open: -1, label: -1, ids: make(map[string]int)} }

// start reads a tag. For a form that is sent by GET it returns where it leads, without
// its fields.
func (f *forms) start(tag string, a attrs) (address string, get bool) {
	f.value = nil
	switch tag {
	case "form":
		m, sent := method(a["method"])
		if f.open >= 0 || len(f.list) == maxPageForms {
			return "", false
		}
		f.list = append(f.list, check.Form{Action: strings.TrimSpace(a["action"]), Method: m, Enctype: enctype(a["enctype"])})
		f.open = len(f.list) - 1
		if !sent {
			f.list[f.open].Method = "" // closes a dialog; taken out in the end
		}
		if id := a["id"]; id != "" {
			if _, twice := f.ids[id]; !twice {
				f.ids[id] = f.open
			}
		}
		address, _, _ = strings.Cut(a["action"], "?")
		return address, sent && m == "GET"
	case "option":
		f.option(a)
	case "input", "select", "textarea", "button":
		f.field(tag, a)
	}
	return "", false
}

// field adds an element to its form.
func (f *forms) field(tag string, a attrs) {
	kind := strings.ToLower(a["type"])
	switch {
	case tag == "select" || tag == "textarea":
		kind = tag
	case kind == "" && tag == "button":
		kind = "submit"
	case kind == "":
		kind = "text"
	}
	named, byName := a["form"]
	f.labelled(tag, kind, a)
	if kind == "submit" || kind == "image" {
		v := variant{form: f.open, name: named, action: given(a, "formaction"), method: given(a, "formmethod"), enctype: given(a, "formenctype")}
		if (v.action != nil || v.method != nil || v.enctype != nil) && (f.open >= 0 || byName) && len(f.variants) < maxVariants {
			f.variants = append(f.variants, v)
		}
	}
	field := &check.Field{Name: a["name"], Type: kind, Value: a["value"][:min(len(a["value"]), maxValue)]}
	if field.Value == "" && (kind == "checkbox" || kind == "radio") {
		field.Value = "on"
	}
	f.choice, f.chosen = nil, false
	if _, off := a["disabled"]; off || field.Name == "" {
		return
	}
	switch {
	case byName && len(f.stray) < maxStray:
		f.stray = append(f.stray, stray{named, field})
	case !byName && f.open >= 0 && len(f.list[f.open].Fields) < maxFields:
		form := &f.list[f.open]
		form.Fields = append(form.Fields, *field)
		field = &form.Fields[len(form.Fields)-1]
	default:
		return
	}
	switch tag {
	case "textarea":
		f.value = &field.Value
	case "select":
		f.choice = field
	}
}

// labelled notes what a button says. One that names its form says it of the open one as
// well, if there is one: that costs nothing but caution.
func (f *forms) labelled(tag, kind string, a attrs) {
	if kind != "submit" && kind != "image" && tag != "button" {
		return
	}
	i := f.open
	if at, ok := f.ids[a["form"]]; ok {
		i = at
	}
	if tag == "button" {
		f.label = i
	}
	for _, name := range []string{"value", "title", "aria-label", "alt"} {
		f.say(i, a[name])
	}
}

func (f *forms) say(form int, text string) {
	if form < 0 {
		return
	}
	if text = strings.TrimSpace(text); text != "" && len(f.list[form].Says)+len(text) < maxSays {
		f.list[form].Says = strings.TrimSpace(f.list[form].Says + " " + text)
	}
}

// given returns an attribute that is there, perhaps empty.
func given(a attrs, name string) *string {
	if v, ok := a[name]; ok {
		return &v
	}
	return nil
}

// option takes the one that a browser would send: the selected one, or the first.
func (f *forms) option(a attrs) {
	_, selected := a["selected"]
	if f.choice == nil || f.chosen && !selected {
		return
	}
	f.chosen = true
	v, ok := a["value"]
	f.choice.Value = v[:min(len(v), maxValue)]
	if !ok {
		f.value = &f.choice.Value
	}
}

// text reads what stands between tags.
func (f *forms) text(raw []byte) {
	if f.label >= 0 {
		f.say(f.label, html.UnescapeString(string(raw[:min(len(raw), maxSays)])))
	}
	if f.value == nil {
		return
	}
	*f.value = html.UnescapeString(string(raw[:min(len(raw), maxValue)]))
	if f.choice != nil {
		*f.value = strings.TrimSpace(*f.value)
	}
	f.value = nil
}

func (f *forms) end(tag string) {
	switch tag {
	case "form":
		f.open, f.label = -1, -1
	case "button":
		f.label = -1
	case "select":
		f.choice = nil
	}
	f.value = nil
}

// all returns the forms once the page has been read.
func (f *forms) all() []check.Form {
	for _, s := range f.stray {
		if i, ok := f.ids[s.form]; ok && len(f.list[i].Fields) < maxFields {
			f.list[i].Fields = append(f.list[i].Fields, *s.field)
		}
	}
	for _, v := range f.variants {
		i := v.form
		if v.name != "" {
			var ok bool
			if i, ok = f.ids[v.name]; !ok {
				continue
			}
		}
		form := f.list[i]
		form.Fields = slices.Clone(form.Fields)
		if v.action != nil {
			form.Action = strings.TrimSpace(*v.action)
		}
		if v.method != nil {
			form.Method, _ = method(*v.method)
		}
		if v.enctype != nil {
			form.Enctype = enctype(*v.enctype)
		}
		f.list = append(f.list, form)
	}
	return slices.DeleteFunc(f.list, func(form check.Form) bool { return form.Method == "" })
}

// method reads the method of a form; the other answer is false where nothing is sent.
func method(s string) (string, bool) {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "post":
		return "POST", true
	case "dialog":
		return "", false
	}
	return "GET", true
}

func enctype(s string) string {
	if s = strings.ToLower(strings.TrimSpace(s)); s == "multipart/form-data" || s == "text/plain" {
		return s
	}
	return "application/x-www-form-urlencoded"
}

// Forms are those of one page, with absolute addresses, for whoever asks for the page
// anew.
func Forms(x *check.Exchange) []check.Form {
	found := read(x)
	base, err := url.Parse(x.URL)
	if err != nil {
		return nil
	}
	if found.base != "" {
		if b, err := parse(base, found.base); err == nil {
			base = b
		}
	}
	for i, f := range found.forms {
		found.forms[i] = located(f, x.URL, base)
	}
	return found.forms
}

// located is the form of a page with absolute addresses.
func located(f check.Form, page string, base *url.URL) check.Form {
	f.Page = page
	if f.Action == "" {
		f.Action = page
	} else if u, err := parse(base, f.Action); err == nil {
		f.Action = u.String()
	}
	return f
}
