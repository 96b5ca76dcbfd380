package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// harTime stands where HAR wants a time of day: an exchange has none, and a file that
// is compared with another one should not have one either.
const harTime = "1970-01-01T00:00:00.000Z"

type harLog struct {
	Version string     `json:"version"`
	Creator harCreator `json:"creator"`
	Entries []harEntry `json:"entries"`
	Comment string     `json:"comment"`
}

type harCreator struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type harEntry struct {
	Started  string         `json:"startedDateTime"`
	Time     int            `json:"time"`
	Request  harRequest     `json:"request"`
	Response harResponse    `json:"response"`
	Cache    struct{}       `json:"cache"`
	Timings  map[string]int `json:"timings"`
	Comment  string         `json:"comment,omitempty"`
}

type harRequest struct {
	Method   string    `json:"method"`
	URL      string    `json:"url"`
	Version  string    `json:"httpVersion"`
	Cookies  []harPair `json:"cookies"`
	Headers  []harPair `json:"headers"`
	Query    []harPair `json:"queryString"`
	Post     *harPost  `json:"postData,omitempty"`
	HeadSize int       `json:"headersSize"`
	BodySize int       `json:"bodySize"`
}

type harPost struct {
	Type string `json:"mimeType"`
	Text string `json:"text"`
}

