// Package accesslog writes the door's access log: one slog record a request.
//
//	log := accesslog.New(slog.New(slog.NewJSONHandler(os.Stdout, nil)), accesslog.Options{})
//	log.Write(ctx, accesslog.Line{…})
//
// It is also the one redactor: whatever of a request is to be logged goes through
// [Target] and [Word]. Query values, cookies, header values and bodies are never
// logged, unless the operator asked for query values by name; paths are, so an
// application that puts secrets into paths has them here.
package accesslog

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

const (
	maxTarget = 2048
	maxWord   = 64
	maxBare   = 24 // of a query name without a value
)

// Options configures a Log.
type Options struct {
	// Queries writes query values too. They often are secrets.
	Queries bool
}

// A Log writes lines to one slog.Logger. It is safe for concurrent use.
type Log struct {
	logger *slog.Logger
	opts   Options
}

// New returns a Log; a nil logger writes nothing.
func New(logger *slog.Logger, o Options) *Log { return &Log{logger, o} }

// A Line is one request with what became of it.
type Line struct {
	Request  *http.Request
	ID       string
	Client   string // the address that clientip resolved
	Status   int    // 0: the connection was cut before an answer
	Bytes    int64  // of the answer's body
	Duration time.Duration
	Events   []guard.Event
	// Failure is the fixed reason of a failed exchange with the application, and Cause
	// its text for the operator.
	Failure string
	Cause   error
}

// Write writes the line at Info, or at Warn for a failure.
func (l *Log) Write(ctx context.Context, line Line) {
	level := slog.LevelInfo
	if line.Failure != "" {
		level = slog.LevelWarn
	}
	if l.logger == nil || !l.logger.Enabled(ctx, level) {
		return
	}
	r := line.Request
	attrs := make([]slog.Attr, 0, 18)
	attrs = append(attrs,
		slog.String("id", line.ID),
		slog.String("client", line.Client),
		slog.String("method", Word(r.Method)),
		slog.String("host", ledger.Clean(r.Host, 255)),
		slog.String("path", Target(r, l.opts.Queries)),
		slog.String("proto", r.Proto),
		slog.Int("status", line.Status),
		slog.Int64("bytes", line.Bytes),
		slog.Float64("ms", float64(line.Duration.Microseconds())/1000),
	)
	if theirs := r.Header["X-Request-Id"]; len(theirs) > 0 {
		attrs = append(attrs, slog.String("client_request_id", Word(theirs[0])))
	}
	if e := gravest(line.Events); e != nil {
		attrs = append(attrs, slog.String("practice", e.Practice), slog.String("rule", e.Rule), slog.String("action", e.Action.String()))
		if len(line.Events) > 1 {
			attrs = append(attrs, slog.Any("events", names(line.Events)))
		}
	}
	if line.Failure != "" {
		attrs = append(attrs, slog.String("failure", line.Failure))
		if line.Cause != nil {
			attrs = append(attrs, slog.String("cause", ledger.Clean(line.Cause.Error(), 512)))
		}
	}
	l.logger.LogAttrs(ctx, level, "request", attrs...)
}

// gravity orders the actions: what was refused tells more than what was mended.
var gravity = [...]int{guard.Passed: 0, guard.Noted: 1, guard.WouldMend: 2, guard.Mended: 3, guard.WouldDeny: 4, guard.Failed: 5, guard.Denied: 6}

func gravest(events []guard.Event) *guard.Event {
	var top *guard.Event
	for i := range events {
		if e := &events[i]; top == nil || gravity[e.Action] > gravity[top.Action] {
			top = e
		}
	}
	return top
}

func names(events []guard.Event) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = e.Practice + "/" + e.Rule + "/" + e.Action.String()
	}
	return out
}

// Target returns the path as the client wrote it, and the names in its query without
// their values: "/reset?token&lang". With values the query is whole.
func Target(r *http.Request, values bool) string {
	path, query := r.URL.EscapedPath(), r.URL.RawQuery
	if query == "" {
		return ledger.Clean(path, maxTarget)
	}
	if values {
		return ledger.Clean(path+"?"+query, maxTarget)
	}
	var b strings.Builder
	b.WriteString(path)
	sep := byte('?')
	for pair := range strings.SplitSeq(query, "&") {
		name, _, valued := strings.Cut(pair, "=")
		b.WriteByte(sep)
		sep = '&'
		if !valued && len(name) > maxBare {
			name = "-" // no name but one long value, such as a signed query
		}
		b.WriteString(name)
		if b.Len() > maxTarget {
			break
		}
	}
	return ledger.Clean(b.String(), maxTarget)
}

// Word returns a client's single word, such as a method or an id of its own, when it is
// made of letters, digits and "._:-+/=" and at most 64 bytes; else a question mark.
func Word(text string) string {
	if text == "" || len(text) > maxWord {
		return "?"
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("._:-+/=", c) >= 0:
		default:
			return "?"
		}
	}
	return text
}
