package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/panoplysec/panoply/internal/door/refusals"
)

// WhyControl is what the socket asks of a door about refusals.
type WhyControl interface {
	// Why tells why the request with an id was refused.
	Why(id string) (refusals.Refusal, error)
	// Refused returns the last refusals, the latest first.
	Refused() []refusals.Refusal
}

func serveWhy(mux *http.ServeMux, c WhyControl) {
	mux.HandleFunc("GET /refused", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.Refused()) })
	mux.HandleFunc("GET /refused/{id}", func(w http.ResponseWriter, r *http.Request) {
		one, err := c.Why(r.PathValue("id"))
		if err != nil {
			done(w, err)
			return
		}
		answer(w, http.StatusOK, one)
	})
}

// Why asks why the request with an id was refused.
func (c *Client) Why(ctx context.Context, id string) (r refusals.Refusal, err error) {
	err = c.do(ctx, http.MethodGet, "/refused/"+url.PathEscape(id), nil, &r)
	return r, err
}

// Refused asks for the last refusals, the latest first.
func (c *Client) Refused(ctx context.Context) (all []refusals.Refusal, err error) {
	err = c.do(ctx, http.MethodGet, "/refused", nil, &all)
	return all, err
}
