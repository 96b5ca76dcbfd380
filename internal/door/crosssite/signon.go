package crosssite

import (
	"net/http"
	"strings"
	"time"
)

const (
	// stateLasts is the longest for which a sign-on waits for its answer.
	stateLasts = time.Hour
	// randomTail is the length from which what follows a name is no part of it.
	randomTail = 16
)

var (
	// stateWords are in the names of cookies that keep the state of a sign-on.
	stateWords = [...]string{"state", "shibstate", "nonce", "correlation", "pkce", "verifier", "verification", "relay", "relaystate", "saml_req", "opensaml_req", "authn_request"}
	// credentialWords are in the names of cookies by which an application knows people.
	credentialWords = [...]string{"sess", "sid", "token", "jwt", "remember", "login", "logged"}
	// identityWords are in the names of both.
	identityWords = [...]string{"auth", "user", "account", "identity", "access", "refresh"}
)

// stateOf reads a Set-Cookie line: stem is what Memory calls the cookie, and state says
// that it is meant for a form of another site and nobody is known by it. SameSite=None alone
// does not say that: an application whose pages are framed, or whose scripts run elsewhere,
// says it of its session, and needs the guard most. So the name has to speak of a sign-on, or
// the cookie has to end within stateLasts and neither name nor value speak of a credential.
// The stem is empty for a line that sets nothing.
func stateOf(line string, now time.Time) (stem string, state bool) {
	c, err := http.ParseSetCookie(line)
	if err != nil || c.Value == "" || c.MaxAge < 0 {
		return "", false
	}
	stem = stemOf(c.Name)
	says := c.Name
	if len(says)-len(stem) >= randomTail {
		says = stem
	}
	if _, attributes, _ := strings.Cut(line, ";"); !saysNone(attributes) || hasWord(says, credentialWords[:]) {
		return stem, false
	}
	if endsInWord(stem) {
		return stem, true
	}
	ends := !c.Expires.IsZero() && c.Expires.Sub(now) <= stateLasts
	if c.MaxAge > 0 {
		ends = time.Duration(c.MaxAge)*time.Second <= stateLasts
	}
	return stem, ends && !hasWord(c.Name, identityWords[:]) && !strings.HasPrefix(c.Value, "eyJ") // a JWT
}

// stemOf is a cookie's name without what follows the first word of a sign-on in it, as some
// programs name a cookie anew for each.
func stemOf(name string) string {
	end := len(name)
	for _, word := range stateWords {
		if at := wordIn(name, word); at >= 0 {
			if after := at + len(word); after == len(name) || !lower(name[after]) {
				end = min(end, after)
			}
		}
	}
	return name[:end]
}

// endsInWord tells a stem that stemOf found a word in.
func endsInWord(stem string) bool {
	for _, word := range stateWords {
		if at := wordIn(stem, word); at >= 0 && at+len(word) == len(stem) {
			return true
		}
	}
	return false
}

func hasWord(name string, words []string) bool {
	for _, word := range words {
		if wordIn(name, word) >= 0 {
			return true
		}
	}
	return false
}

// wordIn finds where a word begins a word of the name, whatever its case: "sessionid",
// "my_session" and "mySession" have "sess", "obsession" has not.
func wordIn(name, word string) int {
	for i := 0; i+len(word) <= len(name); i++ {
		if strings.EqualFold(name[i:i+len(word)], word) && (i == 0 || !letter(name[i-1]) || lower(name[i-1]) && !lower(name[i])) {
			return i
		}
	}
	return -1
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func lower(c byte) bool  { return 'a' <= c && c <= 'z' }
