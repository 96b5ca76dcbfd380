package door

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/internal/door/crosssite"
	"github.com/panoplysec/panoply/internal/door/handover"
	"github.com/panoplysec/panoply/internal/door/refusals"
	"github.com/panoplysec/panoply/internal/door/sessions"
	"github.com/panoplysec/panoply/limit"
)

// What a door that ends its last requests asks of the one that has taken over.
const (
	askDecide  = "decide"
	askForget  = "forget"
	askEnded   = "ended"
	askOrigins = "origins"
	askCookies = "cookies"
	askRefused = "refused"
)

// ask asks the door that has taken over. The first time that it cannot be asked is told: this
// door then goes on with what it knew.
func (d *Door) ask(kind string, body, into any) error {
	err := d.heir.Load().Ask(kind, body, into, askTime)
	if err != nil {
		d.orphaned.Do(func() {
			d.log.Error("the door that has taken over does not answer this one; what each learns, the other does not know", "about", kind, "err", err)
		})
	}
	return err
}

// farOp is a limit.Op for the other door.
type farOp struct {
	Policy limit.Policy  `json:"policy"`
	Key    limit.Key     `json:"key"`
	Verb   limit.Verb    `json:"verb"`
	Points int64         `json:"points"`
	TTL    time.Duration `json:"ttl"`
}

// farStore counts where the other door does. While that one does not answer, which is
// when it has died, what was counted until then is gone on with here.
type farStore struct {
	ask  func(kind string, body, into any) error
	here *limit.Memory
}

func (f *farStore) Decide(ctx context.Context, now time.Time, ops []limit.Op, results []limit.Result) error {
	all := make([]farOp, len(ops))
	for i, op := range ops {
		all[i] = farOp{op.Rule.Policy, op.Key, op.Verb, op.Points, op.TTL}
	}
	var said []limit.Result
	if err := f.ask(askDecide, all, &said); err != nil || len(said) != len(results) {
		return f.here.Decide(ctx, now, ops, results)
	}
	copy(results, said)
	return nil
}

func (f *farStore) Delete(ctx context.Context, key limit.Key) (found bool, err error) {
	if err := f.ask(askForget, key, &found); err != nil {
		return f.here.Delete(ctx, key)
	}
	return found, nil
}

// Scan lists what this door knows: only the admin socket asks, which the other door has.
func (f *farStore) Scan(ctx context.Context, each func(limit.Key, limit.State) bool) error {
	return f.here.Scan(ctx, each)
}

// maxRules bounds the policies that the door before can bring.
const maxRules = 256

// answerer answers the door before this one.
type answerer struct {
	d     *Door
	rules map[string]*limit.Rule
}

func (a *answerer) answer(m handover.Message) (any, error) {
	d := a.d
	switch m.Kind {
	case askDecide:
		return body(m, a.decide)
	case askForget:
		return body(m, func(k limit.Key) (any, error) { return d.limits.store.Delete(context.Background(), k) })
	case askEnded:
		return body(m, func(q sessions.Question) (any, error) {
			if d.ended == nil {
				return nil, fmt.Errorf("door: no session is ended here")
			}
			return d.ended.Answer(q)
		})
	case askOrigins:
		return body(m, func(all crosssite.Learnt) (any, error) { d.origins.Add(all); return nil, nil })
	case askCookies:
		return body(m, func(seen []cookie.Seen) (any, error) {
			err := d.keepSeen(seen)
			d.current.Load().guards.cookies.Adopt(seen)
			return nil, err
		})
	case askRefused:
		return body(m, func(r refusals.Refusal) (any, error) { d.reasons.Note(r); return nil, nil })
	}
	return nil, fmt.Errorf("door: no answer to %.20q", m.Kind)
}

// body reads what was asked for do.
func body[T any](m handover.Message, do func(T) (any, error)) (any, error) {
	var what T
	if err := json.Unmarshal(m.Body, &what); err != nil {
		return nil, fmt.Errorf("door: %s: %w", m.Kind, err)
	}
	return do(what)
}

func (a *answerer) decide(all []farOp) (any, error) {
	ops, results := make([]limit.Op, len(all)), make([]limit.Result, len(all))
	for i, op := range all {
		rule, err := a.rule(op.Policy)
		if err != nil {
			return nil, err
		}
		ops[i] = limit.Op{Rule: rule, Key: op.Key, Verb: op.Verb, Points: op.Points, TTL: op.TTL}
	}
	err := a.d.limits.store.Decide(context.Background(), time.Now(), ops, results)
	return results, err
}

// rule is the policy of the other door, whatever the configuration of this one says.
func (a *answerer) rule(p limit.Policy) (*limit.Rule, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	if r := a.rules[string(text)]; r != nil {
		return r, nil
	}
	r, err := limit.Compile(p)
	if err != nil {
		return nil, err
	}
	if len(a.rules) < maxRules {
		a.rules[string(text)] = r
	}
	return r, nil
}
