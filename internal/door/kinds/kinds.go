// Package kinds tells what kind of application stands behind a door, by its answers: pages,
// a single-page application, or an API.
//
//	w := kinds.New(kinds.Options{Found: func(f kinds.Found) { … }})
//	w.Answer(request, status, header)
//	w.Kind() // kinds.Auto until it is known
//
// What is found decides in which form the door's own pages are written, where a client does
// not say which it wants, and nothing else: whoever can make an application look like
// another kind changes how a refusal looks, and not what is refused.
//
// It counts what the application answers with success: documents (HTML that a browser may
// navigate to) and JSON. An API has no document among forty answers of JSON, and is none any
// more once it has one. A single-page application answers three paths or more with the very
// same document, or has a single one, and asks for JSON beside. Every other is pages. Nothing of an answer is
// kept but the tag or the length of one document.
package kinds

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The kinds of applications, as configurations have them.
const (
	Auto  = "auto"
	Pages = "pages"
	SPA   = "spa"
	API   = "api"
)

const (
	// anAPI is how many answers of JSON make one, without a document.
	anAPI = 40
	// somePages are as many documents as it takes to tell.
	somePages = 20
	// somePaths are as many as have the same document in a single-page application, and
	// someJSON as many answers of JSON as it then has.
	somePaths, someJSON = 3, 5
	// onePage and manyJSON make one too that has all at one address.
	onePage, manyJSON = 5, 100
	// enough is where looking ends: what fits no other kind is pages.
	enough = 2000
)

// Found is what was found.
type Found struct {
	Kind string `json:"kind"`
	// Since is when, and Why by what.
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
}

// Options configures a Watch.
type Options struct {
	// Found is what an earlier one has found.
	Found Found
	// Tell is called when the kind is found, or another one; one call at a time, on the
	// goroutine of an answer. While it lasts no other answer waits.
	Tell func(Found)
}

// A Watch looks at answers. It is safe for concurrent use.
type Watch struct {
	tell func(Found)
	now  atomic.Pointer[Found]

	mu        sync.Mutex
	json      int
	documents int
	paths     []string // those that had the first document, somePaths at most
	first     string   // tag or length of the first document
	differ    bool     // another one was seen

	telling sync.Mutex // not mu, since to tell may take its time
	told    string     // the kind of which Tell knows
}

// New returns a Watch.
func New(o Options) *Watch {
	w := &Watch{tell: o.Tell}
	found := o.Found
	if !slices.Contains([]string{Pages, SPA, API}, found.Kind) {
		found = Found{Kind: Auto}
	}
	w.now.Store(&found)
	w.told = found.Kind
	return w
}

// Found returns what was found; its Kind is Auto before that.
func (w *Watch) Found() Found { return *w.now.Load() }

// Kind returns the kind, Auto before it is known.
func (w *Watch) Kind() string { return w.now.Load().Kind }

// Answer looks at an answer of the application.
func (w *Watch) Answer(r *http.Request, status int, h http.Header) {
	kind := w.Kind()
	if kind == Pages || kind == SPA || status < 200 || status > 299 {
		return
	}
	document, data := classify(r, h)
	if kind == API && !document || !document && !data {
		return
	}
	if w.count(r, h, data) && w.tell != nil {
		w.telling.Lock()
		defer w.telling.Unlock()
		// What was found last: another answer may have come in between.
		if found := w.Found(); found.Kind != w.told {
			w.told = found.Kind
			w.tell(found)
		}
	}
}

// count notes an answer, and tells whether another kind was found by it.
func (w *Watch) count(r *http.Request, h http.Header, data bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if data {
		w.json++
	} else {
		w.document(r.URL.Path, mark(h))
	}
	found := w.judge()
	if found.Kind == w.Kind() {
		return false
	}
	found.Since = time.Now().UTC().Truncate(time.Second)
	w.now.Store(&found)
	return true
}

// document notes one that was sent.
func (w *Watch) document(path, mark string) {
	w.documents++
	switch {
	case w.documents == 1:
		w.first = mark
	case mark == "" || mark != w.first:
		w.differ = true
	}
	if len(w.paths) < somePaths && !slices.Contains(w.paths, path) {
		w.paths = append(w.paths, path)
	}
}

func (w *Watch) judge() Found {
	switch {
	case w.documents == 0 && w.json >= anAPI:
		return Found{Kind: API, Why: fmt.Sprintf("%d answers of JSON and no page", w.json)}
	case !w.differ && w.first != "" && len(w.paths) >= somePaths && w.json >= someJSON:
		return Found{Kind: SPA, Why: "one page at several addresses, and JSON"}
	case !w.differ && w.first != "" && w.documents >= onePage && w.json >= manyJSON:
		return Found{Kind: SPA, Why: "one page at one address, and JSON"}
	case w.documents+w.json >= enough && w.documents > 0:
		return Found{Kind: Pages, Why: "pages among much else"}
	case w.documents >= somePages && (w.differ || w.first == ""):
		return Found{Kind: Pages, Why: fmt.Sprintf("%d pages, and not the same one", w.documents)}
	}
	return Found{Kind: Auto}
}

// classify tells documents and data; everything else is neither.
func classify(r *http.Request, h http.Header) (document, data bool) {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	switch media = strings.ToLower(strings.TrimSpace(media)); {
	case media == "text/html" || media == "application/xhtml+xml":
		dest := r.Header.Get("Sec-Fetch-Dest")
		return r.Method == http.MethodGet && (dest == "" || dest == "document"), false
	case media == "application/json" || strings.HasSuffix(media, "+json") || media == "application/x-ndjson" || strings.HasPrefix(media, "application/grpc"):
		return false, media != "application/manifest+json" && media != "application/ld+json"
	}
	return false, false
}

// mark tells one document from another, "" where it cannot.
func mark(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" {
		return tag
	}
	return h.Get("Content-Length")
}
