package door

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

// control is the unix socket in the state folder. Who has it has the folder.
type control struct {
	ln     net.Listener
	server *http.Server // nil before serve
	left   bool         // another door hears on the socket
	wg     sync.WaitGroup
}

// socket is the unix listener below.
func (c *control) socket() *net.UnixListener {
	return c.ln.(interface{ Unwrap() net.Listener }).Unwrap().(*net.UnixListener)
}

// leave hears no more orders, and answers those that are open. The socket stays where it
// is: the next door hears on it.
func (c *control) leave() {
	if c == nil {
		return
	}
	c.socket().SetUnlinkOnClose(false)
	c.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = c.server.Shutdown(ctx)
	})
	c.left = true
}

// own has the socket removed with this door.
func (c *control) own() {
	if c != nil {
		c.socket().SetUnlinkOnClose(true)
	}
}

func (d *Door) openControl(cfg *config.Config) (*control, error) {
	if d.inherited != nil {
		ln, err := admin.Adopt(d.inherited)
		if err != nil {
			return nil, err
		}
		return &control{ln: ln}, nil
	}
	ln, err := admin.Listen(cfg.State)
	if errors.Is(err, admin.ErrUnsupported) {
		d.say("%v", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &control{ln: ln}, nil
}

// serve begins to hear orders.
func (c *control) serve(d *Door) {
	if c == nil {
		return
	}
	c.server = admin.Serve(d)
	c.wg.Go(func() {
		if err := c.server.Serve(c.ln); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			d.log.Error("the admin socket failed", "err", err)
		}
	})
}

func (c *control) close() {
	if c == nil {
		return
	}
	if c.server == nil {
		_ = c.ln.Close() // removes the socket
		return
	}
	if c.left {
		c.wg.Wait() // for the last answer, to who asked for the upgrade
	}
	_ = c.server.Close() // and so does this
	c.wg.Wait()
}

// Status is what panoply status shows.
func (d *Door) Status() admin.Status {
	g := d.current.Load()
	s := admin.Status{
		Version: "1", Upstream: g.cfg.Upstream, Since: d.since, Requests: d.metrics.Total(), Streams: d.streams.Open(),
		Listen: d.servers.all(roleTLS), Kind: d.kindStatus(g.cfg), Problems: d.checks.problems(), Hints: d.checks.hints(), Reports: d.metrics.Reported(),
		Upstreams: d.upstreams(),
	}
	for r := range roles {
		s.Ports = append(s.Ports, d.servers.all(r)...)
	}
	if d.state.restoring() {
		s.Hints = append(s.Hints, "session cookies get their own names back (panoply cookies rename ends it)")
	}
	if line := d.lockLine(); line != "" {
		s.Hints = append(s.Hints, line)
	}
	s.Hints = append(s.Hints, g.cfg.OverdueShields(time.Now())...)
	told := d.ledger.Guards()
	for _, name := range append(slices.Clone(switchable), nameSanity, nameBounds) {
		one := admin.GuardStatus{Guard: ledger.Guard{Name: name}, Mode: guard.Enforce.String(), Configured: configured(g.cfg, name).String()}
		if i := slices.IndexFunc(told, func(t ledger.Guard) bool { return t.Name == name }); i >= 0 {
			one.Guard = told[i]
		}
		if mode, ok := g.guards.modes[name]; ok {
			one.Mode = mode.String()
		}
		one.Judge()
		s.Guards = append(s.Guards, one)
	}
	return s
}

// Switch sets the mode of a guard at once: off, observe, enforce, or on for what the
// configuration says. It holds over reloads until the door stops.
func (d *Door) Switch(name, mode string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.servers == nil || d.closed {
		return errors.New("door: not running")
	}
	if !slices.Contains(switchable, name) {
		return fmt.Errorf("no guard %q to switch; there are %s", ledger.Clean(name, 40), strings.Join(switchable, ", "))
	}
	before, had := d.overrides[name]
	if mode == "on" {
		delete(d.overrides, name)
	} else {
		var m guard.Mode
		if err := m.UnmarshalText([]byte(mode)); err != nil {
			return fmt.Errorf("no mode %q; there are off, observe, enforce, on", ledger.Clean(mode, 40))
		}
		d.overrides[name] = m
	}
	if err := d.rebuild(); err != nil {
		if delete(d.overrides, name); had {
			d.overrides[name] = before
		}
		return err
	}
	d.log.Warn("guard switched", "guard", name, "mode", d.current.Load().guards.modes[name].String())
	return nil
}

// rebuild makes a new generation of the configuration at hand. It is called with d.mu
// held.
func (d *Door) rebuild() error {
	g, err := d.build(d.current.Load().cfg)
	if err != nil {
		return err
	}
	d.put(g)
	return nil
}

// put makes g what holds.
func (d *Door) put(g *generation) {
	old := d.current.Swap(g)
	d.keeper.Settle(g.apps.uses)
	d.settleHealth(g)
	d.watchLock(g.cfg)
	// What the old one found since g was built: whatever it finds from now on it hands on.
	g.guards.cookies.Adopt(d.state.cookies())
	if old != nil {
		old.app.CloseIdle()
		if old.cfg.Upstream != g.cfg.Upstream || !reflect.DeepEqual(old.cfg.Upstreams, g.cfg.Upstreams) {
			d.checks.others()
		}
		if !reflect.DeepEqual(old.cfg.CSRF, g.cfg.CSRF) {
			d.origins.Begin()
		}
	}
	// A login that was found is not enforced by itself where nothing is.
	d.limits.finder.SetAuto(g.cfg.Login.Auto == "on" && g.guards.modes[nameLogin] == guard.Enforce)
	if len(g.cfg.Trust.Proxies) > 0 {
		d.checks.settle(nil, trustFinding)
	}
}

// Socket returns the path of the admin socket of a state folder.
func Socket(stateDir string) string { return filepath.Join(stateDir, admin.SocketName) }

// Status asks the door that owns the socket for its status.
func Status(ctx context.Context, socket string) (admin.Status, error) {
	return admin.NewClient(socket).Status(ctx)
}

// Switch sets the mode of a guard of the door that owns the socket: off, observe,
// enforce, or on for what its configuration says.
func Switch(ctx context.Context, socket, guardName, mode string) error {
	return admin.NewClient(socket).Switch(ctx, guardName, mode)
}

// Reload makes the door that owns the socket read its configuration again. The error
// says what is wrong with it; the door then goes on as before.
func Reload(ctx context.Context, socket string) error { return admin.NewClient(socket).Reload(ctx) }
