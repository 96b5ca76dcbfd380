package door

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/handover"
	"github.com/panoplysec/panoply/limit"
)

// takeOver proves to the door before this one that this one can serve, and waits for what
// that one remembers. It opens no store; the other one has them until then.
func (d *Door) takeOver(ctx context.Context, cfg *config.Config) (*estate, error) {
	from := d.opts.Predecessor
	var h hello
	if err := from.Expect(sayHello, &h, rehearseTime); err != nil {
		return nil, fmt.Errorf("door: the door before: %w", err)
	}
	if h.Version != handoverVersion {
		return nil, fmt.Errorf("door: the door before hands over as version %d, this one takes %d; restart", h.Version, handoverVersion)
	}
	for i, s := range h.Sockets {
		ln, err := handover.Listener(i)
		if err != nil {
			return nil, err
		}
		d.ready = append(d.ready, ready{Listener: ln, name: s.Role, address: s.Address, managed: s.Managed})
	}
	if h.Control {
		ln, err := handover.Listener(len(h.Sockets))
		if err != nil {
			return nil, err
		}
		d.inherited = ln
	}
	if cfg.State != h.State {
		return nil, fmt.Errorf("door: the state folder cannot change in an upgrade (%s, now %s); restart", h.State, cfg.State)
	}
	if err := d.rehearse(ctx, cfg, h.Counts); err != nil {
		return nil, err
	}
	if err := from.Send(sayReady, nil); err != nil {
		return nil, err
	}
	e := &estate{}
	if err := from.Expect(sayEstate, e, rehearseTime); err != nil {
		return nil, fmt.Errorf("door: the door before: %w", err)
	}
	var err error
	if e.Counts, err = from.ReceiveBytes(commitTime); err != nil {
		return nil, fmt.Errorf("door: the door before: %w", err)
	}
	return e, nil
}

// rehearse does all of a start that can fail and that the stores are not needed for.
func (d *Door) rehearse(ctx context.Context, cfg *config.Config, counts string) error {
	var err error
	if d.state, err = openState(cfg.State); err != nil {
		return err
	}
	if err := d.state.useKey(cfg); err != nil {
		return err
	}
	mark, err := d.countsMark(cfg)
	if err != nil {
		return err
	}
	if mark != counts {
		return errors.New("door: install_key, limits.redis, its settings and limits.secret cannot change in an upgrade, since counts and logouts would be lost; restart")
	}
	if _, err := d.groundwork(cfg); err != nil {
		return err
	}
	if _, err := d.apps(cfg); err != nil {
		return err
	}
	return d.ready.rehearse(ctx, cfg)
}

// settle tells the door before that this one serves, and answers its questions until it
// is gone.
func (d *Door) settle() {
	from := d.opts.Predecessor
	if from == nil {
		return
	}
	err := from.Send(sayServing, nil)
	if err == nil {
		err = from.Expect(sayOver, nil, rehearseTime)
	}
	d.control.own()
	if err != nil {
		// It has died, or else it would have ended this one: nobody else serves.
		d.log.Warn("the door before is gone", "err", err)
		_ = from.Close()
		return
	}
	d.say("process %d has taken over", os.Getpid())
	a := &answerer{d: d, rules: map[string]*limit.Rule{}}
	d.wg.Go(func() { from.Answer(a.answer) })
}

// finish stops accepting on every port, while what was accepted goes on.
func (s *servers) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.ports {
		if p == nil {
			continue
		}
		for _, ln := range p.listeners {
			s.d.wg.Go(ln.finish)
		}
	}
}

// connections counts those of all ports but the admin's.
func (s *servers) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range append(s.retired[:len(s.retired):len(s.retired)], s.ports[roleTLS], s.ports[rolePlain]) {
		if p != nil {
			n += p.connections()
		}
	}
	return n
}

func (p *port) connections() int {
	p.fresh.mu.Lock()
	n := p.fresh.open
	p.fresh.mu.Unlock()
	if both, ok := p.server.(*bothServers); ok {
		n += both.own.Open()
	}
	return n
}

// closeWait is how long before its limit a drain tells WebSockets that it is over: they
// answer that with a frame of their own.
const closeWait = 2 * time.Second

// linger waits, after a hand-over, for the clients to be done: each answer says that its
// connection ends, and streams go on. It ends before its time when nothing is open any more,
// or when ctx is done.
func (d *Door) linger(ctx context.Context, drain time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, max(drain-closeWait, drain/2))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for quiet := 0; quiet < 2; { // a connection is between two hands for a moment
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if quiet++; d.servers.connections() > 0 || d.streams.Open() > 0 {
			quiet = 0
		}
	}
}

// broken tells an error of a channel whose other end is gone.
func broken(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}
