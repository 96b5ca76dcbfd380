package conceal

import (
	"bytes"
	"encoding/json"
	"html"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// A Page is one of the user's own error pages.
type Page struct {
	// HTML is the source of a page for html/template; a plain HTML file is one. It may
	// use {{.Status}} (404), {{.Title}} ("Not Found") and {{.ID}}, the request's id,
	// empty where there is none. A page that does not parse or does not run makes New
	// return a *guard.OptionError. The page is sent as it is: what it loads or styles
	// inline has to satisfy the site's own policy.
	HTML string
}

// pageData is what a user's template sees.
type pageData struct {
	Status int
	Title  string
	ID     string
}

// pageSet holds the user's templates by status or class.
type pageSet map[int]*template.Template

func newPageSet(pages map[int]Page, problems *guard.Problems) pageSet {
	set := pageSet{}
	for _, key := range slices.Sorted(maps.Keys(pages)) {
		field := "Pages[" + strconv.Itoa(key) + "]"
		if key != 4 && key != 5 && (key < 400 || key > 599) {
			problems.Add("Pages", strconv.Itoa(key), "a status from 400 to 599, or 4 or 5 for a class", "")
			continue
		}
		source := pages[key].HTML
		if strings.TrimSpace(source) == "" {
			problems.Add(field+".HTML", "", "the source of a page; it is empty", "leave the status out for the built-in page")
			continue
		}
		t, err := template.New(field).Parse(source)
		if err == nil {
			err = t.Execute(new(bytes.Buffer), pageData{Status: key, Title: "Title", ID: "id"})
		}
		if err != nil {
			problems.Note(&guard.OptionError{Package: "conceal", Field: field + ".HTML",
				Allowed: "a template with {{.Status}}, {{.Title}} and {{.ID}}", Err: err})
			continue
		}
		set[key] = t
	}
	return set
}

// ownPage marks an answer that Page has written.
type ownPage struct{}

// Page answers with the status and a page in the form that the request's Accept
// prefers: HTML, problem+json (RFC 9457) or text. The page names the status, and the
// request's id where there is one; nothing of what the request said. A status outside
// 400 to 599 becomes 500. HEAD gets the header alone. Headers that are set already
// stay, but for those that describe the body; Cache-Control becomes no-store.
func (g *Guard) Page(w http.ResponseWriter, r *http.Request, status int) {
	g.write(w, r, status, hook.RequestID(r.Context()))
}

// Deny answers a denial as Page does, with Retry-After where waiting helps. It is a
// [guard.Deny]. The page does not name the rule: whoever tests a filter would learn
// from it. The id leads to the rule in the log.
func (g *Guard) Deny(w http.ResponseWriter, r *http.Request, d guard.Denial) {
	id := d.ID
	if id == "" {
		id = hook.RequestID(r.Context())
	}
	if d.Status < 400 || d.Status > 599 {
		d.Status = http.StatusForbidden
	}
	guard.SetRetryAfter(w.Header(), d.RetryAfter)
	g.write(w, r, d.Status, id)
}

func (g *Guard) write(w http.ResponseWriter, r *http.Request, status int, id string) {
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	// Not by Begin: a page is also written from OnPanic, when the exchange is ending.
	hook.With(r, ownPage{}, true)
	contentType, body := g.render(g.negotiate(r), status, id)
	h := w.Header()
	for _, name := range [...]string{"Content-Encoding", "Etag", "Last-Modified"} {
		delete(h, name)
	}
	describe(h, contentType)
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// describe sets the fields of a page that stands in place of another body.
func describe(h http.Header, contentType string) {
	h["Content-Type"] = []string{contentType}
	h["Cache-Control"] = []string{"no-store"} // it carries the request's id
	delete(h, "Content-Language")
	delete(h, "Content-Disposition")
	varyByAccept(h)
}

// varyByAccept adds Accept to Vary in a new slice: the old one may be shared.
func varyByAccept(h http.Header) {
	lines := h["Vary"]
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Accept") {
				return
			}
		}
	}
	h["Vary"] = append(slices.Clip(slices.Clone(lines)), "Accept")
}

const (
	typeHTML    = "text/html; charset=utf-8"
	typeText    = "text/plain; charset=utf-8"
	typeProblem = "application/problem+json"
)

// render makes a page. It falls back to the built-in HTML should a user's template
// fail in spite of the trial in New.
func (g *Guard) render(f form, status int, id string) (contentType string, body []byte) {
	if !isID(id) {
		id = ""
	}
	switch f {
	case asHTML:
		t := g.pages[status]
		if t == nil {
			t = g.pages[status/100]
		}
		if t != nil {
			var b bytes.Buffer
			if t.Execute(&b, pageData{status, title(status), id}) == nil {
				return typeHTML, b.Bytes()
			}
		}
		return typeHTML, htmlPage(status, id)
	case asJSON:
		return typeProblem, problemJSON(status, id)
	}
	return typeText, textPage(status, id)
}

// isID lets through what may be an id and so need not be escaped anywhere.
func isID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(id) <= 64
}

// htmlPage has neither style nor script nor anything to load, so that it looks the
// same under every Content-Security-Policy and causes no report.
func htmlPage(status int, id string) []byte {
	text := html.EscapeString(title(status))
	page := `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>` + text + `</title>
</head>
<body>
<main>
<h1>` + text + `</h1>
<p>` + html.EscapeString(sentence(status)) + `</p>
`
	if id != "" {
		page += "<p><small>Reference: <code>" + id + "</code></small></p>\n"
	}
	return []byte(page + "</main>\n</body>\n</html>\n")
}

// problem is RFC 9457's object; request_id is an extension member by its section 3.2.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	RequestID string `json:"request_id,omitempty"`
}

func problemJSON(status int, id string) []byte {
	body, err := json.Marshal(problem{"about:blank", title(status), status, id})
	if err != nil {
		return []byte("{}") // unreachable: a struct of strings and a number
	}
	return append(body, '\n')
}

func textPage(status int, id string) []byte {
	page := title(status) + "\n" + sentence(status) + "\n"
	if id != "" {
		page += "Reference: " + id + "\n"
	}
	return []byte(page)
}

func xmlPage(status int) []byte {
	return []byte(`<?xml version="1.0" encoding="utf-8"?>` + "\n<error><status>" + strconv.Itoa(status) +
		"</status><title>" + html.EscapeString(title(status)) + "</title></error>\n")
}

// title is the reason phrase, or that of the class for a status without one.
func title(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	if status >= 500 {
		return http.StatusText(http.StatusInternalServerError)
	}
	return http.StatusText(http.StatusBadRequest)
}

// sentence says what the status means for whoever reads the page.
func sentence(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return "You need to sign in to see this."
	case http.StatusForbidden:
		return "This request was refused."
	case http.StatusNotFound, http.StatusGone:
		return "There is nothing at this address."
	case http.StatusMethodNotAllowed:
		return "This address does not take that kind of request."
	case http.StatusRequestTimeout:
		return "The request took too long to arrive."
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return "The request is too large."
	case http.StatusTooManyRequests:
		return "There were too many requests. Please wait and try again."
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "The site cannot answer right now. Please try again later."
	}
	if status >= 500 {
		return "Something went wrong on our side. Please try again later."
	}
	return "The request could not be handled as it was sent."
}
