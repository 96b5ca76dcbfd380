package csrf

import (
	"net/http"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// Migrate takes tokens of other packages.
type Migrate struct{}

type tokens struct{}

func newTokens(o *Options, p *guard.Problems) *tokens { return nil }

func (t *tokens) verify(r *http.Request) *Refusal { return nil }

func (t *tokens) begin(x *hook.Exchange, r *http.Request) *http.Request { return r }
