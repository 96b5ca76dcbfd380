package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/clientip"
)

const (
	// maxUsers is how many users one device is known for: the last ones.
	maxUsers = 4
	// maxDeviceCookies is how many cookies of the name are looked at in one request.
	maxDeviceCookies = 4

	tagSize, nonceSize, timeSize, macSize = 12, 9, 4, 16
	tokenSize                             = tagSize + nonceSize + timeSize + macSize
)

// devices makes and knows device cookies. A cookie's value is tokens joined by '.', the
// newest first, each for one user:
//
//	token = tag (12) ‖ nonce (9) ‖ hours since 1970 when it ends (4) ‖ MAC (16), as base64url
//	tag   = HMAC-SHA256(key, "user" ‖ host ‖ user), MAC = HMAC-SHA256(key, "token" ‖ tag ‖ nonce ‖ time)
//
// A token holds no name, and is good for the user and the host of its tag only: who can make
// an account "admin" on one site gets no device of the admin of another.
type devices struct {
	key    []byte
	cookie string
	age    time.Duration
	attrs  string
}

func newDevices(key []byte, cookie string, age time.Duration) *devices {
	return &devices{key: key, cookie: cookie, age: age,
		attrs: "; Path=/; Max-Age=" + strconv.Itoa(int(age/time.Second)) + "; HttpOnly; Secure; SameSite=Lax"}
}

func (d *devices) mac(use string, text []byte, size int) []byte {
	h := hmac.New(sha256.New, d.key)
	_, _ = h.Write([]byte(use)) // never fails
	_, _ = h.Write(text)
	return h.Sum(nil)[:size]
}

func (d *devices) tag(host, user string) []byte {
	return d.mac("user\x00", []byte(host+"\x00"+user), tagSize)
}

// known returns the nonce of the device, where the request carries a token of user.
func (d *devices) known(r *http.Request, host, user string, now time.Time) (nonce string, ok bool) {
	if user == "" {
		return "", false
	}
	var tag []byte
	for i, c := range r.CookiesNamed(d.cookie) {
		if i == maxDeviceCookies {
			break
		}
		for _, token := range split(c.Value) {
			b, good := d.read(token, now)
			if !good {
				continue
			}
			if tag == nil {
				tag = d.tag(host, user)
			}
			if hmac.Equal(b[:tagSize], tag) {
				return string(b[tagSize : tagSize+nonceSize]), true
			}
		}
	}
	return "", false
}

// split cuts a value into its tokens; what is beyond maxUsers is left.
func split(value string) []string {
	tokens := strings.SplitN(value, ".", maxUsers+1)
	return tokens[:min(len(tokens), maxUsers)]
}

// read opens a token that this key made and that has not ended.
func (d *devices) read(token string, now time.Time) (b []byte, ok bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenSize) {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, false
	}
	text := b[:tokenSize-macSize]
	if !hmac.Equal(b[tokenSize-macSize:], d.mac("token\x00", text, macSize)) {
		return nil, false
	}
	ends := time.Unix(int64(binary.BigEndian.Uint32(text[tagSize+nonceSize:]))*3600, 0)
	return b, now.Before(ends)
}

// make returns a new token of user.
func (d *devices) make(host, user string, now time.Time) string {
	b := make([]byte, 0, tokenSize)
	b = append(b, d.tag(host, user)...)
	b = b[:tagSize+nonceSize]
	_, _ = rand.Read(b[tagSize:]) // never fails
	b = binary.BigEndian.AppendUint32(b, uint32(now.Add(d.age).Unix()/3600+1))
	b = append(b, d.mac("token\x00", b, macSize)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// remember sets the cookie by which the device is known for user from now on. Other users
// of the device stay known. Over plain HTTP it does nothing: the cookie would be refused.
func (d *devices) remember(h http.Header, r *http.Request, user string) {
	client := clientip.Of(r)
	if user == "" || client.Scheme != "https" {
		return
	}
	now := time.Now()
	tag := d.tag(client.Host, user)
	value := d.make(client.Host, user, now)
	n := 1
	for i, c := range r.CookiesNamed(d.cookie) {
		if i == maxDeviceCookies {
			break
		}
		for _, token := range split(c.Value) {
			if b, good := d.read(token, now); good && n < maxUsers && !hmac.Equal(b[:tagSize], tag) {
				value += "." + token
				n++
			}
		}
	}
	h.Add("Set-Cookie", d.cookie+"="+value+d.attrs)
}

// Recognise makes the device of r known for user without a login, as after a visit by a
// link that was mailed to that user. It sets a cookie, so it has to come before the header
// is written, and does so over https only.
func (s *Shield) Recognise(w http.ResponseWriter, r *http.Request, user string) {
	s.devices.remember(w.Header(), r, s.name("", user))
}
