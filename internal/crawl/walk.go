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

// A walk is one walk, as a visitor or as a user.
type walk struct {
	Options
	as   check.Who
	site *check.Site
	// queue holds the places still to ask for, in the order in which they were found.
	queue []place
	// seen holds every path that was queued or asked for, left every address that was
	// left alone, each with the reason, so that none is counted twice.
	seen, left map[string]bool
	// queries counts the queries of a path, forms the forms that are alike.
	queries, forms map[string]int
	shapes         shapes
	asked, beyond  int
	// failed is how many requests in a row got no answer, and why the first of them.
	failed int
	why    error
	// visitor holds the visitor's answers by their path; nil in a visitor's walk.
	visitor map[string]*check.Exchange
}

// A place is a page to ask for.
type place struct {
	path, from  string
	depth, rank int
}

func newWalk(o Options, as check.Who) *walk {
	return &walk{
		Options: o, as: as, site: &check.Site{Skipped: make(map[string]int)},
		seen: make(map[string]bool), left: make(map[string]bool),
		queries: make(map[string]int), forms: make(map[string]int), shapes: make(shapes),
	}
}

func (w *walk) bound() string { return fmt.Sprintf("beyond the bound of %d pages", w.Pages) }

// entrance asks for the target's own address and follows its redirects.
func (w *walk) entrance(ctx context.Context) error {
	path, from := w.URL.RequestURI(), "given"
	for n := 0; ; n++ {
		x, err := w.Do(ctx, w.request(path))
		if err != nil {
			return err
		}
		w.asked++
		w.seen[path] = true
		var next string
		if Classify(x) == check.Redirect {
			if u, where := w.resolve(w.base(x, ""), x.Header.Get("Location")); where == inside {
				next = target(u)
			}
		}
		again := next != "" && w.seen[next]
		w.seen[next] = true // before page, which would queue it
		w.page(x, from, 0)
		switch {
		case next == "":
			return nil
		case again, n == maxRedirects:
			return fmt.Errorf("%d redirects without an end", maxRedirects)
		}
		path, from = next, "redirect"
	}
}

// batch is how many places are asked for before their answers are read. It is no
// option, since it decides on the order.
const batch = 32

// drain asks for all that is queued and for what that leads to: nearer places first,
// and of equally near ones those whose shape was seen less often. Places of a shape
// that was seen very often wait until nothing else is left.
func (w *walk) drain(ctx context.Context) error {
	often := max(20, w.Pages/10)
	for len(w.queue) > 0 {
		slices.SortStableFunc(w.queue, func(a, b place) int {
			late := 0
			switch {
			case a.rank > often && b.rank <= often:
				late = 1
			case a.rank <= often && b.rank > often:
				late = -1
			}
			return cmp.Or(late, cmp.Compare(a.depth, b.depth), cmp.Compare(a.rank, b.rank))
		})
		now := w.affordable()
		if len(now) == 0 {
			break
		}
		w.queue = w.queue[len(now):]
		if err := w.ask(ctx, now, w.page); err != nil {
			return err
		}
	}
	w.beyond += len(w.queue)
	w.queue = nil
	return nil
}

// affordable counts the first places of the queue against the bound and returns them.
func (w *walk) affordable() []place {
	n := 0
	for ; n < min(batch, len(w.queue)); n++ {
		cost := 1
		if w.as == check.User && w.visitor[w.queue[n].path] == nil {
			cost = 2
		}
		if w.asked+cost > w.Pages {
			break
		}
		w.asked += cost
	}
	return slices.Clone(w.queue[:n])
}

// ask asks for all places side by side and hands the answers over in their order. The
// error is that of the first of several requests that failed in a row.
func (w *walk) ask(ctx context.Context, all []place, answer func(x *check.Exchange, from string, depth int)) error {
	requests := make([]check.Request, len(all))
	for i, p := range all {
		requests[i] = w.request(p.path)
	}
	answers, errs := w.fetch(ctx, requests)
	for i, x := range answers {
		if w.judge(errs[i]) {
			answer(x, all[i].from, all[i].depth)
		}
	}
	return w.hopeless(ctx)
}

// judge says whether there is an answer, and counts those that failed in a row.
func (w *walk) judge(err error) bool {
	if err == nil {
		w.failed = 0
		return true
	}
	if w.failed++; w.failed == 1 {
		w.why = err
	}
	w.site.Skipped[leftSilent]++
	return false
}

