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
// Sources: HTML, "links" and "forms"; sitemaps.org; OpenAPI 2 and 3; HAR 1.2.
package crawl

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/panoplysec/panoply/audit/check"
)

// Missing is a path that no app has. It is the same in every run.
const Missing = "/panoply-audit-no-such-page"

// DefaultPages is how many pages are asked for where nobody says.
const DefaultPages = 300

// The bounds of a walk.
const (
	maxDepth     = 10
	maxRedirects = 10
	maxQueries   = 4
	maxPath      = 2048
	maxLeft      = 2 * maxPath
	maxFolders   = 5
	maxForms     = 500
	maxAlike     = 3
	maxRoutes    = 2000
	// knownPerPage times the bound of pages is how many addresses are remembered.
	knownPerPage = 20
	// givenUp is after how many failed requests in a row a walk ends.
	givenUp = 3
)

// Why something was left alone: the keys of check.Site.Skipped, beside the one that
// names the bound of pages.
const (
	leftHarm    = "may log out or delete"
	leftOrigin  = "another origin"
	leftQueries = "more than 4 queries of one path"
	leftDeep    = "deeper than 10 links"
	leftOdd     = "an address too long or too odd to ask for"
	leftLinks   = "beyond the bound of 20000 links on one page"
	leftForms   = "a form like others"
	leftRoutes  = "beyond the bound of 2000 routes"
	leftSilent  = "no answer"
)

// A Seed is a page or a route that a file names.
type Seed struct {
	// Method is GET when empty.
	Method string
	// Path is a path with its query, or an absolute address; one of another origin is
	// counted and left alone.
	Path string
	// From says what named it: "har", "openapi", "source".
	From string
}

// Options say what to walk.
type Options struct {
	// Do sends a request. It is called from several goroutines, and its answers may be
	// shared: they are not changed.
	Do func(context.Context, check.Request) (*check.Exchange, error)
	// URL is the target's address.
	URL *url.URL
	// User walks as a user too, after the visitor's walk.
	User bool
	// Pages is how many pages are asked for, by the visitor and again by the user; a
	// page that only the user found counts twice, since a visitor's answer is wanted
	// for comparison. What describes the site and what is missing comes on top: 30
	// requests at most. Zero means DefaultPages.
	Pages int
	// Seeds are looked at beside what is linked; those with another method than GET
	// become routes.
	Seeds []Seed
	// Parallel is how many requests are open at a time. Zero means 4. It does not
	// change what is seen.
	Parallel int
}

// Walk walks. The error says why it ended early: the first document could not be had,
// three requests in a row failed, or the context is done. The site holds what was seen
// until then, and is never nil. Equal answers make equal sites.
func Walk(ctx context.Context, o Options) (*check.Site, error) {
	o.Pages, o.Parallel = cmp.Or(o.Pages, DefaultPages), max(cmp.Or(o.Parallel, 4), 1)
	w := newWalk(o, check.Visitor)
	err := w.visit(ctx)
	if err == nil && o.User {
		err = w.asUser(ctx)
	}
	if w.beyond > 0 {
		w.site.Skipped[w.bound()] += w.beyond
	}
	slices.SortFunc(w.site.Routes, func(a, b check.Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method), cmp.Compare(a.From, b.From))
	})
	w.site.Routes = slices.Compact(w.site.Routes)
	return w.site, err
}

// visit is the visitor's walk.
func (w *walk) visit(ctx context.Context) error {
	if err := w.entrance(ctx); err != nil {
		return err
	}
	for _, s := range w.Seeds {
		w.seed(s)
	}
	if err := w.described(ctx); err != nil {
		return err
	}
	if err := w.drain(ctx); err != nil {
		return err
	}
	return w.missing(ctx)
}

// seed takes what a file names into the walk.
func (w *walk) seed(s Seed) {
	if s.Method != "" && s.Method != http.MethodGet {
		if len(w.site.Routes) == maxRoutes {
			w.site.Skipped[leftRoutes]++
			return
		}
		w.site.Routes = append(w.site.Routes, check.Route{Method: s.Method, Path: s.Path, From: s.From})
		return
	}
	w.offer(w.URL, ref{address: s.Path}, s.From, 1)
}
