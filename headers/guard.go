package headers

import (
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// A Guard sets the headers of its Options. It is made by New and safe for concurrent
// use.
type Guard struct {
	mode      guard.Mode
	sink      guard.Sink
	onAnswer  hook.Func
	reportURI func(*http.Request) string

	watched  []string   // canonical name of each bit
	byLength [64]uint32 // bits by the length of their names
	early    []string   // removed before the handler runs
	rows     []row
	enforced *policy
	observed *policy
	reported []reportedRow
	hsts     *transport
	settings []Setting
	nonce    bool
	// documents says that it matters whether an answer is one.
	documents bool

	frameBit   uint32
	corp       string // the policy to tell of; empty for none
	corpBit    uint32
	powered    string
	poweredBit uint32
}

// row is a header with one value for all answers.
type row struct {
	key     string
	value   []string
	bit     uint32
	replace bool
}

// reportedRow is a report-only header of documents, which can name an endpoint.
type reportedRow struct {
	row
	endpoint []string
}

// transport is Strict-Transport-Security with an age that the request decides.
type transport struct {
	row
	maxAge func(*http.Request) time.Duration
	suffix string
	last   atomic.Pointer[aged] // a server uses one age for very long
}

type aged struct {
	age   time.Duration
	value []string
}

func (t *transport) text(age time.Duration) []string {
	if last := t.last.Load(); last != nil && last.age == age {
		return last.value
	}
	made := &aged{age, single(maxAge(age, t.suffix))}
	t.last.Store(made)
	return made.value
}

// A Setting is what a Guard does about one header.
type Setting struct {
	// Header is the name in Helmet's spelling, Value what is sent.
	Header, Value string
	// Given says that the Options say something of this header; else all is default.
	Given bool
	// Off says that the header is not sent.
	Off bool
	// Merge is what becomes of the app's own value.
	Merge Merge
	// Documents says that only HTML carries it.
	Documents bool
	// Note adds what differs from request to request, or what else is done.
	Note string
}

// Effective returns what the guard does about each header it knows, in Helmet's order.
func (g *Guard) Effective() []Setting { return slices.Clone(g.settings) }

// Lines returns the header lines that the guard sends, in Helmet's order and spelling.
// (net/http sends names in its own spelling and order, which mean the same.) A nonce
// shows as {random}; a report address and an HSTS age that are decided for each request
// do not show.
func (g *Guard) Lines() []string {
	var lines []string
	for _, s := range g.settings {
		if !s.Off {
			lines = append(lines, s.Header+": "+s.Value)
		}
	}
	return lines
}
