package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/redisstore"
	"github.com/panoplysec/panoply/session"
	"github.com/panoplysec/panoply/storetest"
)

func TestConforms(t *testing.T) {
	s := start(t)
	storetest.Run(t, func(t *testing.T) session.Store { return store(t, redisstore.Options{Address: []string{s.addr}}) })
}

func TestCachedConforms(t *testing.T) {
	s := start(t)
	one := store(t, redisstore.Options{Address: []string{s.addr}, Cache: true})
	key := session.Key{1}
	if _, err := one.Save(t.Context(), key, session.Record{Data: []byte("one"), Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r, ok, err := one.Load(t.Context(), key); !ok || err != nil || string(r.Data) != "one" {
			t.Fatalf("Load() = %+v, %v, %v", r, ok, err)
		}
	}
	watching := watch(t, s)
	if seen := watching.of(t, s, func() {
		if _, ok, err := one.Load(t.Context(), key); !ok || err != nil {
			t.Error(ok, err)
		}
	}); len(seen) != 0 {
		t.Errorf("a cached Load sent %q, want nothing", seen)
	}
	// Another process logs it out.
	two := store(t, redisstore.Options{Address: []string{s.addr}})
	if err := two.Delete(t.Context(), key, session.Owner{}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, ok, _ := one.Load(t.Context(), key); !ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a cached session outlives its Delete")
		}
	}
}

func TestKVConforms(t *testing.T) {
	s := start(t)
	storetest.RunKV(t, func(t *testing.T) storetest.KV { return store(t, redisstore.Options{Address: []string{s.addr}}).KV() })
}

