package csrf

import (
	"net/http"

	"github.com/panoplysec/panoply/guard"
)

// Migrate takes tokens of other packages besides its own, wherever those look for them. A
// token that is good for any of them is good; none is made. Pages loaded before the change
// stay in use for as long as a session lasts: remove it after that.
type Migrate struct {
	// Csurf returns the secret that csurf 1.11 keeps for the session of a request: the
	// member csrfSecret of its session (see package expresssession), empty for none. Its
	// tokens are then taken from where csurf takes them, the first that is not empty of:
	// _csrf in the body (a form's, or JSON's), _csrf in the query, the headers CSRF-Token,
	// XSRF-Token, X-CSRF-Token and X-XSRF-Token. A token in a query ends up in logs and in
	// Referer. An error refuses with 503.
	//
	// For csurf({cookie: true}) it returns the cookie's value. That protects as little as
	// csurf did: who can set a cookie, such as a subdomain, brings a secret with a token.
	Csurf func(*http.Request) (secret string, err error)
	// CsrfCsrf takes tokens of csrf-csrf 4.
	CsrfCsrf *CsrfCsrf
}

func (m *Migrate) on() bool { return m.Csurf != nil || m.CsrfCsrf != nil }

// check also puts defaults in place, in a copy of what the caller has.
func (m *Migrate) check(p *guard.Problems) {
	if m.CsrfCsrf != nil {
		c := m.CsrfCsrf.effective()
		c.check(p)
		m.CsrfCsrf = &c
	}
}

// foreign asks the other packages about a request that brings no good token of our own, and
// returns refused where they do not know it either.
func (t *tokens) foreign(r *http.Request, refused *Refusal) *Refusal {
	if t.migrate.Csurf != nil {
		if token, there := t.csurfToken(r); there {
			refused = tokenInvalid
			if len(token) >= csurfHashLen+1 {
				secret, err := t.migrate.Csurf(r)
				if err != nil {
					return bindingFailed(err)
				}
				if VerifyCsurf(secret, token) {
					return nil
				}
			}
		}
	}
	if c := t.migrate.CsrfCsrf; c != nil {
		if cookie, token, there := t.csrfCsrfToken(c, r); there {
			refused = tokenInvalid
			if cookie != "" && token != "" {
				id, err := c.SessionID(r)
				if err != nil {
					return bindingFailed(err)
				}
				// Signed for nobody is signed for whoever forges, too.
				if id != "" && c.verify(id, cookie, token) {
					return nil
				}
			}
		}
	}
	return refused
}
