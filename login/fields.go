package login

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
)

// UserFields and PasswordFields return the names that are looked for where a Route gives
// none, in this order. Of a name in brackets what is in the last ones counts, as in
// "user[email]", and so does the innermost name in JSON.
//
// Those up to "j_username" hold nothing but names: where several of them are there, each
// value is counted. The rest are also the names of buttons and forms, so they count where
// none of the first is there.
func UserFields() []string { return slices.Clone(userFields) }

// PasswordFields are described at UserFields.
func PasswordFields() []string { return slices.Clone(passwordFields) }

var (
	userFields = []string{
		"username", "user", "email", "userid", "user_id", "user_name", "identifier", "e-mail", "mail", "emailaddress",
		"email_address", "loginid", "login_id", "j_username",
		"login", "name", "account", "phone", "handle", "log", "id",
	}
	// strong is how many of them hold nothing but names.
	strong = slices.Index(userFields, "j_username") + 1

	passwordFields = []string{
		"password", "passwd", "pass", "pwd", "passphrase", "userpassword", "user_password", "j_password", "secret", "pin",
	}
)

// found is what fields say about a login.
type found struct {
	names      []string // the first is the likeliest
	password   bool
	unsure     bool // a field that is left aside may be the one
	unreadable bool // the user is no text
}

func (f *found) any() bool { return f.password || f.unreadable || len(f.names) > 0 }

// find looks for the named fields, or for the usual ones.
func find(fields []field, user, password string) (f found) {
	wantUser, wantPassword := cut(user), cut(password)
	ranked := make([][]string, len(userFields))
	for _, one := range fields {
		if rank, whole := matchField(one.path, password, wantPassword, passwordFields); rank >= 0 {
			f.password = true
			if whole {
				continue
			}
		}
		rank, whole := matchField(one.path, user, wantUser, userFields)
		switch {
		case rank < 0:
		case !whole:
			// A list or an operator, such as user[] or user[$ne]: what an app makes of it
			// is not known here.
			f.unreadable = true
		default:
			ranked[rank] = append(ranked[rank], one.value)
		}
	}
	for rank, values := range ranked {
		if rank >= strong && len(f.names) > 0 {
			break
		}
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			if value != "" && !slices.Contains(f.names, value) {
				f.names = append(f.names, value)
			}
		}
	}
	empty := false
	for _, values := range ranked {
		for _, value := range values {
			empty = empty || value == ""
			f.unsure = f.unsure || value != "" && !slices.Contains(f.names, value)
		}
	}
	if len(f.names) == 0 && empty {
		f.names = []string{""} // the field is there
	}
	return f
}

// matchField tells which of the usual names a path ends in, or 0 where it is the named
// one; -1 is none. It is whole where the value stands for all of the field, and not where
// it is an element of it.
func matchField(path []string, name string, named, usual []string) (rank int, whole bool) {
	if name != "" {
		if len(path) < len(named) || !slices.Equal(path[:len(named)], named) {
			return -1, false
		}
		return 0, len(path) == len(named)
	}
	last := len(path) - 1
	whole = true
	for last > 0 && isElement(path[last]) {
		last, whole = last-1, false
	}
	if last < 0 {
		return -1, false
	}
	// Some write "user.email" for "user[email]".
	key := path[last]
	return slices.Index(usual, strings.ToLower(key[strings.LastIndexByte(key, '.')+1:])), whole
}

// isElement tells of what is in the brackets of a list or an operator.
func isElement(part string) bool {
	return part == "" || part[0] == '$' || strings.Trim(part, "0123456789") == ""
}

// plainParts tells whether every part of a multipart body is one that all parsers read the
// same way: named once, in UTF-8, and not encoded.
func plainParts(text []byte, boundary string) bool {
	reader := multipart.NewReader(bytes.NewReader(text), boundary)
	for {
		part, err := reader.NextRawPart()
		if err != nil {
			return err == io.EOF
		}
		for name := range part.Header {
			if name != "Content-Disposition" && name != "Content-Type" && name != "Content-Length" {
				return false // Content-Transfer-Encoding, say
			}
		}
		said := part.Header["Content-Disposition"]
		if len(said) != 1 || strings.Contains(said[0], "*=") || part.FormName() == "" {
			return false
		}
		if kind := part.Header.Get("Content-Type"); kind != "" {
			if _, params, err := mime.ParseMediaType(kind); err != nil || !isUTF8(params["charset"]) {
				return false
			}
		}
	}
}
