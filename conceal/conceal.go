package conceal

import (
	"net/http"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// Options configures a Guard. The zero value removes every banner and replaces the
// known default pages with neutral ones.
type Options struct {
	// Mode says whether to act. Under guard.Observe nothing is changed and each
	// finding is told as guard.WouldMend (less those in Brotli or Zstandard, which only
	// Enforce keeps the app from using); under guard.Off Handler returns the next
	// handler itself. Page and Deny write pages in every mode.
	Mode guard.Mode
	// Sink is told what was removed or replaced; nil means guard.Log.
	Sink guard.Sink
	// Keep names banners to leave alone, in any letter case, such as "Server", or a
	// whole family as "X-Drupal-*". A name that is no banner makes New return a
	// *guard.OptionError: keeping it would have no effect.
	//
	// Practice: fingerprint.
	Keep []string
	// Also names further headers to remove, in any letter case. Some that OWASP lists
	// have a use for somebody, so they go only when named here: SourceMap,
	// X-SourceMap, Server-Timing, Traceparent, Tracestate, and the families X-B3-*
	// and X-Datadog-*. Headers that an answer needs, such as Content-Type or
	// Set-Cookie, are refused.
	Also []string
	// Pages are the user's own HTML pages, by status (400 to 599), or 4 and 5 for all
	// of a class; the exact status wins. Clients that prefer JSON or text get the
	// built-in form. The map is copied.
	//
	// Practice: errors.
	Pages map[int]Page
	// PreferJSON says of a request whose Accept leaves the form of a page open, as that of
	// most programs does, that it gets problem+json rather than text. It is called for each
	// page, possibly concurrently. Nil: text.
	//
	// Practice: errors.
	PreferJSON func(*http.Request) bool
}

// Guard conceals. It is safe for concurrent use and does not change after New.
type Guard struct {
	mode     guard.Mode
	sink     guard.Sink
	json     func(*http.Request) bool
	banners  *bannerSet
	pages    pageSet
	traces   *tracer
	redactor redactor

	onAnswer hook.Func
	onBody   hook.PeekFunc
}

// New compiles o. It returns all problems at once, each a *guard.OptionError.
func New(o Options) (*Guard, error) {
	problems := guard.Problems{Package: "conceal"}
	if o.Mode > guard.Off {
		problems.Add("Mode", o.Mode.String(), "guard.Enforce, guard.Observe or guard.Off", "")
	}
	g := &Guard{
		mode:     o.Mode,
		sink:     o.Sink,
		json:     o.PreferJSON,
		banners:  newBannerSet(o.Keep, o.Also, &problems),
		pages:    newPageSet(o.Pages, &problems),
		traces:   newTracer(),
		redactor: newRedactor(),
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	g.onAnswer, g.onBody = g.answer, g.body
	return g, nil
}

// Handler conceals what next answers. Where it enforces, it also narrows the
// request's Accept-Encoding, in place: see NarrowEncoding.
func (g *Guard) Handler(next http.Handler) http.Handler {
	if g.mode == guard.Off {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.On(hook.Conceal, g.onAnswer)
		if g.mode == guard.Enforce {
			NarrowEncoding(r)
		}
		next.ServeHTTP(w, r)
	})
}

// answer acts on a header that is about to leave, and asks for the body of one that
// may be an error page.
func (g *Guard) answer(a *hook.Answer) {
	g.removeBanners(a)
	if a.Kind != hook.Final || !judged(a.Status) || kindOf(a.Header["Content-Type"]) == other {
		return
	}
	if a.Value(ownPage{}) == nil {
		a.Peek(peekBytes, g.onBody)
	}
}

// tell sends an event about a. The id is left out of what is told about a 1xx: those
// run on another goroutine, where the exchange must not be written to.
func (g *Guard) tell(a *hook.Answer, practice, rule, detail string) {
	action := guard.Mended
	if g.mode == guard.Observe {
		action = guard.WouldMend
	}
	ctx := a.Request.Context()
	event := guard.Event{Practice: practice, Rule: rule, Action: action, Detail: detail}
	if a.Kind != hook.Informational {
		event.Request = hook.RequestID(ctx)
	}
	g.sink.Tell(ctx, event)
}
