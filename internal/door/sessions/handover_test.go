package sessions

import (
	"errors"
	"testing"
	"time"
)

// TestHandOver has one memory answer for another, as a door that has taken over does.
func TestHandOver(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	now := time.Now()
	before, after := NewEnded(key), NewEnded(key)
	before.kill("a", now, time.Hour)
	before.kill("over", now.Add(-2*time.Hour), time.Hour)
	all := before.Freeze()
	waits := make(chan bool)
	go func() { waits <- before.kill("b", now, time.Hour) }()
	select {
	case <-waits:
		t.Fatal("a session is ended while the memory is handed over")
	case <-time.After(50 * time.Millisecond):
	}
	if _, ok := before.look("a"); !ok {
		t.Error("nothing is known meanwhile")
	}
	if err := after.Load(all); err != nil || after.Len() != 1 {
		t.Fatalf("Load = %v, %d sessions, want the one that is not over", err, after.Len())
	}
	before.Thaw(func(q Question) (Answer, error) { return after.Answer(q) }, nil)
	if !<-waits {
		t.Error("kill(b) = false, want the first")
	}
	// What one ends is ended at the other.
	after.kill("c", now, time.Hour)
	for _, value := range []string{"a", "b", "c"} {
		m, ok := before.look(value)
		n, ok2 := after.look(value)
		if !ok || !ok2 || m != n || m.killed == 0 {
			t.Errorf("%s is %+v and %+v, want both ended", value, m, n)
		}
	}
	if before.kill("c", now, time.Hour) {
		t.Error("kill(c) = true, and the other door did it before")
	}
	at, ok := before.supersede("d", 1, now, true, time.Hour)
	if at2, ok2 := after.supersede("d", 1, now, false, time.Hour); !ok || ok2 || at2 != 0 {
		t.Errorf("supersede = %d, %v and %d, %v, want a login to be known", at, ok, at2, ok2)
	}
	for _, q := range []Question{{}, {Verb: "look", Session: []byte("short")}, {Verb: "x", Session: make([]byte, 16)}} {
		if _, err := after.Answer(q); err == nil {
			t.Errorf("Answer(%+v) has no error", q)
		}
	}
	if err := after.Load(all[1:]); err == nil {
		t.Error("Load takes what is cut short")
	}
}

// TestHandOverToTheDead goes on with what was known.
func TestHandOverToTheDead(t *testing.T) {
	e := NewEnded([]byte("0123456789abcdef0123456789abcdef"))
	e.kill("a", time.Now(), time.Hour)
	e.Freeze()
	e.Thaw(func(Question) (Answer, error) { return Answer{}, errors.New("gone") }, nil)
	e.kill("b", time.Now(), time.Hour)
	for _, value := range []string{"a", "b"} {
		if m, ok := e.look(value); !ok || m.killed == 0 {
			t.Errorf("%s is %+v, want ended", value, m)
		}
	}
}
