package login

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Success tells how an app says that the password was right. Where several fields are
// set, all have to hold; what does not is a failure, but for a status of 500 and above,
// which says nothing about the password.
type Success struct {
	// Status is one of these.
	Status []int
	// Location is a redirect to this path, or, when it ends in '*', to one that begins so.
	Location string
	// Cookie is the name of a cookie that is set to a value.
	Cookie string
	// Body is a text within the first 16 KiB of the answer, of at most 256 bytes.
	Body string
}

const (
	maxBodyRule = 256
	// bodyLook is how much of an answer Success.Body is looked for in.
	bodyLook = 16 << 10
)

func (s *Success) empty() bool {
	return len(s.Status) == 0 && s.Location == "" && s.Cookie == "" && s.Body == ""
}

// An Outcome is what an answer says about the password.
type Outcome uint8

const (
	// Undecided: the answer says nothing about it.
	Undecided Outcome = iota
	// Success: it was right.
	Successful
	// Failure: it was wrong, or the app did not look at it.
	Failure
)

var outcomeNames = [...]string{"undecided", "success", "failure"}

// String returns "undecided", "success" or "failure".
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

// Judge says what an answer to a login means, by what apps usually do. 500 and above is
// Undecided, and 400 to 499 a Failure. A redirect is a Failure where it leads back to the
// login, to the page that the form was on, or to an address that speaks of an error; else
// it is Successful. So is 204, and any other 2xx with JSON, unless that says otherwise: an
// "error", "success": false, or their like. Body is its beginning, as far as it is known.
// Any other 2xx is a Failure: the page with the form again. A cookie proves nothing; many
// apps give one to everybody. A request with Basic authentication has succeeded with any
// status below 400.
//
// An app that answers in another way needs a Success of its own.
func Judge(r *http.Request, status int, h http.Header, body []byte) Outcome {
	switch {
	case status >= 500 || status < 200:
		return Undecided
	case status >= 400:
		return Failure
	case isBasic(r) || status == http.StatusNoContent:
		return Successful
	case status >= 300:
		if backToLogin(r, h.Get("Location")) {
			return Failure
		}
		return Successful
	case isJSON(h) && !deniesInJSON(body):
		return Successful
	}
	return Failure
}

// deniesInJSON tells an answer in JSON that says that something went wrong. What does not
// parse, or was cut, says nothing.
func deniesInJSON(body []byte) bool {
	var members map[string]any
	if json.Unmarshal(body, &members) != nil {
		return false
	}
	for name, value := range members {
		switch strings.ToLower(name) {
		case "success", "ok", "authenticated", "valid", "loggedin", "logged_in":
			if value == false {
				return true
			}
		case "error", "errors", "error_description":
			switch v := value.(type) {
			case nil:
			case bool:
				if v {
					return true
				}
			case string:
				if v != "" {
					return true
				}
			case []any:
				if len(v) > 0 {
					return true
				}
			default:
				return true
			}
		case "status", "result", "code", "statuscode":
			switch v := value.(type) {
			case string:
				if speaksOfError(v) || strings.EqualFold(v, "unauthorized") {
					return true
				}
			case float64:
				if v >= 400 && v <= 499 {
					return true
				}
			}
		}
	}
	return false
}

func isBasic(r *http.Request) bool {
	_, _, ok := r.BasicAuth()
	return ok
}

func isJSON(h http.Header) bool {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// setsCookie tells whether the cookie of a name is set to a value.
func setsCookie(h http.Header, name string) bool {
	for _, line := range h["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		n, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if n == name && strings.Trim(value, `" `) != "" && value != "deleted" {
			return true
		}
	}
	return false
}

// backToLogin tells whether a redirect leads where a login that failed does.
func backToLogin(r *http.Request, location string) bool {
	to, err := r.URL.Parse(location)
	if err != nil || location == "" {
		return true
	}
	for name := range to.Query() {
		if speaksOfError(name) {
			return true
		}
	}
	last := to.Path[strings.LastIndexByte(to.Path, '/')+1:]
	if speaksOfError(last) || samePath(to.Path, r.URL.Path) {
		return true
	}
	from, err := url.Parse(r.Referer())
	return err == nil && from.Path != "" && from.Path != "/" && samePath(to.Path, from.Path)
}

func speaksOfError(text string) bool {
	text = strings.ToLower(text)
	for _, word := range [...]string{"error", "fail", "invalid", "denied", "incorrect", "wrong"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func samePath(a, b string) bool { return slices.Equal(segments(a), segments(b)) }

// header judges by a rule of the app's own all that needs no body.
func (s *Success) header(status int, h http.Header, r *http.Request) Outcome {
	switch {
	case status >= 500:
		return Undecided
	case len(s.Status) > 0 && !slices.Contains(s.Status, status),
		s.Location != "" && (status < 300 || status > 399 || !leadsTo(r, h.Get("Location"), s.Location)),
		s.Cookie != "" && !setsCookie(h, s.Cookie):
		return Failure
	}
	return Successful
}

func leadsTo(r *http.Request, location, want string) bool {
	to, err := r.URL.Parse(location)
	if err != nil {
		return false
	}
	if prefix, ok := strings.CutSuffix(want, "*"); ok {
		return strings.HasPrefix(to.Path, prefix)
	}
	return to.Path == want
}

func (s *Success) inBody(text []byte) bool { return bytes.Contains(text, []byte(s.Body)) }
