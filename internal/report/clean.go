package report

import (
	"bytes"
	"reflect"
	"strings"
	"unicode"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// clean is a copy of the report in which every text is printable: a report that the
// engine made is already, and one from elsewhere may be anything.
func clean(r *audit.Report) *audit.Report {
	out := printable(reflect.ValueOf(*r)).Interface().(audit.Report)
	return &out
}

func printable(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch {
	case v.Kind() == reflect.String:
		out.SetString(redact.Printable(v.String()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(printable(v.Field(i)))
		}
	case v.Kind() == reflect.Slice && !v.IsNil():
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(printable(v.Index(i)))
		}
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.String && !v.IsNil():
		out.Set(reflect.MakeMap(v.Type()))
		for key, value := range v.Seq2() {
			out.SetMapIndex(printable(key), printable(value))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(printable(v.Elem()))
	default:
		out.Set(v)
	}
	return out
}

// line makes one printable line of foreign text.
func line(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(redact.Printable(s))
}

// inert keeps a line of output from being a command of GitHub's runner, which takes one
// from whatever a program prints: a line whose first text is ::, after any blanks of
// Unicode, and ##[ anywhere.
func inert(l string) string {
	l = strings.ReplaceAll(l, "##[", "## [")
	rest := strings.TrimLeftFunc(l, unicode.IsSpace)
	if !strings.HasPrefix(rest, "::") {
		return l
	}
	return l[:len(l)-len(rest)] + ": " + rest[1:]
}

// inertJSON is inert for a document of JSON, which it does not change for its readers:
// no line of one begins with ::, and ##[ can stand in a string only.
func inertJSON(doc []byte) []byte {
	return bytes.ReplaceAll(doc, []byte("##["), []byte(`##\u005b`))
}

// inertMarkup is inert for a document of XML or HTML, which it does not change for its
// readers.
func inertMarkup(doc string) string {
	doc = strings.ReplaceAll(doc, "##[", "##&#91;")
	var b strings.Builder
	for l := range strings.Lines(doc) {
		rest := strings.TrimLeftFunc(l, unicode.IsSpace)
		if strings.HasPrefix(rest, "::") {
			l = l[:len(l)-len(rest)] + "&#58;" + rest[1:]
		}
		b.WriteString(l)
	}
	return b.String()
}
