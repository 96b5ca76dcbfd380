package door

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/handover"
)

// What two doors say to each other, in this order (docs/decisions/0014). Questions follow.
const (
	sayHello   = "hello"   // old: what you inherit
	sayReady   = "ready"   // new: the configuration is good, and all ports are open
	sayEstate  = "estate"  // old: what I remember; the stores are free
	sayServing = "serving" // new: I serve
	sayOver    = "over"    // old: then I do not any more
)

// handoverVersion changes when a door of before would understand something else.
const handoverVersion = 1

const (
	// rehearseTime is how long the new door may take until it is ready. It includes the
	// wait for a Redis.
	rehearseTime = 15 * time.Second
	// commitTime is how long it may take to open the stores and to serve. Logins wait so
	// long, and changes of sessions; other requests do not. Both together stay below what a
	// client of the admin socket waits.
	commitTime = 8 * time.Second
	// askTime is how long a request of the old door waits for an answer of the new one.
	askTime = 5 * time.Second
)

// errUpgrading is for orders that would change what is just being handed over.
var errUpgrading = errors.New("door: an upgrade is under way; ask again when it is over")

// hello is what a new door inherits. Its sockets are handover.Listener's, in this order.
type hello struct {
	Version int    `json:"version"`
	State   string `json:"state"`
	// Key stands for the key of everything that visitors hold.
	Key string `json:"key"`
	// Counts stands for where and under which secret attempts are counted.
	Counts  string `json:"counts"`
	Sockets []heir `json:"sockets"`
	// Control says that one more is the admin socket.
	Control bool `json:"control"`
}

type heir struct {
	Role    string `json:"role"`
	Address string `json:"address"`
	Managed bool   `json:"managed,omitempty"`
}

// Upgrade starts the program of this door again, which may be another by now, with the
// same arguments and environment. When that one has proved its configuration, it gets the
// sockets and all that is remembered, and this door ends what it has begun and stops. On an
// error this door goes on as before. It returns the new door's process.
func (d *Door) Upgrade() (pid int, err error) {
	next, err := d.startNext()
	if err == nil {
		pid = next.PID()
		if err = d.handOver(next); err != nil {
			next.Stop()
		}
		d.mu.Lock()
		d.next = nil
		d.upgrading = err == nil // which nothing comes after
		d.mu.Unlock()
	}
	if err != nil {
		d.log.Error("upgrade failed; this door goes on", "err", err)
		d.say("upgrade failed; this door goes on: %v", err)
		return 0, err
	}
	d.log.Info("upgraded", "process", pid)
	close(d.left)
	return pid, nil
}

// startNext starts the new door and sends it what it inherits.
func (d *Door) startNext() (*handover.Process, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.servers == nil || d.closed:
		return nil, errors.New("door: not running")
	case d.upgrading:
		return nil, errUpgrading
	case d.opts.Program.Path == "":
		return nil, errors.New("door: there is no program to start again; it is the one of panoply serve")
	case os.Getpid() == 1:
		return nil, errors.New("door: process 1 cannot hand over: its container ends with it; start a container of the new image")
	}
	h, files, err := d.inheritance()
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	d.say("upgrade: starting %s", d.opts.Program.Path)
	next, err := handover.Start(d.opts.Program, files)
	if err != nil {
		return nil, err
	}
	if err := next.Send(sayHello, h); err != nil {
		return nil, fmt.Errorf("the new door: %w", outcome(next, err))
	}
	d.next, d.upgrading = next, true
	return next, nil
}

// inheritance collects the sockets. It is called with d.mu held.
func (d *Door) inheritance() (h hello, files []*os.File, err error) {
	h = hello{Version: handoverVersion, State: d.state.dir, Key: d.state.keyMark()}
	if h.Counts, err = d.countsMark(d.current.Load().cfg); err != nil {
		return h, nil, err
	}
	d.servers.mu.Lock()
	defer d.servers.mu.Unlock()
	for r, p := range d.servers.ports {
		if p == nil {
			continue
		}
		for _, ln := range p.listeners {
			f, err := handover.File(ln.socket)
			if err != nil {
				return h, files, err
			}
			files = append(files, f)
			h.Sockets = append(h.Sockets, heir{roleNames[r], p.address, p.managed})
		}
	}
	if d.control != nil {
		f, err := handover.File(d.control.socket())
		if err != nil {
			return h, files, err
		}
		files, h.Control = append(files, f), true
	}
	return h, files, nil
}

// countsMark tells doors apart that would not find each other's counts.
func (d *Door) countsMark(cfg *config.Config) (string, error) {
	secret, err := d.limitsSecret(cfg)
	if err != nil {
		return "", err
	}
	where := cfg.Limits
	where.Secret = "" // another file of the same secret
	text, err := json.Marshal(where)
	if err != nil {
		return "", err
	}
	m := hmac.New(sha256.New, secret)
	m.Write(text)
	return hex.EncodeToString(m.Sum(nil)), nil
}

// handOver waits for the new door to be ready, and gives it everything.
func (d *Door) handOver(next *handover.Process) error {
	if err := next.Expect(sayReady, nil, rehearseTime); err != nil {
		return fmt.Errorf("the new door is not ready: %w", outcome(next, err))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.New("door: it stops")
	}
	e := d.freeze()
	err := next.Send(sayEstate, e)
	if err == nil {
		err = next.SendBytes(e.Counts)
	}
	if err == nil {
		err = next.Expect(sayServing, nil, commitTime)
	}
	if err != nil {
		err = fmt.Errorf("the new door does not serve: %w", outcome(next, err))
		next.Stop() // and with it its locks
		d.thaw()
		return err
	}
	// From here on the new door is the door, and this one asks it.
	d.opts.Manager.MainPID(next.PID())
	_ = next.Send(sayOver, nil) // one that has died since is started again by who watches it
	d.next = nil                // not for a Close that has waited for d.mu to stop
	d.yield(next.Channel)
	return nil
}

// outcome says what became of a new door that broke off, or did not answer in time.
func outcome(next *handover.Process, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		next.Stop()
		return errors.New("it did not answer in time, and was ended")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), broken(err):
		return fmt.Errorf("its program ended: %s; what it said is in the log of this door", next.Stop())
	}
	return err // its own words
}
