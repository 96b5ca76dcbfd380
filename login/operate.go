package login

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
)

// A Standing is where a user, an address, or both stand with one policy.
type Standing struct {
	// Policy is its name, as in Attempt.Rule.
	Policy string
	// ID names the record: hexadecimal digits, which tell nobody who it is of.
	ID string
	// Result is what is counted.
	limit.Result
}

// A Blocked is a record that is blocked. Of whom it is, nobody can tell from the store:
// Standings finds the ids of those who are named.
type Blocked struct {
	ID     string
	Policy string
	// For is how long the block lasts, or limit.Forever.
	For time.Duration
	// ByHand tells that Block asked for it; else the policy did, for the Strikes-th time.
	ByHand  bool
	Strikes int
}

// Who is a user, an address, or both.
type Who struct {
	// User is the name, as it is typed at the login; Realm that of its Route.
	User, Realm string
	// Addr is the client's address.
	Addr netip.Addr
}

// subjects are the ops on all that is known of who, the user's last.
func (s *Shield) subjects(who Who) []limit.Op {
	var ops []limit.Op
	_, prefix := clientip.Network(who.Addr)
	ops = s.addressOps(ops, prefix)
	if user := s.name(who.Realm, who.User); user != "" {
		ops = s.userOp(ops, user)
		if prefix.IsValid() {
			ops = append(ops, s.pairOp(user, prefix))
		}
	}
	return ops
}

// Standings tells where who stands: one Standing for each policy that counts them.
func (s *Shield) Standings(ctx context.Context, who Who) ([]Standing, error) {
	ops := s.subjects(who)
	if len(ops) == 0 {
		return nil, nil
	}
	for i := range ops {
		ops[i].Verb = limit.Peek
	}
	results := make([]limit.Result, len(ops))
	if err := s.store.Decide(ctx, time.Now(), ops, results); err != nil {
		return nil, err
	}
	all := make([]Standing, len(ops))
	for i := range ops {
		all[i] = Standing{Policy: ops[i].Rule.Policy.Name, ID: idOf(ops[i].Key), Result: results[i]}
	}
	return all, nil
}

// Block refuses for d, 1 ms or more or limit.Forever, an address alone, a user from
// everywhere but known devices, or with both that user from that address.
func (s *Shield) Block(ctx context.Context, who Who, d time.Duration) error {
	ops := s.subjects(who)
	if len(ops) == 0 {
		problems := guard.Problems{Package: "login"}
		problems.Add("Block", "", "a user, an address, or both", "")
		return problems.Err()
	}
	op := ops[0] // of an address: itself, not what is around it
	if who.User != "" {
		op = ops[len(ops)-1]
	}
	op.Verb, op.TTL = limit.Block, d
	return s.store.Decide(ctx, time.Now(), []limit.Op{op}, make([]limit.Result, 1))
}

// Unblock forgets all that is counted of who, blocks included, and returns the policies
// under which anything was.
func (s *Shield) Unblock(ctx context.Context, who Who) ([]string, error) {
	var forgotten []string
	for _, op := range s.subjects(who) {
		ok, err := s.store.Delete(ctx, op.Key)
		if err != nil {
			return forgotten, err
		}
		if ok {
			forgotten = append(forgotten, op.Rule.Policy.Name)
		}
	}
	return forgotten, nil
}

// UnblockID forgets the record of an id, as Blocked and Standing have it, and tells
// whether there was one.
func (s *Shield) UnblockID(ctx context.Context, id string) (bool, error) {
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		problems := guard.Problems{Package: "login"}
		problems.Add("ID", id, "up to 16 hexadecimal digits", "")
		return false, problems.Err()
	}
	return s.store.Delete(ctx, limit.Key{Tag: s.tag, ID: n})
}

// maxListed bounds a list of blocks.
const maxListed = 10_000

// Blocked returns what is blocked, the longest first, at most 10,000 of them.
func (s *Shield) Blocked(ctx context.Context) ([]Blocked, error) {
	names := map[uint16]string{}
	for _, r := range s.allRules() {
		names[r.Number] = r.Policy.Name
	}
	now := time.Now().UnixMicro()
	var all []Blocked
	err := s.store.Scan(ctx, func(key limit.Key, state limit.State) bool {
		name, ours := names[state.Rule]
		if d := state.BlockedFor(now); ours && d > 0 {
			all = append(all, Blocked{ID: idOf(key), Policy: name, For: d, ByHand: state.Flags&limit.FlagByHand != 0, Strikes: int(state.Strikes)})
		}
		return len(all) < maxListed
	})
	slices.SortFunc(all, func(a, b Blocked) int { return int(max(-1, min(1, b.For-a.For))) })
	return all, err
}

func (s *Shield) allRules() []*limit.Rule {
	r := &s.rules
	return append([]*limit.Rule{r.userIP, r.user, r.device, r.global, r.key}, r.ip[:]...)
}

func idOf(key limit.Key) string { return strconv.FormatUint(key.ID, 16) }
