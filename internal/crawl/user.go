package crawl

import (
	"context"
	"maps"

	"github.com/panoplysec/panoply/audit/check"
)

// asUser walks once more as a user, from all that the visitor saw, and compares: what a
// visitor does not get in the same way is private.
func (w *walk) asUser(ctx context.Context) error {
	u := newWalk(w.Options, check.User)
	u.visitor = make(map[string]*check.Exchange)
	u.forms = maps.Clone(w.forms)
	for _, p := range w.site.Pages {
		if p.From == "missing" {
			continue
		}
		u.visitor[p.Request.Path] = p.Exchange
		if p.Class == check.Asset {
			u.seen[p.Request.Path] = true // what visitors get is styled for everybody
			continue
		}
		// The redirects from the target's own address were followed whatever they say.
		if at := w.base(p.Exchange, ""); p.From != "given" && unsafe(at, nil) {
			u.leave(leftHarm, at.String())
			continue
		}
		u.enqueue(p.Request.Path, p.From)
	}
	err := u.drain(ctx)
	w.beyond = max(w.beyond, u.beyond)
	for reason, n := range u.site.Skipped {
		w.site.Skipped[reason] = max(w.site.Skipped[reason], n)
	}
	if err == nil {
		err = w.complete(ctx, u)
	}
	u.compare()
	w.site.Pages = append(w.site.Pages, u.site.Pages...)
	for _, f := range u.site.Forms {
		if f.Private {
			w.site.Forms = append(w.site.Forms, f)
		}
	}
	return err
}

// enqueue takes a path that was asked for as a visitor into the user's walk.
func (w *walk) enqueue(path, from string) {
	if !w.seen[path] {
		w.seen[path] = true
		w.queue = append(w.queue, place{path: path, from: from, depth: 1})
	}
}

// complete asks as a visitor for what only the user found.
func (w *walk) complete(ctx context.Context, user *walk) error {
	var rest []place
	for _, p := range user.site.Pages {
		if user.visitor[p.Request.Path] == nil {
			rest = append(rest, place{path: p.Request.Path, from: p.From})
		}
	}
	for len(rest) > 0 {
		now := rest[:min(batch, len(rest))]
		rest = rest[len(now):]
		err := w.ask(ctx, now, func(x *check.Exchange, from string, _ int) {
			user.visitor[x.Request.Path] = x
			w.site.Pages = append(w.site.Pages, check.Page{Exchange: x, Class: Classify(x), From: from})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// compare marks what is private: the pages, and the forms that stand on them. Where it
// is not known what a visitor gets, nothing is said.
func (w *walk) compare() {
	private := make(map[string]bool)
	for i := range w.site.Pages {
		p := &w.site.Pages[i]
		if x := w.visitor[p.Request.Path]; x != nil && differs(p, x) {
			p.Private = true
			private[p.URL] = true
		}
	}
	for i := range w.site.Forms {
		w.site.Forms[i].Private = private[w.site.Forms[i].Page]
	}
}

// differs says whether a visitor does not get what the user gets. An answer that is an
// error gives the user nothing, whatever the visitor gets.
func differs(user *check.Page, visitor *check.Exchange) bool {
	switch {
	case user.Status >= 400:
		return false
	case user.Status != visitor.Status:
		return true
	case user.Class == check.Redirect:
		return essence(user.Header.Get("Location")) != essence(visitor.Header.Get("Location"))
	case user.Class == check.Asset:
		return false // an image may be drawn afresh for each visitor
	}
	return !Alike(user.Exchange, visitor)
}
