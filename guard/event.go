package guard

import (
	"context"
	"log/slog"
)

// Action is what became of a request or of its answer.
type Action uint8

const (
	// Passed: nothing was wrong.
	Passed Action = iota
	// Noted: something is worth a look, and there was nothing to do about it.
	Noted
	// Mended: the answer or the request was changed to hold the practice.
	Mended
	// Denied: the request was refused.
	Denied
	// WouldMend is Mended under Observe: nothing was changed.
	WouldMend
	// WouldDeny is Denied under Observe: nothing was refused.
	WouldDeny
	// Failed: the guard could not do its work; Err says why.
	Failed
)

var actionNames = [...]string{
	Passed: "passed", Noted: "noted", Mended: "mended", Denied: "denied",
	WouldMend: "would-mend", WouldDeny: "would-deny", Failed: "failed",
}

// String returns the action in lower case, such as "would-deny".
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "unknown"
}

// Level is the severity at which an event of this action is logged: Denied and
// WouldDeny at Warn, Failed at Error, the rest at Debug.
func (a Action) Level() slog.Level {
	switch a {
	case Denied, WouldDeny:
		return slog.LevelWarn
	case Failed:
		return slog.LevelError
	}
	return slog.LevelDebug
}

// An Event is one thing that a guard has to tell. Practice, Rule and Action come
// from fixed sets and may become metric labels; Detail and Err may hold text that
// a client sent and must not.
type Event struct {
	// Practice is the practice's id, such as "cookies".
	Practice string
	// Rule names the rule within the practice, such as "secure-absent".
	Rule string
	// Action is what became of it.
	Action Action
	// Field names what of the request or the answer decided: a header, a cookie, a field of
	// a form, "path". Empty where it was all of it. Like Rule it comes from a fixed set, but
	// for names that the application chose.
	Field string
	// Request is the request's id; empty where none was given.
	Request string
	// Detail is for a person: shapes and names, never secret values.
	Detail string
	// Err is the cause of a failure or a denial, or nil.
	Err error
}

// LogValue groups the event's fields for slog and leaves empty ones out.
func (e Event) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, 7)
	attrs = append(attrs, slog.String("practice", e.Practice), slog.String("rule", e.Rule),
		slog.String("action", e.Action.String()))
	if e.Field != "" {
		attrs = append(attrs, slog.String("field", e.Field))
	}
	if e.Request != "" {
		attrs = append(attrs, slog.String("request", e.Request))
	}
	if e.Detail != "" {
		attrs = append(attrs, slog.String("detail", e.Detail))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("err", e.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// A Sink receives events. It is called on the request's goroutine, must be safe for
// concurrent use, and must not block. The context is the request's.
type Sink func(context.Context, Event)

// Tell sends the event to s, or to [Log] when s is nil.
func (s Sink) Tell(ctx context.Context, e Event) {
	if s == nil {
		Log(ctx, e)
		return
	}
	s(ctx, e)
}

// Log is the Sink of a guard that was given none: it writes to slog.Default at
// the action's level.
func Log(ctx context.Context, e Event) {
	level := e.Action.Level()
	logger := slog.Default()
	if !logger.Enabled(ctx, level) {
		return
	}
	logger.LogAttrs(ctx, level, "panoply: "+e.Practice+" "+e.Action.String(), e.LogValue().Group()...)
}
