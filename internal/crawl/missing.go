package crawl

import (
	"context"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// missing asks for pages that no app has: what visitors get then is a class of its own,
// and often made by another program in each folder.
func (w *walk) missing(ctx context.Context) error {
	all := []check.Request{w.request(Missing), {Path: Missing, Headers: "Accept: application/json"}}
	known := map[string]bool{"": true}
	for _, p := range w.site.Pages {
		path, _, _ := strings.Cut(p.Request.Path, "?")
		folder := path[:max(strings.LastIndexByte(path, '/'), 0)]
		like := shape(folder)
		if known[like] || len(known) > maxFolders {
			continue
		}
		known[like] = true
		all = append(all, w.request(folder+Missing))
	}
	answers, errs := w.fetch(ctx, all)
	for i, x := range answers {
		if w.judge(errs[i]) {
			w.site.Pages = append(w.site.Pages, check.Page{Exchange: x, Class: Classify(x), From: "missing"})
		}
	}
	return w.hopeless(ctx)
}
