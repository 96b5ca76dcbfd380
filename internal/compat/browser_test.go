package compat_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
)

// A browser is the driver with its one Chromium.
type browser struct {
	*process
	rows []string

	mu      sync.Mutex
	waiting map[int]chan answer
	next    int
}

// An order asks for one row.
type order struct {
	ID      int            `json:"id"`
	Row     string         `json:"row"`
	Base    string         `json:"base"`
	Foreign int            `json:"foreign"`
	Keep    string         `json:"keep,omitempty"`
	Want    map[string]any `json:"want,omitempty"`
}

type answer struct {
	ID     int
	OK     bool
	Detail json.RawMessage
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	chromium := need.Program(t, "chromium", "chromium-browser", "google-chrome")
	b := &browser{
		process: node(t, "driver.mjs", "CHROMIUM="+chromium, "PROFILE="+t.TempDir()),
		waiting: map[int]chan answer{},
	}
	var hello struct {
		Rows    []string
		Browser string
	}
	b.read(t, &hello)
	b.rows = hello.Rows
	t.Logf("browser: %s", hello.Browser)
	go b.listen()
	return b
}

// listen hands each answer to whoever waits for it.
func (b *browser) listen() {
	for line := range b.lines {
		var a answer
		if json.Unmarshal(line, &a) != nil {
			continue
		}
		b.mu.Lock()
		if c := b.waiting[a.ID]; c != nil {
			c <- a
		}
		b.mu.Unlock()
	}
}

// run runs a row; its failure is the test's. It returns what the row told. It is safe
// for concurrent use.
func (b *browser) run(t *testing.T, o order) json.RawMessage {
	t.Helper()
	detail, err := b.try(o)
	if err != nil {
		t.Errorf("%s at %s: %v", o.Row, o.Base, err)
	}
	return detail
}

func (b *browser) try(o order) (json.RawMessage, error) {
	c := make(chan answer, 1)
	b.mu.Lock()
	b.next++
	o.ID = b.next
	b.waiting[o.ID] = c
	line, err := json.Marshal(o)
	if err == nil {
		_, err = fmt.Fprintf(b.in, "%s\n", line)
	}
	b.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("the driver takes no orders: %w: %s", err, b.noise)
	}
	defer func() {
		b.mu.Lock()
		delete(b.waiting, o.ID)
		b.mu.Unlock()
	}()
	select {
	case a := <-c:
		if !a.OK {
			return nil, fmt.Errorf("%s", strings.ReplaceAll(strings.Trim(string(a.Detail), `"`), `\"`, `"`))
		}
		return a.Detail, nil
	case <-time.After(time.Minute):
		return nil, fmt.Errorf("the driver gives no answer: %s", b.noise)
	}
}

// rows pass with and without the door.
var rows = []string{
	"login", "logout", "oauth-redirect", "oauth-form", "oauth-popup", "saml-form-post", "domain-cookie", "cookie-session",
	"csurf", "partner-cors", "webhook", "mobile", "upload-20-mb", "websocket", "server-sent-events", "service-worker",
	"json-errors", "inline-and-cdn", "iframe-own", "iframe-partner", "compressed",
}

// judged are rows whose answer the test judges, since the door changes it.
var judged = []string{"session-cookie", "headers", "iframe-foreign", "still", "jar", "saml-older"}

// forged are rows of TestForgeries.
var forged = []string{"attack", "legit", "enter", "whoami", "forgeries"}

// runRows runs all rows that must pass at base.
func runRows(t *testing.T, b *browser, base string, foreign int) {
	t.Helper()
	for _, row := range b.rows {
		if !slices.Contains(rows, row) && !slices.Contains(judged, row) && !slices.Contains(forged, row) {
			t.Errorf("the driver has a row %q that no test runs", row)
		}
	}
	t.Run("rows", func(t *testing.T) {
		for _, row := range rows {
			t.Run(row, func(t *testing.T) {
				t.Parallel()
				b.run(t, order{Row: row, Base: base, Foreign: foreign})
			})
		}
	})
}
