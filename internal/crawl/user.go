package crawl

import (
	"context"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// asUser walks once more as a user, from all that the visitor saw, and compares: what a
// visitor does not get in the same way is private.
func (w *walk) asUser(ctx context.Context) error {
	u := &walk{
		Options: w.Options, site: &check.Site{Skipped: make(map[string]int)}, user: true,
		seen: make(map[string]bool), queries: make(map[string]int), shapes: make(map[string]int),
	}
	var level []place
	level = u.add(level, w.URL.RequestURI(), "", "given")
	visitor := make(map[string]*check.Exchange)
	for _, p := range w.site.Pages {
		if p.Request.Headers == "" {
			visitor[p.Request.Path] = p.Exchange
			if p.Class != check.Asset {
				level = u.add(level, p.Request.Path, "", p.From)
			}
		}
	}
	var err error
	for range maxDepth {
		if len(level) == 0 || err != nil {
			break
		}
		level, err = u.level(ctx, level)
	}
	u.beyond += len(level)
	w.beyond += u.beyond
	for why, n := range u.site.Skipped {
		w.site.Skipped[why] = max(w.site.Skipped[why], n)
	}
	if err := w.compare(ctx, u.site, visitor); err != nil {
		return err
	}
	w.site.Pages = append(w.site.Pages, u.site.Pages...)
	return err
}

// compare asks as a visitor for what only the user found, and marks what is private:
// the pages, and the forms that stand on them.
func (w *walk) compare(ctx context.Context, user *check.Site, visitor map[string]*check.Exchange) error {
	var rest []place
	for _, p := range user.Pages {
		if visitor[p.Request.Path] == nil {
			rest = append(rest, place{request: check.Request{Path: p.Request.Path}})
		}
	}
	answers, _ := w.fetch(ctx, rest)
	for i, x := range answers {
		if x != nil {
			visitor[rest[i].request.Path] = x
			w.site.Pages = append(w.site.Pages, check.Page{Exchange: x, Class: Classify(x), From: "as a user"})
		}
	}
	private := make(map[string]bool)
	for i := range user.Pages {
		p := &user.Pages[i]
		x := visitor[p.Request.Path]
		if x == nil {
			continue // what a visitor gets is not known, so nothing is said
		}
		p.Private = p.Status < 300 && p.Class != check.Asset && (p.Status != x.Status || essence(p.Body) != essence(x.Body))
		private[p.URL] = private[p.URL] || p.Private
	}
	for _, f := range user.Forms {
		if f.Private = private[f.Page]; f.Private {
			w.site.Forms = append(w.site.Forms, f)
		}
	}
	return ctx.Err()
}

var (
	// What differs between two answers that say the same: tokens, ids, numbers.
	noise  = pattern.New(`[A-Za-z0-9+/=_-]{16,}|\d+`)
	hidden = pattern.New(`(?i)<input[^>]{0,200}type=["']?hidden[^>]{0,400}>`)
)

// essence is a body without what differs from answer to answer.
func essence(body []byte) string {
	text := hidden.Get().ReplaceAllString(string(body[:min(len(body), 256<<10)]), "")
	return strings.Join(strings.Fields(noise.Get().ReplaceAllString(text, "")), " ")
}