type harResponse struct {
	Status   int        `json:"status"`
	Reason   string     `json:"statusText"`
	Version  string     `json:"httpVersion"`
	Cookies  []harPair  `json:"cookies"`
	Headers  []harPair  `json:"headers"`
	Content  harContent `json:"content"`
	Redirect string     `json:"redirectURL"`
	HeadSize int        `json:"headersSize"`
	BodySize int        `json:"bodySize"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type harContent struct {
	Size    int    `json:"size"`
	Type    string `json:"mimeType"`
	Text    string `json:"text,omitempty"`
	Comment string `json:"comment,omitempty"`
}

// HAR writes exchanges, in the order given, as an HTTP Archive 1.2. They have not passed
// the redactor before: values of cookies and queries, credentials and what is named as
// a secret are masked here, and so is every cookie value that an answer set or a request
// carried, wherever else it stands. Bodies are text of at most redact.Limit bytes, and
// others are left out with a comment. A request that was marked as secret shows neither
// its headers nor its body. Nil exchanges are skipped.
//
// Source: HTTP Archive (HAR) format, W3C Web Performance Group, 14 August 2012.
func HAR(w io.Writer, exchanges []*check.Exchange, version string) error {
	out := harLog{
		Version: "1.2", Creator: harCreator{"panoply", line(version)}, Entries: []harEntry{},
		Comment: "secrets are masked, times are not recorded",
	}
	h := harWriter{secrets: secrets(exchanges)}
	for _, x := range exchanges {
		if x != nil {
			out.Entries = append(out.Entries, h.entry(x))
		}
	}
	text, err := json.MarshalIndent(map[string]harLog{"log": out}, "", "  ")
	if err != nil {
		return fmt.Errorf("report: writing HAR: %w", err)
	}
	_, err = w.Write(append(inertJSON(text), '\n'))
	return err
}

type harWriter struct{ secrets *strings.Replacer }

// text masks a text of several lines, and line one of one line.
func (h harWriter) text(s string) string {
	// What lies beyond any output is not worth searching.
	return redact.Text(h.secrets.Replace(s[:min(len(s), 2*redact.Limit)]))
}

func (h harWriter) line(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\n", " ", "\t", " ").Replace(h.text(s)))
}

func (h harWriter) entry(x *check.Exchange) harEntry {
	e := harEntry{Started: harTime, Timings: map[string]int{"send": 0, "wait": 0, "receive": 0}}
	e.Request, e.Response = h.request(x), h.response(x)
	switch {
	case x.Request.Secret:
		e.Comment = "headers and body of the request hold credentials and are left out"
	case x.Request.As == check.User:
		e.Comment = "sent as a logged-in user; the credentials are left out"
	}
	return e
}

func (h harWriter) request(x *check.Exchange) harRequest {
	r := harRequest{
		Method: h.line(cmp.Or(x.Request.Method, http.MethodGet)), URL: h.line(x.URL), Version: "HTTP/1.1",
		Cookies: []harPair{}, Headers: []harPair{}, Query: []harPair{}, HeadSize: -1, BodySize: len(x.Request.Body),
	}
	if u, err := url.Parse(x.URL); err == nil {
		for field := range strings.SplitSeq(u.RawQuery, "&") {
			if name, _, _ := strings.Cut(field, "="); name != "" {
				r.Query = append(r.Query, harPair{h.line(name), redact.Mask})
			}
		}
	}
	if x.Request.Secret {
		return r
	}
	kind := ""
	for l := range strings.SplitSeq(x.Request.Headers, "\n") {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			continue
		}
		if strings.EqualFold(name, "Content-Type") {
			kind = h.line(value)
		}
		if strings.EqualFold(name, "Cookie") {
			for pair := range strings.SplitSeq(value, ";") {
				r.Cookies = append(r.Cookies, h.cookie(pair))
			}
		}
		r.Headers = append(r.Headers, h.header(name, value))
	}
	if x.Request.Body != "" {
		r.Post = &harPost{kind, h.text(x.Request.Body)}
	}
	return r
}

func (h harWriter) response(x *check.Exchange) harResponse {
	r := harResponse{
		Status: x.Status, Reason: http.StatusText(x.Status), Version: "HTTP/1.1", Cookies: []harPair{}, Headers: []harPair{},
		Redirect: h.line(x.Header.Get("Location")), HeadSize: -1, BodySize: -1,
	}
	for _, name := range slices.Sorted(maps.Keys(x.Header)) {
		for _, value := range x.Header[name] {
			r.Headers = append(r.Headers, h.header(name, value))
			if name == "Set-Cookie" {
				r.Cookies = append(r.Cookies, h.cookie(value))
			}
		}
	}
	r.Content = harContent{Size: len(x.Body), Type: h.line(x.Header.Get("Content-Type"))}
	switch {
	case len(x.Body) == 0:
	case !textual(r.Content.Type, x.Body):
		r.Content.Comment = "no text, left out"
	default:
		r.Content.Text = h.text(string(x.Body))
		if x.Truncated || len(x.Body) > redact.Limit {
			r.Content.Comment = "cut"
		}
	}
	return r
}

// cookie is a cookie's name.
func (h harWriter) cookie(pair string) harPair {
	pair, _, _ = strings.Cut(pair, ";")
	name, _, named := strings.Cut(strings.TrimSpace(pair), "=")
	if !named {
		name = ""
	}
	return harPair{h.line(name), redact.Mask}
}

// header masks a value as the redactor does where the name stands before it.
func (h harWriter) header(name, value string) harPair {
	name = h.line(name)
	masked := h.line(name + ": " + strings.TrimSpace(value))
	_, rest, _ := strings.Cut(masked, ":")
	return harPair{name, strings.TrimSpace(rest)}
}

// textual says whether a body is text: by its type, or where that says nothing by its
// first bytes.
func textual(kind string, body []byte) bool {
	head := body[:min(len(body), 512)]
	if len(body) > len(head) {
		// A character may be cut in two.
		for i := 0; i < utf8.UTFMax && len(head) > 0 && !utf8.Valid(head); i++ {
			head = head[:len(head)-1]
		}
	}
	if slices.Contains(head, 0) {
		return false
	}
	media, _, err := mime.ParseMediaType(kind)
	if err == nil && media != "application/octet-stream" {
		major, minor, _ := strings.Cut(media, "/")
		return major == "text" || strings.HasSuffix(minor, "json") || strings.HasSuffix(minor, "xml") || strings.HasSuffix(minor, "javascript") ||
			minor == "x-www-form-urlencoded"
	}
	return utf8.Valid(head)
}
