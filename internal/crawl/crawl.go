// Package crawl walks a site as a visitor and as a user would, and says what it saw:
// pages by class, forms that it read and did not send, and what it left alone.
//
//	site, err := crawl.Walk(ctx, crawl.Options{Do: prober.Do, URL: address})
//
// It asks by GET only, in one origin, breadth first, up to a bound of pages, and leaves
// alone what may log out or delete even by GET. robots.txt is read for its sitemaps and
// obeyed in nothing else: what is hidden from search engines is not hidden from visitors.
//
// It runs no script, so it does not see what only script would load, and it cannot know
// that a link with a harmless name does harm.
//
// Sources: HTML, "links"; sitemaps.org; OpenAPI 2 and 3; HAR 1.2.
package crawl

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/panoplysec/panoply/audit/check"
)

// Missing is a path that no app has. It is the same in every run.
const Missing = "/panoply-audit-no-such-page"

// The bounds of a walk.
const (
	DefaultPages = 300
	maxDepth     = 10
	maxRedirects = 10
	maxQueries   = 4
	maxPath      = 2048
	maxFolders   = 5
	maxForms     = 500
	// givenUp is after how many failed requests in a row a walk ends.
	givenUp = 3
)

// A Seed is a page or a route that a file names.
type Seed struct{ Method, Path, From string }

// Options say what to walk.
type Options struct {
	// Do sends a request. It is called from several goroutines.
	Do func(context.Context, check.Request) (*check.Exchange, error)
	// URL is the target's address.
	URL *url.URL
	// User walks as a user too, after the visitor's walk.
	User bool
	// Pages is how many pages are asked for. Zero means DefaultPages.
	Pages int
	// Seeds are looked at beside what is linked; those with another method than GET
	// become routes.
	Seeds []Seed
	// Parallel is how many requests are open at a time. Zero means 4.
	Parallel int
}

// Walk walks. The error says why it ended early; the site holds what was seen until
// then, and is never nil.
func Walk(ctx context.Context, o Options) (*check.Site, error) {
	w := &walk{
		Options: o, site: &check.Site{Skipped: make(map[string]int)},
		seen: make(map[string]bool), queries: make(map[string]int), shapes: make(map[string]int),
	}
	w.Pages, w.Parallel = cmp.Or(w.Pages, DefaultPages), cmp.Or(w.Parallel, 4)
	err := w.run(ctx)
	slices.SortFunc(w.site.Routes, func(a, b check.Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method), cmp.Compare(a.From, b.From))
	})
	w.site.Routes = slices.Compact(w.site.Routes)
	if w.beyond > 0 {
		w.site.Skipped[fmt.Sprintf("beyond the bound of %d pages", w.Pages)] = w.beyond
	}
	return w.site, err
}

// walk is one walk.
type walk struct {
	Options
	site    *check.Site
	asked   int
	beyond  int
	failed  int
	seen    map[string]bool
	queries map[string]int
	shapes  map[string]int
	// user: every request is a user's.
	user bool
}

// A place is a page to ask for.
type place struct {
	request check.Request
	from    string
	shape   int
}

func (w *walk) run(ctx context.Context) error {
	level, err := w.entrance(ctx)
	if err != nil {
		return err
	}
	for _, s := range w.Seeds {
		if s.Method != "" && s.Method != "GET" {
			w.site.Routes = append(w.site.Routes, check.Route{Method: s.Method, Path: s.Path, From: s.From})
			continue
		}
		u, ok := w.within(w.URL.String(), s.Path)
		switch {
		case !ok:
			w.site.Skipped["another origin"]++
		case unsafe(u, ""):
			w.site.Skipped["may log out or delete"]++
		default:
			level = w.add(level, u.RequestURI(), "", s.From)
		}
	}
	level = append(level, w.described(ctx)...)
	for range maxDepth {
		if len(level) == 0 {
			break
		}
		if level, err = w.level(ctx, level); err != nil {
			return err
		}
	}
	w.beyond += len(level)
	if err := w.errors(ctx); err != nil {
		return err
	}
	if w.User {
		return w.asUser(ctx)
	}
	return nil
}

// entrance asks the target's own address and follows its redirects.
func (w *walk) entrance(ctx context.Context) ([]place, error) {
	path, from := w.URL.RequestURI(), "given"
	var level []place
	for range maxRedirects {
		x, err := w.Do(ctx, check.Request{Path: path})
		if err != nil {
			return nil, err
		}
		w.asked++
		w.seen[path] = true
		level = append(level, w.page(x, from)...)
		next, ok := w.within(x.URL, x.Header.Get("Location"))
		if x.Status < 300 || x.Status > 399 || !ok {
			return level, nil
		}
		path, from = next.RequestURI(), "redirect"
	}
	return nil, fmt.Errorf("%d redirects without an end", maxRedirects)
}

