package door

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/sessions"
)

// paper is a journal in memory that may be away.
type paper struct {
	mu      sync.Mutex
	entries [][]byte
	away    bool
}

func (p *paper) Append(_ context.Context, entry []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return errors.New("away")
	}
	p.entries = append(p.entries, entry)
	return nil
}

func (p *paper) After(_ context.Context, id string, f func([]byte)) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return id, errors.New("away")
	}
	n := 0
	_, _ = fmt.Sscan(id, &n) // "" is 0
	for ; n < len(p.entries); n++ {
		f(p.entries[n])
	}
	return fmt.Sprint(n), nil
}

func (p *paper) set(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// sayings collects what is said.
type sayings struct {
	mu    sync.Mutex
	lines []string
}

func (s *sayings) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *sayings) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// note is one that a door tells of a session.
func note(n byte) []byte {
	b := make([]byte, 40)
	b[0], b[23], b[32] = n, 1, 0x7f
	return b
}

// What cannot be told is told once it can; a door that starts later hears all.
func TestDoorsTellEachOther(t *testing.T) {
	p, said := &paper{}, &sayings{}
	key := make([]byte, 32)
	endedA, endedB := sessions.NewEnded(key), sessions.NewEnded(key)
	a := newDoors(p, endedA, said.say)
	defer a.close()
	a.tell(note(1))
	eventually(t, "the first is told", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.entries) == 1 })
	p.set(true)
	a.tell(note(2))
	eventually(t, "it is said that the others do not hear", func() bool { return said.count() == 1 })
	a.tell(note(3))
	p.set(false)
	eventually(t, "it is said that they do again", func() bool { return said.count() == 2 })
	b := newDoors(p, endedB, said.say)
	defer b.close()
	eventually(t, "the other door hears all", func() bool { return endedB.Len() == 3 })
	b.tell(note(4))
	eventually(t, "the first door hears the second", func() bool { return endedA.Len() == 4 })
}

// What waits is bounded, and a stop tells what it can.
func TestDoorsBounds(t *testing.T) {
	p, said := &paper{away: true}, &sayings{}
	d := newDoors(p, sessions.NewEnded(make([]byte, 32)), said.say)
	for range maxUntold + 10 {
		d.tell(note(1))
	}
	d.mu.Lock()
	if n := len(d.untold); n != maxUntold {
		t.Errorf("%d notes wait, want %d", n, maxUntold)
	}
	d.mu.Unlock()
	p.set(false)
	d.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.entries) != maxUntold {
		t.Errorf("%d notes were told at the stop, want %d", len(p.entries), maxUntold)
	}
	var none *doors
	none.close()
}

// TestDoorsGoOnAfterAnUpgradeThatFailed: what was ended while nobody told is told.
func TestDoorsGoOnAfterAnUpgradeThatFailed(t *testing.T) {
	d, _ := started(t, "127.0.0.1:9", nil)
	p, said := &paper{}, &sayings{}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended == nil {
		d.ended = sessions.NewEnded(make([]byte, 32))
	}
	d.doors = newDoors(p, d.ended, said.say)
	p.set(true)
	d.doors.tell(note(1))
	if e := d.freeze(); len(e.Untold) != 1 {
		t.Errorf("%d notes go to the next door, want 1", len(e.Untold))
	}
	d.thaw()
	p.set(false)
	d.doors.tell(note(2))
	eventually(t, "both are told", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.entries) == 2 })
}
