package csrf

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"html/template"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/caching"
	"github.com/panoplysec/panoply/internal/hook"
)

// A token is nonce ‖ HMAC-SHA256(key, nonce ‖ length of binding ‖ binding), as base64url.
//
// The nonce is fresh for each token and goes into the MAC, so no two answers have a part of
// a token in common: whoever watches how well answers compress (BREACH) has nothing to guess
// again and again. A mask over a constant MAC would do the same with one secret more. There
// is no time in it (OWASP): a token ends with its session. 48 bytes fill 64 characters, so
// every token has one spelling.
const (
	nonceLen = 16
	rawLen   = nonceLen + sha256.Size
	tokenLen = rawLen / 3 * 4
)

// tokens makes and verifies them. It is nil without Options.Binding.
type tokens struct {
	binding       func(*http.Request) ([]byte, error)
	ring          []*tokenKey
	header, field string
	maxBody       int64
	open          string // of Field, up to the token
	migrate       Migrate
	answer        hook.Func
}

// newTokens checks what Options say of tokens.
func newTokens(o *Options, p *guard.Problems) *tokens {
	checkTokenNames(o, p)
	if o.MaxBody < 0 {
		p.Add("MaxBody", strconv.FormatInt(o.MaxBody, 10), "0 for the default, or more", "")
	}
	o.Migrate.check(p)
	if o.Binding == nil {
		const needs = "nothing says yet whom a token is for"
		if len(o.Keys) > 0 {
			p.Add("Keys", strconv.Itoa(len(o.Keys))+" keys", "none without Binding", needs)
		}
		if o.RequireToken {
			p.Add("RequireToken", "true", "false without Binding", needs)
		}
		if o.Migrate.on() {
			p.Add("Migrate", "set", "empty without Binding", needs)
		}
		return nil
	}
	if len(o.Keys) == 0 {
		p.Add("Keys", "empty", strconv.Itoa(MinKey)+" random bytes or more with Binding", "keep them: pages made with another key have to be loaded again")
	}
	t := &tokens{
		binding: o.Binding, header: http.CanonicalHeaderKey(o.TokenHeader), field: o.TokenField, maxBody: o.MaxBody,
		open: `<input type="hidden" name="` + o.TokenField + `" value="`, migrate: o.Migrate,
	}
	t.answer = t.answered
	for i, key := range o.Keys {
		if len(key) < MinKey {
			p.Add("Keys["+strconv.Itoa(i)+"]", strconv.Itoa(len(key))+" bytes", strconv.Itoa(MinKey)+" bytes or more", "")
		}
		t.ring = append(t.ring, newTokenKey(key))
	}
	return t
}

var errNoTokens = errors.New("csrf: there are no tokens without Options.Binding and Keys")

// Token returns a token for whoever made r, to be sent with the requests that follow: by a
// script in Options.TokenHeader, by a form as [Guard.Field]. It is another text each time, of
// 64 characters that need no escape anywhere, and good for as long as Binding says the same.
// So it has to be asked for after whatever changes the session: a token made before a login
// is not good after it, and one made before there was a session is not good in one. A session
// of package session that begins with this answer is there once it was changed.
//
// Where Binding says that r has no session, the token is good for every request without one.
// As anybody can get such a token, it proves nothing of who sends it: give visitors a session
// where a forged login matters, and let Binding stand for whatever the app knows people by.
//
// Within Handler the answer is then kept from shared caches: it gets "Vary: Cookie" and, in
// place of no Cache-Control or one that lets them store, "private" or "no-store". That takes
// a token asked for before the answer's header leaves.
//
// The error is that of Binding, or that there is none. It is safe for concurrent use as far
// as Binding is.
func (g *Guard) Token(r *http.Request) (string, error) {
	var text [tokenLen]byte
	if err := g.token(r, &text); err != nil {
		return "", err
	}
	return string(text[:]), nil
}

// Field returns a hidden input with a token, for a form that is sent to this site by POST. A
// form with an action elsewhere would give the token away. See [Guard.Token] for the rest.
func (g *Guard) Field(r *http.Request) (template.HTML, error) {
	var text [tokenLen]byte
	if err := g.token(r, &text); err != nil {
		return "", err
	}
	return template.HTML(g.tokens.open + string(text[:]) + `">`), nil
}

// CheckToken tells whether r carries a good token, whatever else speaks for it: nil, or a
// *Refusal by RuleTokenMissing, RuleTokenInvalid or RuleBindingFailed. Check asks by itself
// where a token is needed; this is for who decides that otherwise. It reads r's body as far
// as Options.MaxBody.
func (g *Guard) CheckToken(r *http.Request) error {
	if g.tokens == nil {
		return errNoTokens
	}
	if refused := g.tokens.verify(r); refused != nil {
		return refused
	}
	return nil
}