// level asks for all places side by side and returns those that they lead to.
func (w *walk) level(ctx context.Context, all []place) ([]place, error) {
	// Of many pages of one shape, such as /item/1 to /item/10000, the first come first.
	slices.SortStableFunc(all, func(a, b place) int { return cmp.Compare(a.shape, b.shape) })
	if room := max(w.Pages-w.asked, 0); len(all) > room {
		w.beyond += len(all) - room
		all = all[:room]
	}
	w.asked += len(all)
	answers, errs := w.fetch(ctx, all)
	var next []place
	for i, x := range answers {
		if x != nil {
			w.failed = 0
			next = append(next, w.page(x, all[i].from)...)
			continue
		}
		if w.failed++; w.failed >= givenUp || ctx.Err() != nil {
			return nil, errs[i]
		}
	}
	return next, nil
}

// fetch asks side by side; the answers are in the order of the places, nil for none.
func (w *walk) fetch(ctx context.Context, all []place) ([]*check.Exchange, []error) {
	answers, errs := make([]*check.Exchange, len(all)), make([]error, len(all))
	slots := make(chan struct{}, w.Parallel)
	var wg sync.WaitGroup
	for i, p := range all {
		slots <- struct{}{}
		wg.Go(func() {
			answers[i], errs[i] = w.Do(ctx, p.request)
			<-slots
		})
	}
	wg.Wait()
	return answers, errs
}

// page notes an answer and returns the places that it leads to.
func (w *walk) page(x *check.Exchange, from string) []place {
	class := Classify(x)
	w.site.Pages = append(w.site.Pages, check.Page{Exchange: x, Class: class, From: from})
	var next []place
	path, _, _ := strings.Cut(x.Request.Path, "?")
	found := extract(x)
	base := x.URL
	if b, err := url.Parse(x.URL); err == nil && found.base != "" {
		if b, err = b.Parse(found.base); err == nil {
			base = b.String()
		}
	}
	for _, ref := range found.refs {
		u, ok := w.within(base, ref.address)
		switch {
		case !ok:
			w.site.Skipped["another origin"]++
		case ref.follow && unsafe(u, ref.text):
			w.site.Skipped["may log out or delete"]++
		default:
			next = w.add(next, u.RequestURI(), "", "link on "+path)
		}
	}
	for _, f := range found.forms {
		if len(w.site.Forms) < maxForms {
			if b, err := url.Parse(base); err == nil {
				if action, err := b.Parse(f.Action); err == nil {
					f.Action = action.String()
				}
			}
			f.Page = x.URL
			w.site.Forms = append(w.site.Forms, f)
		}
	}
	return next
}

// add appends a path that was not seen yet.
func (w *walk) add(level []place, path, headers, from string) []place {
	key := path + "\n" + headers
	if w.seen[key] || w.seen[path] && headers == "" || len(path) > maxPath || path == "" || path[0] != '/' {
		return level
	}
	bare, query, has := strings.Cut(path, "?")
	if has && query != "" {
		if w.queries[bare]++; w.queries[bare] > maxQueries {
			w.site.Skipped["more queries of one path"]++
			return level
		}
	}
	w.seen[key], w.seen[path] = true, true
	shape := shapeOf(bare)
	w.shapes[shape]++
	r := check.Request{Path: path, Headers: headers}
	if w.user {
		r.As = check.User
	}
	return append(level, place{request: r, from: from, shape: w.shapes[shape]})
}

// within resolves a reference and says whether it stays in the origin.
func (w *walk) within(base, ref string) (*url.URL, bool) {
	ref = strings.TrimSpace(ref)
	if ref == "" {
		return nil, false
	}
	b, err := url.Parse(base)
	if err != nil {
		return nil, false
	}
	u, err := b.Parse(ref)
	if err != nil || u.Scheme != w.URL.Scheme || !strings.EqualFold(u.Host, w.URL.Host) || u.User != nil {
		return nil, false
	}
	u.Fragment, u.RawFragment = "", ""
	return u, true
}

// errors asks for pages that are missing: what visitors get then is a class of its own.
func (w *walk) errors(ctx context.Context) error {
	all := []place{
		{request: check.Request{Path: Missing}, from: "missing"},
		{request: check.Request{Path: Missing, Headers: "Accept: application/json"}, from: "missing"},
	}
	folders := make(map[string]bool)
	for _, p := range w.site.Pages {
		path, _, _ := strings.Cut(p.Request.Path, "?")
		folder := path[:strings.LastIndexByte(path, '/')]
		if folder != "" && !folders[folder] && len(folders) < maxFolders {
			folders[folder] = true
			all = append(all, place{request: check.Request{Path: folder + Missing}, from: "missing"})
		}
	}
	answers, errs := w.fetch(ctx, all)
	for i, x := range answers {
		if x == nil {
			if ctx.Err() != nil || i == 0 {
				return errs[i]
			}
			continue
		}
		w.site.Pages = append(w.site.Pages, check.Page{Exchange: x, Class: Classify(x), From: "missing"})
	}
	return nil
}
