package crawl

import (
	"context"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

const (
	robotsPath  = "/robots.txt"
	sitemapPath = "/sitemap.xml"
)

// descriptions are where frameworks put the description of an API.
var descriptions = []string{"/openapi.json", "/openapi.yaml", "/swagger.json", "/api-docs", "/v3/api-docs", "/.well-known/openapi.json"}

// described asks for what describes the site: robots.txt for its sitemaps, the sitemaps,
// and descriptions of APIs. An answer becomes a page when it is what was asked for;
// many an app answers everything with its start page.
func (w *walk) described(ctx context.Context) error {
	requests := []check.Request{w.request(robotsPath), w.request(sitemapPath)}
	for _, path := range descriptions {
		requests = append(requests, w.request(path))
	}
	answers, errs := w.fetch(ctx, requests)
	var maps []string
	for i, x := range answers {
		if !w.judge(errs[i]) || x.Status != http.StatusOK || Classify(x) == check.Document {
			continue
		}
		switch path := requests[i].Path; path {
		case robotsPath:
			if mediaType(x) != "text/plain" || len(x.Body) == 0 {
				continue
			}
			w.describes(x, "robots.txt")
			maps = append(maps, sitemapsOf(string(x.Body))...)
		case sitemapPath:
			maps = append([]string{sitemapPath}, maps...)
		default:
			if seeds, err := ReadOpenAPI(x.Body, w.URL); err == nil {
				w.describes(x, "openapi")
				for _, s := range seeds {
					w.seed(s)
				}
			}
		}
	}
	if err := w.hopeless(ctx); err != nil {
		return err
	}
	return w.sitemaps(ctx, maps)
}

// describes notes the answer as a page, unless it is one already.
func (w *walk) describes(x *check.Exchange, from string) {
	if !w.seen[x.Request.Path] {
		w.seen[x.Request.Path] = true
		w.site.Pages = append(w.site.Pages, check.Page{Exchange: x, Class: Classify(x), From: from})
	}
}

// sitemapsOf returns the sitemaps that robots.txt names. Source: RFC 9309 section 2.2.4.
func sitemapsOf(robots string) []string {
	var all []string
	for line := range strings.Lines(robots) {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(strings.TrimSpace(name), "sitemap") && len(all) < maxSitemaps {
			value, _, _ = strings.Cut(value, "#")
			all = append(all, strings.TrimSpace(value))
		}
	}
	return all
}
