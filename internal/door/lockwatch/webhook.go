package lockwatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/osv"
)

// MaxTold is how many entries of each kind a message has.
const MaxTold = 100

// A message is what the webhook is told.
type message struct {
	text []byte
	// known is what it knows once it has taken this.
	known []string
	tries int
	next  time.Time
}

type told struct {
	Package  string   `json:"package"`
	Version  string   `json:"version"`
	Advisory string   `json:"advisory"`
	Aliases  []string `json:"aliases,omitempty"`
	Severity string   `json:"severity"`
	Fixed    []string `json:"fixed,omitempty"`
	Dev      bool     `json:"dev,omitempty"`
}

// body is the form of a message. It is documented in docs/operations.md.
type body struct {
	Version  int    `json:"version"`
	Event    string `json:"event"`
	At       string `json:"at"`
	Lockfile string `json:"lockfile"`
	Error    string `json:"error,omitempty"`
	Packages int    `json:"packages"`
	Unknown  int    `json:"unknown"`
	// Vulnerable counts packages by the severity of the worst.
	Vulnerable map[string]int `json:"vulnerable"`
	Advisories struct {
		Records int    `json:"records"`
		Newest  string `json:"newest,omitempty"`
	} `json:"advisories"`
	New  []told   `json:"new"`
	Gone []string `json:"gone"`
	// More is how many entries found no room.
	More int `json:"more"`
}

// broken stands among what is known for that nothing is.
const broken = "error "

// newMessage makes a message of what is not known yet; nil where all is.
func newMessage(s *Status, known []string) *message {
	var now []string
	fresh := map[string]Finding{}
	for _, f := range s.Findings {
		if _, twice := fresh[f.ID()]; !twice {
			now = append(now, f.ID())
			fresh[f.ID()] = f
		}
	}
	if s.Err != nil {
		// What was known before is neither new nor gone.
		now = append(slices.DeleteFunc(slices.Clone(known), isBroken), broken+s.Err.Error())
	}
	before, after := setOf(known), setOf(now)
	b := body{Version: 1, Event: "dependencies", At: s.At.UTC().Format(time.RFC3339), Lockfile: s.Lockfile, Packages: s.Packages, Unknown: s.Unknown,
		Vulnerable: map[string]int{}, New: []told{}, Gone: []string{}}
	if s.Err != nil {
		b.Error = cut(s.Err.Error())
	}
	b.Advisories.Records = s.Advisories.Records
	if !s.Advisories.Newest.IsZero() {
		b.Advisories.Newest = s.Advisories.Newest.UTC().Format(time.RFC3339)
	}
	for level, n := range s.Vulnerable {
		b.Vulnerable[level.String()] = n
	}
	changed := false
	for _, id := range now {
		if before[id] {
			continue
		}
		changed = true
		switch f, ok := fresh[id]; {
		case !ok: // an error
		case len(b.New) < MaxTold:
			b.New = append(b.New, told{cut(f.Package), cut(f.Version), cut(f.Advisory), f.Aliases[:min(len(f.Aliases), 10)], f.Level.String(), f.Fixed[:min(len(f.Fixed), 10)], f.Dev})
		default:
			b.More++
		}
	}
	for _, id := range known {
		if after[id] {
			continue
		}
		changed = true
		switch {
		case isBroken(id):
		case len(b.Gone) < MaxTold:
			b.Gone = append(b.Gone, cut(id))
		default:
			b.More++
		}
	}
	if !changed {
		return nil
	}
	text, err := json.Marshal(b)
	if err != nil {
		return nil // there is nothing in it that cannot be written
	}
	return &message{text: text, known: now}
}

func isBroken(id string) bool { return strings.HasPrefix(id, broken) }

func setOf(all []string) map[string]bool {
	set := make(map[string]bool, len(all))
	for _, s := range all {
		set[s] = true
	}
	return set
}

// cut bounds a text that a file decides.
func cut(s string) string {
	const most = 500
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	return &http.Client{
		Timeout: 15 * time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// send posts a message, and returns what is known and what is left to send.
func (w *Watch) send(ctx context.Context, to string, known []string, m *message) ([]string, *message) {
	err := w.post(ctx, to, m.text)
	switch {
	case err == nil:
		if w.hooks.Keep != nil {
			if err := w.hooks.Keep(m.known); err != nil {
				w.failed(fmt.Errorf("what the webhook was told could not be kept; a restart tells it again: %w", err))
			}
		}
		return m.known, nil
	case ctx.Err() != nil:
		return known, m
	}
	if m.tries == 0 || m.tries == len(w.pauses) {
		w.failed(err)
	}
	if m.tries == len(w.pauses) {
		return known, nil // the next look makes another of it
	}
	m.next = time.Now().Add(w.pauses[m.tries])
	m.tries++
	return known, m
}

func (w *Watch) failed(err error) {
	if w.hooks.Failed != nil {
		w.hooks.Failed(err)
	}
}

func (w *Watch) post(ctx context.Context, to string, text []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(text))
	if err != nil {
		return errors.New("the webhook's address is none") // which may be a secret
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "panoply")
	answer, err := w.client.Do(r)
	if err != nil {
		// The error of a client tells the whole address, and that may be a secret.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return fmt.Errorf("the webhook at %s: %w", r.URL.Host, err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("the webhook at %s answers %s", r.URL.Host, answer.Status)
	}
	return nil
}

// Levels are the severities that are counted, the worst first.
func Levels() []osv.Level {
	return []osv.Level{osv.Critical, osv.High, osv.Medium, osv.Low, osv.None, osv.Unknown}
}
