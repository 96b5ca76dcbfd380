package sessions_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/sessions"
)

// A logout holds over a restart of the door.
func TestEndedIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	d := &door{app: &app{store: map[string]string{}}}
	store, err := diskstore.Open(diskstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	ended := sessions.NewEnded(key)
	if err := ended.Keep(t.Context(), store.Bucket("ended"), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	d.build(t, ended, nil, nil)
	c := login(d)
	copied := c.copy()
	c.do("POST", "/logout")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	if store, err = diskstore.Open(diskstore.Options{Path: path}); err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ended = sessions.NewEnded(key)
	if err := ended.Keep(t.Context(), store.Bucket("ended"), nil); err != nil || ended.Len() == 0 {
		t.Fatalf("Keep() = %v with %d sessions, want what was kept", err, ended.Len())
	}
	d.build(t, ended, &cookie.Options{Seen: []cookie.Seen{{Name: "connect.sid", Since: time.Now()}}}, nil)
	d.app.store["id-1"] = "ann"
	if got := copied.body("GET", "/"); got != "" {
		t.Errorf("after a restart of the door a session that was ended says %q", got)
	}
}

func TestOptions(t *testing.T) {
	_, err := sessions.New(sessions.Options{Idle: -1})
	fields := map[string]bool{}
	for _, e := range guard.OptionErrors(err) {
		fields[e.Field] = true
	}
	for _, want := range []string{"Cookies", "Ended", "Idle"} {
		if !fields[want] {
			t.Errorf("New() = %v, want %s named", err, want)
		}
	}
}

// A request without a session costs nothing.
func TestAllocations(t *testing.T) {
	run := func(cookies string, h http.Handler) float64 {
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		if cookies != "" {
			r.Header.Set("Cookie", cookies)
		}
		w := &nowhere{http.Header{}}
		return testing.AllocsPerRun(200, func() { h.ServeHTTP(w, r) })
	}
	g, err := cookie.New(cookie.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ended := sessions.NewEnded(key)
	lift, err := sessions.New(sessions.Options{Cookies: g, Key: key, Ended: ended})
	if err != nil {
		t.Fatal(err)
	}
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	const exchange = 2 // of internal/hook, which the door has anyway
	for _, cookies := range []string{"", "theme=dark; _ga=GA1.2.1234567890.1234567890.and.more.of.this.kind.to.be.long.enough.for.a.seal"} {
		if n := run(cookies, lift.Handler(nothing)); n > exchange {
			t.Errorf("with Cookie %.20q a request costs %v allocations, want %d", cookies, n, exchange)
		}
	}
}

type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}
