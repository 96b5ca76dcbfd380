package admin

import (
	"context"
	"net/http"

	"github.com/panoplysec/panoply/internal/door/crosssite"
)

// CSRFControl is what the socket asks of a door about requests that other sites made.
type CSRFControl interface {
	// CSRF tells what was refused, or would be.
	CSRF() crosssite.Report
	// EnforceCSRF refuses everything that is forged, or what the configuration says.
	EnforceCSRF(enforce bool) error
}

// A CSRFOrder is what the socket takes for POST /csrf.
type CSRFOrder struct {
	Enforce bool `json:"enforce"`
}

func serveCSRF(mux *http.ServeMux, c CSRFControl) {
	mux.HandleFunc("GET /csrf", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.CSRF()) })
	mux.HandleFunc("POST /csrf", order(func(_ context.Context, o CSRFOrder) (any, error) {
		return failure{}, c.EnforceCSRF(o.Enforce)
	}))
}

// CSRF asks what was refused, or would be.
func (c *Client) CSRF(ctx context.Context) (r crosssite.Report, err error) {
	err = c.do(ctx, http.MethodGet, "/csrf", nil, &r)
	return r, err
}

// EnforceCSRF refuses everything that is forged, or what the configuration says.
func (c *Client) EnforceCSRF(ctx context.Context, enforce bool) error {
	return c.do(ctx, http.MethodPost, "/csrf", CSRFOrder{enforce}, nil)
}