func TestClusterConforms(t *testing.T) {
	nodes := cluster(t)
	o := redisstore.Options{Address: []string{nodes[0].addr, nodes[1].addr, nodes[2].addr}}
	storetest.Run(t, func(t *testing.T) session.Store { return store(t, o) })
	storetest.RunKV(t, func(t *testing.T) storetest.KV { return store(t, o).KV() })
	// One address is enough to find the others.
	one := store(t, redisstore.Options{Address: []string{nodes[1].addr}})
	for i := range byte(20) {
		if _, err := one.Save(t.Context(), session.Key{i}, session.Record{Owner: session.Owner{1}, Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := one.Owned(t.Context(), session.Owner{1}); err != nil || len(all) != 20 {
		t.Errorf("Owned() over the nodes = %d, %v, want 20", len(all), err)
	}
	holding := 0
	for _, n := range nodes {
		if n.tell(t, "DBSIZE") != ":0" {
			holding++
		}
	}
	if holding != 3 {
		t.Errorf("%d nodes hold keys, want 3", holding)
	}
}

// TestRoundTrips counts what a server is sent.
func TestRoundTrips(t *testing.T) {
	s := start(t)
	r := store(t, redisstore.Options{Address: []string{s.addr}})
	m := watch(t, s)
	key, owner, expires := session.Key{1}, session.Owner{2}, time.Now().Add(time.Hour)
	check := func(what string, want int, f func() error) {
		t.Helper()
		seen := m.of(t, s, func() {
			if err := f(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
		if len(seen) != want {
			t.Errorf("%s sent %d commands, want %d: %q", what, len(seen), want, seen)
		}
	}
	save := func(k session.Key, r *redisstore.Store, o session.Owner, version uint64) error {
		_, err := r.Save(t.Context(), k, session.Record{Owner: o, Expires: expires, Version: version})
		return err
	}
	for i := range byte(2) { // the scripts are sent whole the first time
		if err := save(session.Key{9, i}, r, owner, 0); err != nil {
			t.Fatal(err)
		}
		if err := r.Touch(t.Context(), session.Key{9, i}, expires); err != nil {
			t.Fatal(err)
		}
		if err := r.Delete(t.Context(), session.Key{9, i}, owner); err != nil {
			t.Fatal(err)
		}
	}
	check("making one with a user", 2, func() error { return save(key, r, owner, 0) }) // in one round trip
	check("changing it", 2, func() error { return save(key, r, owner, 1) })
	check("making one without", 1, func() error { return save(session.Key{2}, r, session.Owner{}, 0) })
	check("changing it", 1, func() error { return save(session.Key{2}, r, session.Owner{}, 1) })
	check("loading", 1, func() error { _, _, err := r.Load(t.Context(), key); return err })
	check("touching", 1, func() error { return r.Touch(t.Context(), session.Key{2}, expires) })
	check("deleting", 1, func() error { return r.Delete(t.Context(), session.Key{2}, session.Owner{}) })

	const many = 20
	for i := range byte(many - 1) {
		if err := save(session.Key{3, i}, r, owner, 0); err != nil {
			t.Fatal(err)
		}
	}
	for i := range byte(200) { // other users
		if err := save(session.Key{4, i}, r, session.Owner{4, i}, 0); err != nil {
			t.Fatal(err)
		}
	}
	touched := map[string]bool{}
	seen := m.of(t, s, func() {
		all, err := r.Owned(t.Context(), owner)
		if err != nil || len(all) != many {
			t.Errorf("Owned() = %d, %v, want %d", len(all), err, many)
		}
		for _, o := range all {
			if err := r.Delete(t.Context(), o.Key, o.Owner); err != nil {
				t.Error(err)
			}
		}
	})
	for _, line := range seen {
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, `"panoply:`) {
				touched[word] = true
			}
		}
	}
	if len(touched) > 3*many || len(touched) == 0 || len(seen) > 3*many+1 {
		t.Errorf("ending %d sessions of a user touched %d keys in %d commands, want at most %d", many, len(touched), len(seen), 3*many)
	}
}

// TestStale has the set of a user name a session that has gone: it is dropped in time.
func TestStale(t *testing.T) {
	s := start(t)
	r := store(t, redisstore.Options{Address: []string{s.addr}})
	owner := session.Owner{1}
	if _, err := r.Save(t.Context(), session.Key{1}, session.Record{Owner: owner, Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	set := "panoply:owner:" + session.Key(owner).String()
	if got := s.tell(t, "PTTL "+set); got < ":3500000" || len(got) != len(":3500000") {
		t.Errorf("the user's set lives %s ms, want as long as the session", got)
	}
	if got := s.tell(t, "ZADD "+set+" 1000 "+strings.Repeat("x", 32)); got != ":1" {
		t.Fatal(got)
	}
	if all, err := r.Owned(t.Context(), owner); err != nil || len(all) != 1 {
		t.Errorf("Owned() = %v, %v, want one", all, err)
	}
	if got := s.tell(t, "ZCARD "+set); got != ":1" {
		t.Errorf("the set has %s members, want the stale one dropped", got)
	}
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		o      redisstore.Options
		fields string
	}{
		{"none", redisstore.Options{}, "Address"},
		{"URL", redisstore.Options{Address: []string{"redis://127.0.0.1:6379"}}, "Address"},
		{"no port", redisstore.Options{Address: []string{"127.0.0.1"}}, "Address"},
		{"port 0", redisstore.Options{Address: []string{"127.0.0.1:0"}}, "Address"},
		{"socket of a cluster", redisstore.Options{Address: []string{"/run/r.sock", "127.0.0.1:1"}}, "Address"},
		{"all at once", redisstore.Options{Address: []string{"a:1", "b:1"}, DB: 3, Username: "u", Timeout: -1}, "DB Password Timeout"},
		{"negative DB, long timeout", redisstore.Options{Address: []string{"a:1"}, DB: -1, Timeout: time.Hour}, "DB Timeout"},
		{"good", redisstore.Options{Address: []string{"[::1]:6379"}, DB: 3, Username: "u", Password: "p"}, ""},
		{"socket", redisstore.Options{Address: []string{"/run/r.sock"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := redisstore.New(tt.o)
			var fields []string
			var walk func(err error)
			walk = func(err error) {
				var one *guard.OptionError
				if many, ok := err.(interface{ Unwrap() []error }); ok {
					for _, e := range many.Unwrap() {
						walk(e)
					}
				} else if errors.As(err, &one) {
					fields = append(fields, one.Field)
				}
			}
			walk(err)
			if got := strings.Join(fields, " "); got != tt.fields {
				t.Errorf("New() refuses %q (%v), want %q", got, err, tt.fields)
			}
		})
	}
}