func (g *Guard) token(r *http.Request, text *[tokenLen]byte) error {
	t := g.tokens
	if t == nil {
		return errNoTokens
	}
	binding, err := t.binding(r)
	if err != nil {
		return err
	}
	if given, ok := r.Context().Value(givenKey{t}).(*atomic.Bool); ok {
		given.Store(true)
	}
	t.put(text, binding)
	return nil
}

// put makes a token for a binding.
func (t *tokens) put(text *[tokenLen]byte, binding []byte) {
	var raw [rawLen]byte
	rand.Read(raw[:nonceLen]) // never fails (crypto/rand)
	mac := t.ring[0].sum(raw[:nonceLen], binding)
	copy(raw[nonceLen:], mac[:])
	base64.RawURLEncoding.Encode(text[:], raw[:])
}

// parse decodes what may be a token.
func parse(text string, raw *[rawLen]byte) bool {
	if len(text) != tokenLen {
		return false
	}
	var in [tokenLen]byte
	copy(in[:], text)
	// A line break, which the decoder passes over, leaves fewer bytes.
	n, err := base64.RawURLEncoding.Decode(raw[:], in[:])
	return err == nil && n == rawLen
}

// made tells whether a token was made for a binding, with any key of the ring.
func (t *tokens) made(raw *[rawLen]byte, binding []byte) bool {
	for _, key := range t.ring {
		mac := key.sum(raw[:nonceLen], binding)
		if hmac.Equal(mac[:], raw[nonceLen:]) {
			return true
		}
	}
	return false
}

// verify looks for a token in r and tells what is wrong with it.
func (t *tokens) verify(r *http.Request) *Refusal {
	text, refused := t.find(r)
	if refused == nil {
		refused = t.judge(r, text)
	}
	if refused == nil || refused.Rule == RuleBindingFailed || !t.migrate.on() {
		return refused
	}
	return t.foreign(r, refused)
}

func (t *tokens) judge(r *http.Request, text string) *Refusal {
	var raw [rawLen]byte
	if !parse(text, &raw) {
		return tokenInvalid // what is no token costs no call to the store
	}
	binding, err := t.binding(r)
	switch {
	case err != nil:
		return bindingFailed(err)
	case !t.made(&raw, binding):
		return tokenInvalid
	}
	return nil
}

// bindingFailed fails closed: who asks is not known.
func bindingFailed(err error) *Refusal {
	return &Refusal{Rule: RuleBindingFailed, Status: http.StatusServiceUnavailable, text: "the session could not be asked; try again later", err: err}
}

// A tokenKey is HMAC-SHA256 under one key of the ring. Its state is reused: setting one up
// costs more than a token.
type tokenKey struct{ pool sync.Pool }

type tokenState struct {
	h    hash.Hash
	head [nonceLen + 8]byte
	sum  [sha256.Size]byte
}

// newTokenKey derives a key for this one use, so that no token means anything elsewhere.
func newTokenKey(secret []byte) *tokenKey {
	d := hmac.New(sha256.New, secret)
	d.Write([]byte("panoply/csrf/1 token"))
	key := d.Sum(nil)
	k := &tokenKey{}
	k.pool.New = func() any { return &tokenState{h: hmac.New(sha256.New, key)} }
	return k
}

func (k *tokenKey) sum(nonce, binding []byte) [sha256.Size]byte {
	s := k.pool.Get().(*tokenState)
	copy(s.head[:], nonce)
	binary.BigEndian.PutUint64(s.head[nonceLen:], uint64(len(binding)))
	s.h.Reset()
	s.h.Write(s.head[:])
	s.h.Write(binding)
	s.h.Sum(s.sum[:0])
	out := s.sum
	k.pool.Put(s)
	return out
}

// givenKey finds whether the request at hand was given a token of t.
type givenKey struct{ t *tokens }

// begin lets answered know of tokens that are given out in this request.
func (t *tokens) begin(x *hook.Exchange, r *http.Request) *http.Request {
	x.Set(givenKey{t}, new(atomic.Bool))
	x.On(hook.Headers, t.answer)
	return r
}

// private is shared between answers: nobody appends to a value in place.
var private = []string{"private"}[:1:1]

// answered keeps an answer with a token from being served to others.
func (t *tokens) answered(a *hook.Answer) {
	if a.Kind != hook.Final {
		return
	}
	if given, ok := a.Value(givenKey{t}).(*atomic.Bool); !ok || !given.Load() {
		return
	}
	if !variesByCookie(a.Header) {
		a.Header.Add("Vary", "Cookie")
	}
	if len(a.Header["Cache-Control"]) == 0 {
		a.Header["Cache-Control"] = private
		return
	}
	caching.Forbid(a.Header)
}
