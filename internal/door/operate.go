package door

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/ledger"
	"github.com/panoplysec/panoply/internal/door/logins"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
)

// whom reads whom an order is about.
func whom(s admin.Subject) (who login.Who, err error) {
	who.User, who.Realm = s.User, s.Realm
	switch {
	case s.Addr != "":
		if who.Addr, err = netip.ParseAddr(s.Addr); err != nil {
			return who, fmt.Errorf("%q is no IP address", ledger.Clean(s.Addr, 60))
		}
	case s.User == "":
		return who, errors.New("name a user, an address, or both")
	}
	return who, nil
}

// until is the end of d; the zero time for none.
func until(d time.Duration) time.Time {
	if d <= 0 || d == limit.Forever {
		return time.Time{}
	}
	return time.Now().Add(d).UTC().Truncate(time.Second)
}

// Blocks lists what is blocked.
func (d *Door) Blocks(ctx context.Context) ([]admin.Block, error) {
	all, err := d.current.Load().guards.login.Blocked(ctx)
	out := make([]admin.Block, len(all))
	for i, b := range all {
		out[i] = admin.Block{ID: b.ID, Policy: b.Policy, Until: until(b.For), Reason: fmt.Sprintf("policy, block %d", b.Strikes)}
		if b.ByHand {
			out[i].Reason = "asked for"
		}
	}
	return out, err
}

// Standings tells where a user and an address stand.
func (d *Door) Standings(ctx context.Context, s admin.Subject) ([]admin.Standing, error) {
	who, err := whom(s)
	if err != nil {
		return nil, err
	}
	all, err := d.current.Load().guards.login.Standings(ctx, who)
	out := make([]admin.Standing, len(all))
	for i, one := range all {
		out[i] = admin.Standing{ID: one.ID, Policy: one.Policy, Consumed: one.Consumed, Remaining: one.Remaining, Blocked: one.Blocked, Until: until(one.Reset)}
	}
	return out, err
}

// Unblock forgets what is counted of a subject.
func (d *Door) Unblock(ctx context.Context, s admin.Subject) ([]string, error) {
	shield := d.current.Load().guards.login
	if s.ID != "" {
		ok, err := shield.UnblockID(ctx, s.ID)
		if err == nil && !ok {
			err = fmt.Errorf("nothing is counted under the id %s", ledger.Clean(s.ID, 20))
		}
		return []string{s.ID}, err
	}
	who, err := whom(s)
	if err != nil {
		return nil, err
	}
	policies, err := shield.Unblock(ctx, who)
	if err == nil {
		d.log.Warn("unblocked by hand", "policies", policies)
	}
	return policies, err
}

// Block refuses a subject; a negative time is for ever.
func (d *Door) Block(ctx context.Context, s admin.Subject, lasts time.Duration) error {
	who, err := whom(s)
	if err != nil {
		return err
	}
	if lasts < 0 {
		lasts = limit.Forever
	}
	if err := d.current.Load().guards.login.Block(ctx, who, lasts); err != nil {
		return err
	}
	d.log.Warn("blocked by hand", "for", lasts.String())
	return nil
}

// Logins lists the logins that were found.
func (d *Door) Logins() []logins.Login { return d.limits.finder.Logins() }

// ConfirmLogin enforces a login from now on.
func (d *Door) ConfirmLogin(route string) error {
	if err := d.limits.finder.Confirm(route); err != nil {
		return err
	}
	return d.loginsInPlace("confirmed", route)
}

// ForgetLogin drops a login that was found or confirmed.
func (d *Door) ForgetLogin(route string) error {
	if err := d.limits.finder.Forget(route); err != nil {
		return err
	}
	return d.loginsInPlace("forgotten", route)
}

// loginsInPlace waits until a change holds.
func (d *Door) loginsInPlace(what, route string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.servers == nil || d.closed {
		return errors.New("door: not running")
	}
	if err := d.rebuild(); err != nil {
		return err
	}
	d.log.Warn("login", what, ledger.Clean(route, 250))
	return nil
}

// Client returns a client of the door that owns the socket.
func Client(socket string) *admin.Client { return admin.NewClient(socket) }
