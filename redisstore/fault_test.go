package redisstore_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/redisstore"
	"github.com/panoplysec/panoply/session"
)

// eventually tries until f is content, for as long as a busy machine may need.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// TestRestart stops the server in the middle and starts it again.
func TestRestart(t *testing.T) {
	s := start(t)
	r := store(t, redisstore.Options{Address: []string{s.addr}, Timeout: 2 * time.Second})
	record := func(version uint64) session.Record {
		return session.Record{Data: []byte("one"), Owner: session.Owner{1}, Expires: time.Now().Add(time.Hour), Version: version}
	}
	if _, err := r.Save(t.Context(), session.Key{1}, record(0)); err != nil {
		t.Fatal(err)
	}
	s.kill()
	began := time.Now()
	if _, _, err := r.Load(t.Context(), session.Key{1}); err == nil || !strings.Contains(err.Error(), s.addr) {
		t.Errorf("Load() of a dead server = %v, want an error that names %s", err, s.addr)
	}
	if _, err := r.Save(t.Context(), session.Key{1}, record(1)); err == nil || errors.Is(err, session.ErrGone) || errors.Is(err, session.ErrConflict) {
		t.Errorf("Save() to a dead server = %v, want an error of its own", err)
	}
	if err := r.Delete(t.Context(), session.Key{1}, session.Owner{1}); err == nil {
		t.Error("Delete() at a dead server = nil, want an error")
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("three calls took %v, want 2 s each at most", d)
	}
	s.up(t)
	// The server has forgotten data and scripts.
	eventually(t, "after the restart", func() error { _, err := r.Save(t.Context(), session.Key{2}, record(0)); return err })
	if _, ok, err := r.Load(t.Context(), session.Key{2}); !ok || err != nil {
		t.Errorf("Load() after the restart = %v, %v", ok, err)
	}
	if _, err := r.Save(t.Context(), session.Key{1}, record(1)); !errors.Is(err, session.ErrGone) {
		t.Errorf("Save() of what the restart lost = %v, want ErrGone", err)
	}
}

// TestLateServer starts the server after the store.
func TestLateServer(t *testing.T) {
	s := start(t)
	s.kill()
	r, err := redisstore.New(redisstore.Options{Address: []string{s.addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, _, err := r.Load(t.Context(), session.Key{1}); err == nil {
		t.Error("Load() without a server = nil, want an error")
	}
	s.up(t)
	eventually(t, "when the server has come", func() error { _, _, err := r.Load(t.Context(), session.Key{1}); return err })
}

// TestStandstill stops the server's process without ending it.
func TestStandstill(t *testing.T) {
	s := start(t)
	const timeout = 300 * time.Millisecond
	r := store(t, redisstore.Options{Address: []string{s.addr}, Timeout: timeout})
	if _, err := r.Save(t.Context(), session.Key{1}, session.Record{Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	done := make(chan time.Duration)
	const calls = 20
	for range calls {
		go func() {
			began := time.Now()
			if _, _, err := r.Load(t.Context(), session.Key{1}); err == nil {
				t.Error("Load() of a server that stands still = nil, want an error")
			}
			done <- time.Since(began)
		}()
	}
	for range calls {
		if d := <-done; d > timeout+20*time.Second {
			t.Errorf("a call took %v, want about %v", d, timeout)
		}
	}
	// A store that has not connected yet is as quick.
	late, err := redisstore.New(redisstore.Options{Address: []string{s.addr}, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	began := time.Now()
	if err := late.Ping(t.Context()); err == nil {
		t.Error("Ping() of a server that stands still = nil, want an error")
	}
	if d := time.Since(began); d > timeout+20*time.Second {
		t.Errorf("Ping() took %v, want about %v", d, timeout)
	}
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "when it goes on", func() error {
		_, ok, err := r.Load(t.Context(), session.Key{1})
		if err == nil && !ok {
			err = errors.New("the session is gone")
		}
		return err
	})
	eventually(t, "when it goes on", func() error { return late.Ping(t.Context()) })
}

func TestPassword(t *testing.T) {
	const secret = "a-password-for-this-test"
	s := start(t, "--requirepass", secret)
	good := store(t, redisstore.Options{Address: []string{s.addr}, Password: secret})
	if _, _, err := good.Load(t.Context(), session.Key{1}); err != nil {
		t.Errorf("Load() with the password = %v", err)
	}
	for _, password := range []string{"", "another-password"} {
		bad, err := redisstore.New(redisstore.Options{Address: []string{s.addr}, Password: password, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer bad.Close()
		err = bad.Ping(t.Context())
		if err == nil || !strings.Contains(err.Error(), s.addr) || !strings.Contains(strings.ToUpper(err.Error()), "AUTH") && !strings.Contains(err.Error(), "WRONGPASS") {
			t.Errorf("Ping() with %q = %v, want an error that says so and names the server", password, err)
		}
		if err != nil && password != "" && strings.Contains(err.Error(), password) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestSocket(t *testing.T) {
	path := socketPath(t)
	start(t, "--unixsocket", path)
	r := store(t, redisstore.Options{Address: []string{path}})
	if _, err := r.Save(t.Context(), session.Key{1}, session.Record{Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Errorf("Save() over a socket = %v", err)
	}
}

func TestClosed(t *testing.T) {
	s := start(t)
	r := store(t, redisstore.Options{Address: []string{s.addr}})
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Load(t.Context(), session.Key{1}); !errors.Is(err, redisstore.ErrClosed) {
		t.Errorf("Load() after Close = %v, want ErrClosed", err)
	}
}
