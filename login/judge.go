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
// Undecided, and 400 to 499 a Failure. A redirect is a Failure where it leads to a login, to
// the page that the form was on, or to an address that speaks of an error; else it is
// Successful. So is 204, and any other 2xx with JSON, unless that says otherwise: an
// "error", "success": false, a "message" that speaks of an error, or their like. Body is its
// beginning, as far as it is known. Any other 2xx is a Failure: the page with the form
// again. A cookie proves nothing; many apps give one to everybody.
//
// An app that answers in another way needs a Success of its own: one that redirects a wrong
// password to its front page, say, as Express's redirect to the Referrer does where there
// is none. Its every guess would count as a success.
func Judge(r *http.Request, status int, h http.Header, body []byte) Outcome {
	switch {
	case status >= 500 || status < 200:
		return Undecided
	case status >= 400:
		return Failure
	case status == http.StatusNoContent:
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

// saysInBody tells of answers that Judge takes for successes unless their body denies it.
func saysInBody(status int, h http.Header) bool {
	return status < 300 && status != http.StatusNoContent && isJSON(h)
}

// deniesInJSON tells an answer in JSON that says that something went wrong. It reads as far
// as the text goes; what does not parse says nothing.
func deniesInJSON(body []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(body))
	switch first, _ := dec.Token(); first {
	case json.Delim('{'):
	case json.Delim('['), nil:
		return bytes.Equal(bytes.TrimSpace(body), []byte("null"))
	default:
		return isNo(first)
	}
	for dec.More() {
		key, _ := dec.Token()
		name, ok := key.(string)
		if !ok {
			return false
		}
		var value any
		cut := dec.Decode(&value) != nil
		if memberDenies(strings.ToLower(name), value, cut) {
			return true
		}
		if cut {
			return false
		}
	}
	return false
}

// memberDenies judges one member. Cut is one whose value goes on out of sight.
func memberDenies(name string, value any, cut bool) bool {
	switch name {
	case "success", "ok", "authenticated", "valid", "loggedin", "logged_in", "user", "token", "access_token":
		return !cut && isNo(value)
	case "error", "errors", "error_description":
		switch v := value.(type) {
		case []any:
			return len(v) > 0
		case map[string]any:
			return len(v) > 0
		case string:
			return v != ""
		}
		return cut || !isNo(value)
	case "status", "result", "code", "statuscode", "message", "msg", "detail", "reason":
		switch v := value.(type) {
		case string:
			return speaksOfError(v)
		case float64:
			return v >= 400 && v <= 499
		}
	}
	return false
}

// isNo tells of what is no or nothing.
func isNo(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 0
	case string:
		return v == "" || strings.EqualFold(v, "false") || strings.EqualFold(v, "no") || v == "0"
	}
	return false
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
	for name, values := range to.Query() {
		if speaksOfError(name) || slices.ContainsFunc(values, speaksOfError) {
			return true
		}
	}
	// A page that is a program keeps its address behind the '#'.
	if speaksOfError(to.Fragment) || isLogin(to.Fragment) {
		return true
	}
	last := to.Path[strings.LastIndexByte(to.Path, '/')+1:]
	if speaksOfError(last) || isLogin(to.Path) || samePath(to.Path, r.URL.Path) {
		return true
	}
	from, err := url.Parse(r.Referer())
	return err == nil && from.Path != "" && from.Path != "/" && samePath(to.Path, from.Path)
}

// isLogin tells whether a path ends in what apps call their login.
func isLogin(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	all := segments(path)
	if len(all) == 0 {
		return false
	}
	last, _, _ := strings.Cut(all[len(all)-1], ".")
	switch last {
	case "login", "log-in", "log_in", "logon", "signin", "sign-in", "sign_in", "wp-login":
		return true
	}
	return false
}

func speaksOfError(text string) bool {
	text = strings.ToLower(text)
	for _, word := range [...]string{"error", "fail", "invalid", "denied", "incorrect", "wrong", "unauthorized", "unauthorised", "not found", "bad cred", "bad_cred"} {
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
