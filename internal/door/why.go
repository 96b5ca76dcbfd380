package door

import (
	"fmt"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/accesslog"
	"github.com/panoplysec/panoply/internal/door/ledger"
	"github.com/panoplysec/panoply/internal/door/refusals"
)

// maxReason bounds each text that is kept of a refusal.
const maxReason = 300

// refused is the guard that refused a request, and how.
type refused struct {
	guard string
	event guard.Event
}

// remember keeps why a request was refused, or why it could not be answered.
func (d *Door) remember(q *request, line *accesslog.Line) {
	q.mu.Lock()
	was := q.refused
	q.mu.Unlock()
	if was.guard == "" && line.Failure == "" {
		return
	}
	r := line.Request
	one := refusals.Refusal{
		ID: q.id, Time: q.start.UTC(), Guard: was.guard, Practice: was.event.Practice, Rule: was.event.Rule, Status: line.Status,
		Field: ledger.Clean(was.event.Field, maxReason), Shape: ledger.Clean(was.event.Detail, maxReason),
		Method: accesslog.Word(r.Method), Host: ledger.Clean(r.Host, maxReason), Path: ledger.Clean(accesslog.Target(r, false), maxReason),
		From: ledger.Clean(csrf.Source(r), maxReason),
	}
	cause := was.event.Err
	if line.Client.IsValid() {
		one.Client = line.Client.String()
	}
	if was.guard == "" {
		one.Rule, cause = line.Failure, line.Cause
	}
	if cause != nil {
		one.Cause = ledger.Clean(cause.Error(), maxReason)
	}
	d.reasons.Note(one)
	if d.heir.Load() != nil { // who has the page asks that one
		_ = d.ask(askRefused, one, nil)
	}
}

// Why tells why the request with an id was refused.
func (d *Door) Why(id string) (refusals.Refusal, error) {
	one, ok := d.reasons.Find(id)
	if !ok {
		return one, fmt.Errorf("no refusal with the id %s is remembered: the last %d are, since the door's start; the access log has them all", ledger.Clean(id, 40), refusals.Max)
	}
	return one, nil
}

// Refused returns the last refusals, the latest first.
func (d *Door) Refused() []refusals.Refusal { return d.reasons.Recent(maxRecent) }

// maxRecent is how many refusals are listed.
const maxRecent = 50