// hopeless is why there is no use in asking on; nil when there is.
func (w *walk) hopeless(ctx context.Context) error {
	if w.failed >= givenUp || w.failed > 0 && ctx.Err() != nil {
		return w.why
	}
	return ctx.Err()
}

// fetch sends the requests side by side; the answers are in the order of the requests.
func (w *walk) fetch(ctx context.Context, all []check.Request) ([]*check.Exchange, []error) {
	answers, errs := make([]*check.Exchange, len(all)), make([]error, len(all))
	slots := make(chan struct{}, w.Parallel)
	var wg sync.WaitGroup
	for i, r := range all {
		slots <- struct{}{}
		wg.Go(func() {
			answers[i], errs[i] = w.Do(ctx, r)
			<-slots
		})
	}
	wg.Wait()
	return answers, errs
}

func (w *walk) request(path string) check.Request { return check.Request{As: w.as, Path: path} }

// page notes an answer, its forms and the places that it leads to.
func (w *walk) page(x *check.Exchange, from string, depth int) {
	w.site.Pages = append(w.site.Pages, check.Page{Exchange: x, Class: Classify(x), From: from})
	found := read(x)
	base := w.base(x, found.base)
	path, _, _ := strings.Cut(x.Request.Path, "?")
	from = "link on " + path
	if Classify(x) == check.Redirect {
		from = "redirect"
	}
	for _, r := range found.refs {
		w.offer(base, r, from, depth+1)
	}
	if found.more > 0 {
		w.site.Skipped[leftLinks] += found.more
	}
	for _, f := range found.forms {
		w.form(f, x.URL, base)
	}
}

// base is what the references of an answer are relative to: its own address, unless a
// base element says otherwise.
func (w *walk) base(x *check.Exchange, element string) *url.URL {
	base, err := url.Parse(x.URL)
	if err != nil {
		base = w.URL
	}
	if element != "" {
		if b, err := parse(base, element); err == nil {
			base = b
		}
	}
	return base
}

// offer queues the place that a reference leads to, or counts why not.
func (w *walk) offer(base *url.URL, r ref, from string, depth int) {
	u, where := w.resolve(base, r.address)
	if where == nowhere {
		return
	}
	address := u.String()
	if where == outside {
		w.leave(leftOrigin, address)
		return
	}
	path := target(u)
	switch full := len(w.seen) >= w.Pages*knownPerPage; {
	case w.seen[path]:
		return
	case len(path) > maxPath, strings.HasPrefix(path, "//"):
		w.leave(leftOdd, address)
		return
	case w.left[leftHarm+address], w.left[w.bound()+address]:
		return
	case full:
		w.beyond++
		return
	case r.acts, unsafe(u, r.said):
		w.leave(leftHarm, address)
		return
	case depth > maxDepth:
		w.leave(leftDeep, address)
		return
	}
	bare, query, _ := strings.Cut(path, "?")
	if query != "" {
		if w.queries[bare] >= maxQueries {
			w.leave(leftQueries, address)
			return
		}
		w.queries[bare]++
	}
	rank := w.shapes.rank(bare)
	if rank > w.Pages {
		w.leave(w.bound(), address) // so many like it are known that it would never be its turn
		return
	}
	w.seen[path] = true
	w.queue = append(w.queue, place{path: path, from: from, depth: depth, rank: rank})
}

// leave counts an address that is left alone, once as long as it can be remembered.
func (w *walk) leave(reason, address string) {
	if w.left[reason+address] {
		return
	}
	if len(address) <= maxLeft && len(w.left) < w.Pages*knownPerPage {
		w.left[reason+address] = true
	}
	w.site.Skipped[reason]++
}

// form notes a form with absolute addresses, unless enough like it are known: the same
// form stands on each page of many a site.
func (w *walk) form(f check.Form, page string, base *url.URL) {
	f = located(f, page, base)
	like := alike(f)
	if w.forms[like] >= maxAlike || len(w.site.Forms) >= maxForms {
		w.site.Skipped[leftForms]++
		return
	}
	w.forms[like]++
	w.site.Forms = append(w.site.Forms, f)
}

// alike is equal for forms that differ in numbers, values and pages only.
func alike(f check.Form) string {
	var b strings.Builder
	path, _, _ := strings.Cut(f.Action, "?")
	b.WriteString(f.Method + " " + shape(path))
	for _, field := range f.Fields {
		b.WriteString("\n" + field.Type + " " + field.Name)
	}
	return b.String()
}
