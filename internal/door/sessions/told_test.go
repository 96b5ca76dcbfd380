package sessions_test

import (
	"bytes"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/internal/door/sessions"
)

// pair is two doors of one app, with one key, of which each tells the other.
func pair(t *testing.T) (a, b *door, endedB *sessions.Ended) {
	t.Helper()
	shared := &app{store: map[string]string{}}
	a, b = &door{app: shared}, &door{app: shared}
	endedA, endedB := sessions.NewEnded(key), sessions.NewEnded(key)
	endedA.Tell(func(note []byte) { endedB.Told(note) })
	endedB.Tell(func(note []byte) { endedA.Told(note) })
	knows := &cookie.Options{Seen: []cookie.Seen{{Name: "connect.sid", Since: time.Now()}}}
	a.build(t, endedA, knows, nil)
	b.build(t, endedB, knows, nil)
	return a, b, endedB
}

// A logout at one door is final at the other, and its disk keeps it.
func TestLogoutIsToldToTheOtherDoor(t *testing.T) {
	a, b, ended := pair(t)
	path := filepath.Join(t.TempDir(), "state.db")
	store, err := diskstore.Open(diskstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := ended.Keep(t.Context(), store.Bucket("ended"), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	c := login(a)
	copied := c.copy()
	copied.d = b
	if got := copied.body("GET", "/"); got != "user=ann" {
		t.Fatalf("at the other door the session says %q, want user=ann", got)
	}
	c.do("POST", "/logout")
	a.app.mu.Lock()
	a.app.store["id-1"] = "ann" // as an application's "resave" does
	a.app.mu.Unlock()
	if got := copied.body("GET", "/"); got != "" {
		t.Errorf("at the other door a session that was ended says %q", got)
	}
	again := sessions.NewEnded(key)
	if err := again.Keep(t.Context(), store.Bucket("ended"), nil); err != nil || again.Len() == 0 {
		t.Errorf("Keep() = %v with %d sessions, want what was told", err, again.Len())
	}
}

// What is renewed at two doors at the same moment stays good at both; only logouts and
// logins are told.
func TestRenewalsAreNotTold(t *testing.T) {
	a, b, _ := pair(t)
	c := login(a)
	told := 0
	other := sessions.NewEnded(key)
	other.Tell(func([]byte) { told++ })
	b.build(t, other, &cookie.Options{Seen: []cookie.Seen{{Name: "connect.sid", Since: time.Now()}}}, func(o *sessions.Options) { o.Renewal = time.Nanosecond })
	c.d = b
	for range 3 {
		time.Sleep(2 * time.Millisecond)
		if got := c.body("GET", "/"); got != "user=ann" {
			t.Fatalf("the session says %q, want user=ann", got)
		}
	}
	if told != 0 {
		t.Errorf("%d renewals were told", told)
	}
	c.do("POST", "/login?user=ann")
	c.do("POST", "/logout")
	if told < 2 {
		t.Errorf("told %d times of a login and a logout", told)
	}
}

func TestToldRefusesWhatIsNoNote(t *testing.T) {
	e := sessions.NewEnded(key)
	for _, note := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte{1}, 39), bytes.Repeat([]byte{1}, 41)} {
		if e.Told(note) {
			t.Errorf("Told took %d bytes", len(note))
		}
	}
	// One that is over is a note, and nothing to remember.
	if !e.Told(make([]byte, 40)) || e.Len() != 0 {
		t.Errorf("Told of a note that is over: %d remembered, want none", e.Len())
	}
	var told atomic.Int32
	e.Tell(func([]byte) { told.Add(1) })
	future := append(make([]byte, 32), 0x7f, 0, 0, 0, 0, 0, 0, 0)
	if !e.Told(future) || told.Load() != 0 {
		t.Errorf("Told told it again, %d times", told.Load())
	}
}
