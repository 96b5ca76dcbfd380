package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/panoplysec/panoply/guard"
)

const (
	maxUser  = 1024
	maxLabel = 256
)

// ErrNoIndex is returned where the sessions of a user are asked for and the Store is no
// Index.
var ErrNoIndex = errors.New("session: the store does not find sessions by user")

// Info is what a user is shown of one of their sessions.
type Info struct {
	// Key names the session in End and EndAll. It opens nothing.
	Key Key
	// Label is what Authenticate was given.
	Label string
	// Authenticated is when Authenticate was called.
	Authenticated time.Time
	// Expires is when the session ends if it is not used again.
	Expires time.Time
}

// labelled is what a Record's Label holds, sealed.
type labelled struct {
	Label string `json:"l,omitempty"`
	At    int64  `json:"t"`
}

// authenticate is Authenticate without the type.
func (q *request) authenticate(user, label string) error {
	now := q.at
	q.edit()
	q.now.user = []byte(user)
	q.now.created, q.now.authenticated = now, now
	if len(label) > maxLabel {
		label = label[:maxLabel]
	}
	q.label, q.move = label, moveSplit
	return nil
}

// owner names a user under one of the keys; nobody when there is no user.
func (c *core) owner(key int, user []byte) Owner {
	if len(user) == 0 {
		return Owner{}
	}
	return c.ring[key].owner.sum(user)
}

// sealLabel makes the label of the record that q is about to make.
func (c *core) sealLabel(q *request) []byte {
	if len(q.now.user) == 0 {
		return nil
	}
	text, err := json.Marshal(labelled{Label: q.label, At: q.now.authenticated})
	if err != nil {
		return nil // cannot be: text and number
	}
	return seal(c.ring[0].number, aead(c.ring[0].label, q.key[:]), text, q.key[:])
}

func (c *core) openLabel(o *Owned) (l labelled) {
	number, ok := numberOf(o.Label)
	for _, k := range c.ring {
		if !ok || k.number != number {
			continue
		}
		if plain, ok := open(aead(k.label, o.Key[:]), o.Label, o.Key[:]); ok {
			_ = json.Unmarshal(plain, &l)
			break
		}
	}
	return l
}

// owned finds all records of a user, whichever key named them.
func (c *core) owned(ctx context.Context, user string) ([]Owned, error) {
	if c.index == nil {
		return nil, ErrNoIndex
	}
	if user == "" {
		return nil, nil
	}
	var all []Owned
	for i := range c.ring {
		some, err := c.index.Owned(ctx, c.owner(i, []byte(user)))
		if err != nil {
			return nil, fmt.Errorf("session: find the sessions of a user: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// List returns the sessions of a user, the latest first. Its cost is that of this user's
// sessions.
func (m *Manager[T]) List(ctx context.Context, user string) ([]Info, error) {
	all, err := m.owned(ctx, user)
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(all))
	for i := range all {
		if o := &all[i]; !o.Moved {
			l := m.openLabel(o)
			infos = append(infos, Info{Key: o.Key, Label: l.Label, Authenticated: time.UnixMilli(l.At), Expires: o.Expires})
		}
	}
	slices.SortFunc(infos, func(a, b Info) int { return b.Authenticated.Compare(a.Authenticated) })
	return infos, nil
}

// End ends one session of a user. It returns false when the user has no such session.
func (m *Manager[T]) End(ctx context.Context, user string, key Key) (bool, error) {
	all, err := m.owned(ctx, user)
	if err != nil {
		return false, err
	}
	for i := range all {
		if all[i].Key == key {
			return true, m.end(ctx, &all[i], "ended by its user")
		}
	}
	return false, nil
}

// EndAll ends all sessions of a user but those named, and returns how many there were:
// after a change of the password, or at "log out everywhere". Requests under way cannot
// bring one back. On an error some may be left; call it again.
func (m *Manager[T]) EndAll(ctx context.Context, user string, but ...Key) (int, error) {
	all, err := m.owned(ctx, user)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range all {
		o := &all[i]
		if slices.Contains(but, o.Key) {
			continue
		}
		if err := m.end(ctx, o, "ended with all of its user's"); err != nil {
			return n, err
		}
		if !o.Moved {
			n++
		}
	}
	return n, nil
}

func (c *core) end(ctx context.Context, o *Owned, why string) error {
	if err := c.store.Delete(ctx, o.Key, o.Owner); err != nil {
		return fmt.Errorf("session: end a session: %w", err)
	}
	c.sink.Tell(ctx, guard.Event{Practice: practice, Rule: "destroyed", Action: guard.Passed,
		Detail: "session " + c.ring[0].hashed(&o.Key) + ": " + why})
	return nil
}

// trim ends the oldest sessions of a user who has more than allowed. It runs after the
// new one is stored, so of logins at the same time none is overlooked.
func (c *core) trim(q *request) error {
	ctx := q.r.Context()
	all, err := c.owned(ctx, string(q.now.user))
	if err != nil {
		return err
	}
	type aged struct {
		*Owned
		at int64
	}
	var live []aged
	for i := range all {
		if o := &all[i]; !o.Moved && o.Key != q.key {
			live = append(live, aged{o, c.openLabel(o).At})
		}
	}
	slices.SortFunc(live, func(a, b aged) int { return int(a.at - b.at) })
	for i := range max(0, len(live)+1-c.maxPerUser) {
		if err := c.end(ctx, live[i].Owned, "the oldest of a user with too many"); err != nil {
			return err
		}
	}
	return nil
}
