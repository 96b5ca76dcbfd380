package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/panoplysec/panoply/internal/door/exceptions"
)

// AllowControl is what the socket asks of a door about exceptions.
type AllowControl interface {
	// Allow lets requests like the one refused under an id pass until a time; with dry it
	// only says what that would be.
	Allow(id string, until time.Time, know, dry bool) (exceptions.Exception, error)
	// EndException ends one before its time.
	EndException(id string) error
	// Exceptions lists those that hold, and is never nil.
	Exceptions() []exceptions.Exception
}

// An AllowOrder is what the socket takes for POST /exceptions.
type AllowOrder struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
	Know  bool      `json:"know"`
	Dry   bool      `json:"dry,omitempty"`
	// End ends the exception with the id in place of making one.
	End bool `json:"end,omitempty"`
}

func serveAllow(mux *http.ServeMux, c AllowControl) {
	mux.HandleFunc("GET /exceptions", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.Exceptions()) })
	mux.HandleFunc("POST /exceptions", order(func(_ context.Context, o AllowOrder) (any, error) {
		if o.End {
			return failure{}, c.EndException(o.ID)
		}
		return c.Allow(o.ID, o.Until, o.Know, o.Dry)
	}))
}

// Exceptions lists what is let pass for a time.
func (c *Client) Exceptions(ctx context.Context) (all []exceptions.Exception, err error) {
	err = c.do(ctx, http.MethodGet, "/exceptions", nil, &all)
	return all, err
}

// Allow makes the exception that an order asks for.
func (c *Client) Allow(ctx context.Context, o AllowOrder) (e exceptions.Exception, err error) {
	err = c.do(ctx, http.MethodPost, "/exceptions", o, &e)
	return e, err
}

// EndException ends an exception before its time.
func (c *Client) EndException(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/exceptions", AllowOrder{ID: id, End: true}, nil)
}
