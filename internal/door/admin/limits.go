package admin

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/panoplysec/panoply/internal/door/logins"
)

// LimitsControl is what the socket asks of a door about logins and what is counted of
// them.
type LimitsControl interface {
	// Blocks lists what is blocked.
	Blocks(ctx context.Context) ([]Block, error)
	// Standings tells where a user and an address stand.
	Standings(ctx context.Context, s Subject) ([]Standing, error)
	// Unblock forgets what is counted of a subject, and returns under which policies.
	Unblock(ctx context.Context, s Subject) ([]string, error)
	// Block refuses a subject for so long; a negative time is for ever.
	Block(ctx context.Context, s Subject, d time.Duration) error
	// Logins lists the logins that were found.
	Logins() []logins.Login
	// ConfirmLogin enforces a login; ForgetLogin drops it.
	ConfirmLogin(route string) error
	ForgetLogin(route string) error
}

// A Subject is a user, an address, or both; or the id of one record.
type Subject struct {
	User string `json:"user,omitempty"`
	// Realm is that of the user's route in login.routes.
	Realm string `json:"realm,omitempty"`
	Addr  string `json:"addr,omitempty"`
	ID    string `json:"id,omitempty"`
}

// A Block is a record that is blocked. Of whom, the door does not know: it keeps hashes.
type Block struct {
	ID     string `json:"id"`
	Policy string `json:"policy"`
	// Until is when it ends; zero: never.
	Until time.Time `json:"until,omitzero"`
	// Reason says who asked for it.
	Reason string `json:"reason"`
}

// A Standing is where a subject stands with one policy.
type Standing struct {
	ID       string `json:"id"`
	Policy   string `json:"policy"`
	Consumed int64  `json:"consumed"`
	// Remaining is how many attempts are left now.
	Remaining int64 `json:"remaining"`
	Blocked   bool  `json:"blocked"`
	// Until is when nothing is counted any more, or the block ends; zero: never, or
	// nothing is counted.
	Until time.Time `json:"until,omitzero"`
}

// maxSeconds is the longest block that ends: 100 years, as in package limit.
const maxSeconds = 100 * 365 * 24 * 3600

// A LimitOrder is what the socket takes for POST /limits/….
type LimitOrder struct {
	Subject
	// Seconds is how long to block; 0: for ever.
	Seconds int64 `json:"seconds,omitempty"`
}

// A LoginOrder is what the socket takes for POST /logins.
type LoginOrder struct {
	Route  string `json:"route"`
	Forget bool   `json:"forget"`
}

func serveLimits(mux *http.ServeMux, c LimitsControl) {
	mux.HandleFunc("GET /limits", func(w http.ResponseWriter, r *http.Request) {
		blocks, err := c.Blocks(r.Context())
		if err != nil {
			done(w, err)
			return
		}
		answer(w, http.StatusOK, blocks)
	})
	mux.HandleFunc("POST /limits/show", order(func(ctx context.Context, o LimitOrder) (any, error) {
		return c.Standings(ctx, o.Subject)
	}))
	mux.HandleFunc("POST /limits/unblock", order(func(ctx context.Context, o LimitOrder) (any, error) {
		return c.Unblock(ctx, o.Subject)
	}))
	mux.HandleFunc("POST /limits/block", order(func(ctx context.Context, o LimitOrder) (any, error) {
		d := time.Duration(o.Seconds) * time.Second
		switch {
		case o.Seconds < 0 || o.Seconds > maxSeconds:
			return nil, fmt.Errorf("%d seconds cannot be: 1 to %d, or 0 for ever", o.Seconds, int64(maxSeconds))
		case o.Seconds == 0:
			d = -1
		}
		return failure{}, c.Block(ctx, o.Subject, d)
	}))
	mux.HandleFunc("GET /logins", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.Logins()) })
	mux.HandleFunc("POST /logins", order(func(_ context.Context, o LoginOrder) (any, error) {
		if o.Forget {
			return failure{}, c.ForgetLogin(o.Route)
		}
		return failure{}, c.ConfirmLogin(o.Route)
	}))
}

// Blocks lists what is blocked.
func (c *Client) Blocks(ctx context.Context) (all []Block, err error) {
	err = c.do(ctx, http.MethodGet, "/limits", nil, &all)
	return all, err
}

// Standings tells where a subject stands.
func (c *Client) Standings(ctx context.Context, s Subject) (all []Standing, err error) {
	err = c.do(ctx, http.MethodPost, "/limits/show", LimitOrder{Subject: s}, &all)
	return all, err
}

// Unblock forgets what is counted of a subject, and returns under which policies.
func (c *Client) Unblock(ctx context.Context, s Subject) (policies []string, err error) {
	err = c.do(ctx, http.MethodPost, "/limits/unblock", LimitOrder{Subject: s}, &policies)
	return policies, err
}

// Block refuses a subject for whole seconds; 0 is for ever.
func (c *Client) Block(ctx context.Context, s Subject, seconds int64) error {
	return c.do(ctx, http.MethodPost, "/limits/block", LimitOrder{Subject: s, Seconds: seconds}, nil)
}

// Logins lists the logins that were found.
func (c *Client) Logins(ctx context.Context) (all []logins.Login, err error) {
	err = c.do(ctx, http.MethodGet, "/logins", nil, &all)
	return all, err
}

// ChangeLogin confirms a login, or forgets it.
func (c *Client) ChangeLogin(ctx context.Context, route string, forget bool) error {
	return c.do(ctx, http.MethodPost, "/logins", LoginOrder{Route: route, Forget: forget}, nil)
}
