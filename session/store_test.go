package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/session"
)

func key(n int) (k session.Key) {
	copy(k[1:], fmt.Sprint(n)) // one shard
	return k
}

func TestMemoryContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		m, _ := session.NewMemory(session.MemoryOptions{})
		in := func(d time.Duration) time.Time { return time.Now().Add(d) }
		data := []byte("one")
		if v, err := m.Save(ctx, key(1), session.Record{Data: data, Expires: in(time.Minute)}); v != 1 || err != nil {
			t.Fatalf("Save(new) = %d, %v, want 1", v, err)
		}
		data[0] = 'X'
		if r, ok, err := m.Load(ctx, key(1)); !ok || err != nil || string(r.Data) != "one" || r.Version != 1 {
			t.Errorf("Load() = %+v, %v, %v, want what was saved", r, ok, err)
		}
		for _, tt := range []struct {
			name string
			key  session.Key
			v    uint64
			want error
		}{
			{"made twice", key(1), 0, session.ErrConflict},
			{"older", key(1), 9, session.ErrConflict},
			{"never there", key(2), 1, session.ErrGone},
		} {
			if _, err := m.Save(ctx, tt.key, session.Record{Version: tt.v, Expires: in(time.Minute)}); !errors.Is(err, tt.want) {
				t.Errorf("%s: Save() = %v, want %v", tt.name, err, tt.want)
			}
		}
		if err := m.Touch(ctx, key(1), in(time.Hour)); err != nil {
			t.Error(err)
		}
		if err := m.Touch(ctx, key(3), in(time.Hour)); err != nil {
			t.Error(err)
		}
		if _, ok, _ := m.Load(ctx, key(3)); ok {
			t.Error("Touch made a record")
		}
		time.Sleep(time.Hour - time.Millisecond)
		if _, ok, _ := m.Load(ctx, key(1)); !ok {
			t.Error("a touched record is gone early")
		}
		time.Sleep(time.Millisecond)
		if _, ok, _ := m.Load(ctx, key(1)); ok {
			t.Error("a record is there after Expires")
		}
		if _, err := m.Save(ctx, key(1), session.Record{Version: 1, Expires: in(time.Hour)}); !errors.Is(err, session.ErrGone) {
			t.Errorf("Save(expired) = %v, want ErrGone", err)
		}
		if m.Len() != 0 {
			t.Errorf("%d records are held, want 0", m.Len())
		}
	})
}

func TestMemoryAtItsBound(t *testing.T) {
	ctx := context.Background()
	m, _ := session.NewMemory(session.MemoryOptions{MaxSessions: 256 * 8})
	save := func(n int, owner session.Owner, life time.Duration) error {
		_, err := m.Save(ctx, key(n), session.Record{Owner: owner, Expires: time.Now().Add(life)})
		return err
	}
	user := session.Owner{1}
	for n := range 4 {
		if err := save(n, user, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	for n := 4; n < 100; n++ {
		if err := save(n, session.Owner{}, time.Duration(n)*time.Minute); err != nil {
			t.Fatalf("visitor %d: %v", n, err)
		}
	}
	if m.Len() != 8 {
		t.Errorf("%d records in a shard of 8", m.Len())
	}
	if all, err := m.Owned(ctx, user); err != nil || len(all) != 4 {
		t.Errorf("a flood of visitors left %d of 4 users' sessions, %v", len(all), err)
	}
	for n := 200; n < 204; n++ {
		if err := save(n, user, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := save(300, session.Owner{}, time.Hour); !errors.Is(err, session.ErrFull) {
		t.Errorf("Save() into a shard of users = %v, want ErrFull", err)
	}
}

func TestMemorySweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		m, _ := session.NewMemory(session.MemoryOptions{})
		for n := range 1000 {
			if _, err := m.Save(ctx, key(n), session.Record{Expires: time.Now().Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		for n := 2000; n < 2400; n++ {
			if _, err := m.Save(ctx, key(n), session.Record{Expires: time.Now().Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
		}
		if m.Len() > 410 {
			t.Errorf("%d records are held after 400 saves, want the expired thousand gone", m.Len())
		}
	})
}

func FuzzRecord(f *testing.F) {
	r := session.Record{Data: []byte("d"), Label: []byte("l"), Version: 3, Expires: time.UnixMilli(5), Moved: true, Owner: session.Owner{9}}
	text, _ := r.AppendBinary(nil)
	f.Add(text)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r session.Record
		if r.UnmarshalBinary(b) != nil {
			return
		}
		out, _ := r.AppendBinary(nil)
		var again session.Record
		if err := again.UnmarshalBinary(out); err != nil || !bytes.Equal(again.Data, r.Data) || !bytes.Equal(again.Label, r.Label) ||
			again.Version != r.Version || !again.Expires.Equal(r.Expires) || again.Owner != r.Owner || again.Moved != r.Moved {
			t.Errorf("%+v came back as %+v, %v", r, again, err)
		}
	})
}

func TestParseKey(t *testing.T) {
	k := session.Key{1, 2, 3, 31: 9}
	if got, err := session.ParseKey(k.String()); err != nil || got != k {
		t.Errorf("ParseKey(%s) = %v, %v", k, got, err)
	}
	for _, bad := range []string{"", "AAAA", "AAAA\nAAAA", k.String() + "A", k.String()[:42], k.String()[:42] + "="} {
		if _, err := session.ParseKey(bad); err == nil {
			t.Errorf("ParseKey(%q) = nil, want an error", bad)
		}
	}
}
