package login

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/body"
)

// Unreadable is the user of attempts whose name cannot be read: of a body that is too
// long, compressed, malformed, in a charset that is not UTF-8, or that names too many. They
// have their points in common, so that nothing is won by hiding the name, and no device is
// ever known for it. No real name is the same: Fold leaves no white space in front.
const Unreadable = " unreadable"

const (
	// maxOthers is how many names beside the first are counted.
	maxOthers = 3
	// maxName is the longest name that is taken for one, in bytes. An e-mail address has at
	// most 254; what an app says again in its answer must not push the rest out of sight.
	maxName = 512
	// maxDepth is how far a JSON value is looked into.
	maxDepth = 16
)

// Credentials are what a request says about who logs in.
type Credentials struct {
	// User is the name, or Unreadable, or empty where there is none.
	User string
	// Others are names beside User that the app may take instead, as in a field that is
	// there twice with different values. Each is counted, too.
	Others []string
	// Unsure tells that the app may have looked at another name than User: then a success
	// says nothing about User.
	Unsure bool
	// Password tells whether there is one.
	Password bool
	// Basic tells that both came in the Authorization field.
	Basic bool
}

// Read finds what a request says about who logs in: in its query, in up to maxBody bytes of
// its body, which stays there for the app, and in the Authorization field. Empty names are
// the usual ones: see UserFields. It is false where nothing looks like a login: neither a
// password nor a user.
func Read(r *http.Request, user, password string, maxBody int64) (Credentials, bool) {
	fields, readable := readFields(r, maxBody)
	if !readable {
		return Credentials{User: Unreadable, Unsure: true}, true
	}
	found := find(fields, user, password)
	basic, basicPassword := readBasic(r)
	if !found.any() {
		return basic, basicPassword
	}
	c := Credentials{Password: found.password, Unsure: found.unsure}
	names := found.names
	if basicPassword {
		names = append(names, basic.User)
	}
	for i, name := range names {
		switch {
		case len(name) > maxName || strings.IndexByte(name, 0) >= 0:
			found.unreadable = true
		case i == 0:
			c.User = name
		case name != c.User && !slices.Contains(c.Others, name):
			c.Others = append(c.Others, name)
		}
	}
	if found.unreadable || len(c.Others) > maxOthers || len(found.names) == 0 {
		// A password without a name, or with too many: the app may find one that is not
		// seen here.
		return Credentials{User: Unreadable, Unsure: true, Password: c.Password}, true
	}
	c.Unsure = c.Unsure || len(c.Others) > 0
	return c, true
}

// readBasic reads the Authorization field alone. Unsure, since an app that asks for a form
// does not look at it.
func readBasic(r *http.Request) (Credentials, bool) {
	name, _, ok := r.BasicAuth()
	if !ok {
		return Credentials{}, false
	}
	if len(name) > maxName || strings.IndexByte(name, 0) >= 0 {
		name = Unreadable
	}
	return Credentials{User: name, Password: true, Basic: true, Unsure: true}, true
}

// hasBody tells whether a request brings anything that an app could read.
func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

// A field is one value that a request brings. Its path is its name, cut at brackets: that
// of "user[email]" and of {"user":{"email":…}} is the same.
type field struct {
	path  []string
	value string
}

// readFields reads the query and the body. It is false where an app may see more in it.
func readFields(r *http.Request, maxBody int64) (fields []field, ok bool) {
	if r.URL != nil && r.URL.RawQuery != "" {
		if strings.Count(r.URL.RawQuery, "&") >= body.MaxFields {
			return nil, false
		}
		// What Query leaves out has a semicolon or a broken escape, which no name here has.
		fields = appendForm(fields, r.URL.Query())
	}
	if !hasBody(r) {
		return fields, true
	}
	b, err := body.Look(r, maxBody)
	if err != nil {
		return nil, false // the app meets the same error
	}
	if b.Whole && len(b.Bytes) == 0 {
		return fields, true
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !isUTF8(params["charset"]) || strings.HasPrefix(string(b.Bytes), "\ufeff") {
		// Express decodes a charset that is named, and UTF-7 alone writes a name in many
		// ways. It cuts a mark of the byte order off the first field's name.
		return nil, false
	}
	form, err := b.Form()
	switch {
	case err == body.ErrType:
		if _, err := b.JSON(); err != nil {
			return nil, false
		}
		return appendJSON(fields, b.Bytes)
	case err != nil, media == "multipart/form-data" && !plainParts(b.Bytes, params["boundary"]):
		return nil, false
	}
	return appendForm(fields, form), true
}

func isUTF8(charset string) bool {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii":
		return true
	}
	return false
}

func appendForm(fields []field, form map[string][]string) []field {
	for name, values := range form {
		path := cut(name)
		for _, value := range values {
			fields = append(fields, field{path, value})
		}
	}
	return fields
}

// cut makes a path of a field's name, as the parsers of Express, Rails and PHP do.
func cut(name string) []string {
	var path []string
	for part := range strings.SplitSeq(strings.ReplaceAll(name, "]", ""), "[") {
		path = append(path, part)
	}
	if len(path) > 1 && path[0] == "" {
		path = path[1:] // "[user]" is "user"
	}
	return path
}

func appendJSON(fields []field, text []byte) ([]field, bool) {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return nil, false
	}
	return appendValue(fields, nil, value)
}

func appendValue(fields []field, path []string, value any) ([]field, bool) {
	if len(path) > maxDepth || len(fields) > body.MaxFields {
		return nil, false
	}
	ok := true
	switch v := value.(type) {
	case string:
		fields = append(fields, field{path, v})
	case float64:
		// As JavaScript writes it, so that 1e3 and 1000 are one user.
		fields = append(fields, field{path, strconv.FormatFloat(v, 'f', -1, 64)})
	case []any:
		for i, one := range v {
			if fields, ok = appendValue(fields, append(slices.Clip(path), strconv.Itoa(i)), one); !ok {
				return nil, false
			}
		}
	case map[string]any:
		for name, one := range v {
			if fields, ok = appendValue(fields, append(slices.Clip(path), name), one); !ok {
				return nil, false
			}
		}
	}
	return fields, true
}
