package limit

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
)

// Options configure a Limiter.
type Options struct {
	// Policies are all asked, and all have to allow: what one refuses costs nothing under
	// the others. Required; at most 16.
	Policies []Policy
	// Store is where counts are kept. Nil is a Memory of this Limiter's own.
	Store Store
	// Secret keys the hashes under which counts are kept, 16 bytes or more. Without one
	// they are good for this process only; a shared Store needs the same secret
	// everywhere.
	Secret []byte
	// Lists are who is never counted and who is always refused.
	Lists Lists
	// By says what a request is counted by. Nil is the same as ByPrefix. An empty text is counted as
	// one subject, together with all others that have none.
	By func(*http.Request) string
	// Cost is how many points a request takes. Nil is one. Zero and less take none.
	Cost func(*http.Request) int64
	// Fields are the header fields that tell a client where it stands. Zero is
	// StandardFields.
	Fields Fields
	// Mode is enforce, observe or off.
	Mode guard.Mode
	// Practice and Rule name what is refused in events and denials. Empty is
	// "brute-force" and the name of the policy.
	Practice string
	// Sink receives the events. Nil logs to slog.Default.
	Sink guard.Sink
	// Deny answers what is refused. Nil is guard.PlainDeny.
	Deny guard.Deny
}

// A Limiter holds policies against keys. It is safe for concurrent use.
type Limiter struct {
	rules  []*Rule
	store  Store
	memory *Memory // the store, where it is one: no interface on the way
	hasher *Hasher
	lists  *lists
	o      Options
	fields fieldText
}

// A Decision is the answer to Consume: the Result of the policy that decides. Among those
// that refuse it is the one with the longest Wait, and where all allow the one with the
// fewest points Remaining.
type Decision struct {
	Result
	// Policy is the name of the policy; "allow-list" and "deny-list" for the lists.
	Policy string
}

// New makes a Limiter. Its error joins all problems; see [guard.OptionErrors].
func New(o Options) (*Limiter, error) {
	problems := guard.Problems{Package: "limit"}
	l := &Limiter{store: o.Store}
	seen := map[uint16]string{}
	for _, p := range o.Policies {
		r, err := Compile(p)
		problems.Note(err)
		if err != nil {
			continue
		}
		if other, ok := seen[r.Number]; ok {
			problems.Add("Policies", p.Name, "names that differ, and not in a hash of 16 bits", "rename this one or "+other)
		}
		seen[r.Number] = p.Name
		l.rules = append(l.rules, r)
	}
	if len(o.Policies) == 0 || len(o.Policies) > maxOps {
		problems.Add("Policies", strconv.Itoa(len(o.Policies)), "1 to 16 policies", "")
	}
	if len(o.Secret) > 0 && len(o.Secret) < KeySize {
		problems.Add("Secret", strconv.Itoa(len(o.Secret))+" bytes", "16 bytes or more", "")
	}
	if o.Store == nil {
		l.memory, _ = NewMemory(MemoryOptions{}) // the zero options have no error
		l.store = l.memory
	} else if m, ok := o.Store.(*Memory); ok {
		l.memory = m
	} else if len(o.Secret) == 0 {
		problems.Add("Secret", "", "16 bytes or more with a Store that others share", "the same in every process")
	}
	var err error
	l.lists, err = o.Lists.compile()
	problems.Note(err)
	if o.Practice == "" {
		o.Practice = "brute-force"
	}
	if o.Deny == nil {
		o.Deny = guard.PlainDeny
	}
	if o.Fields > NoFields {
		problems.Add("Fields", strconv.Itoa(int(o.Fields)), "StandardFields, DraftFields, LegacyFields or NoFields", "")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	l.o, l.hasher, l.fields = o, NewHasher(o.Secret), newFieldText(l.rules)
	return l, nil
}

// ByPrefix counts by the client's address, or by the /64 of an IPv6 one: see
// [clientip.Of].
func ByPrefix(r *http.Request) string {
	return string(appendPrefix(nil, clientip.Of(r)))
}

// Consume takes n points of key under every policy, or none. N is zero or more. An error
// means that the store is broken or n is negative.
func (l *Limiter) Consume(ctx context.Context, key string, n int64) (Decision, error) {
	return l.ConsumeAt(ctx, time.Now(), key, n)
}

// ConsumeAt is Consume at a time that the caller has read.
func (l *Limiter) ConsumeAt(ctx context.Context, now time.Time, key string, n int64) (d Decision, err error) {
	network, isNetwork := netip.Prefix{}, false
	if !l.lists.empty {
		network, isNetwork = networkOf(key)
	}
	return l.consume(ctx, now, l.hasher.Subject(key), n, key, network, isNetwork)
}

// consume is ConsumeAt for a subject; key and network are what the lists compare.
func (l *Limiter) consume(ctx context.Context, now time.Time, subject Subject, n int64, key string, network netip.Prefix, isNetwork bool) (d Decision, err error) {
	if !l.lists.empty {
		if d, ok := l.lists.decide(key, network, isNetwork); ok {
			if l.o.Lists.CountAnyway {
				_, err := l.decide(ctx, now, subject, Op{Points: n})
				return d, err
			}
			return d, nil
		}
	}
	if l.memory != nil && len(l.rules) == 1 && n >= 0 && n <= maxPoints {
		r := l.rules[0]
		op := Op{Rule: r, Key: r.Key(subject), Points: n}
		d.Policy = r.Policy.Name
		return d, l.memory.one(l.memory.at(now), &op, &d.Result)
	}
	return l.decide(ctx, now, subject, Op{Points: n})
}

// ConsumeFor is Consume with a window of ttl in the place of Duration, where this call opens
// one: 1 ms or more, or Forever. FixedWindow only.
func (l *Limiter) ConsumeFor(ctx context.Context, key string, n int64, ttl time.Duration) (Decision, error) {
	return l.decide(ctx, time.Now(), l.hasher.Subject(key), Op{Points: n, TTL: ttl})
}

// Penalty counts n more points, allowed or not, and starts no block.
func (l *Limiter) Penalty(ctx context.Context, key string, n int64) (Decision, error) {
	if n < 0 {
		return Decision{}, errPoints
	}
	return l.listed(ctx, key, Op{Verb: Add, Points: n})
}

// Reward gives n points back. No count falls below zero.
func (l *Limiter) Reward(ctx context.Context, key string, n int64) (Decision, error) {
	if n < 0 {
		return Decision{}, errPoints
	}
	return l.listed(ctx, key, Op{Verb: Add, Points: -n})
}

// Get tells where key stands. Result.Found is false when nothing is counted.
func (l *Limiter) Get(ctx context.Context, key string) (Decision, error) {
	return l.listed(ctx, key, Op{Verb: Peek})
}

// Set sets the count of key under every policy; what blocks it ends. With FixedWindow it
// counts for ttl, where zero is the policy's Duration.
func (l *Limiter) Set(ctx context.Context, key string, points int64, ttl time.Duration) (Decision, error) {
	return l.decide(ctx, time.Now(), l.hasher.Subject(key), Op{Verb: Assign, Points: points, TTL: ttl})
}

// Block refuses key everything for d, 1 ms or more or Forever. It takes the place of a
// block that is there, longer or shorter.
func (l *Limiter) Block(ctx context.Context, key string, d time.Duration) (Decision, error) {
	return l.decide(ctx, time.Now(), l.hasher.Subject(key), Op{Verb: Block, TTL: d})
}

// Delete forgets key, its blocks included, and tells whether anything was known.
func (l *Limiter) Delete(ctx context.Context, key string) (bool, error) {
	found := false
	subject := l.hasher.Subject(key)
	for _, r := range l.rules {
		ok, err := l.store.Delete(ctx, r.Key(subject))
		if err != nil {
			return found, err
		}
		found = found || ok
	}
	return found, nil
}

func (l *Limiter) listed(ctx context.Context, key string, op Op) (Decision, error) {
	if !l.lists.empty && !l.o.Lists.CountAnyway {
		network, isNetwork := networkOf(key)
		if d, ok := l.lists.decide(key, network, isNetwork); ok {
			return d, nil
		}
	}
	return l.decide(ctx, time.Now(), l.hasher.Subject(key), op)
}

// A call is what a decision needs of memory, where it goes through an interface.
type call struct {
	ops     [maxOps]Op
	results [maxOps]Result
}

var calls = sync.Pool{New: func() any { return new(call) }}

func (l *Limiter) decide(ctx context.Context, now time.Time, subject Subject, op Op) (Decision, error) {
	c := calls.Get().(*call)
	defer calls.Put(c)
	ops, results := c.ops[:len(l.rules)], c.results[:len(l.rules)]
	for i, r := range l.rules {
		ops[i] = op
		ops[i].Rule, ops[i].Key = r, r.Key(subject)
	}
	if err := l.store.Decide(ctx, now, ops, results); err != nil {
		return Decision{}, err
	}
	i := Deciding(results)
	return Decision{results[i], l.rules[i].Policy.Name}, nil
}

// Deciding is the index of the result that a Decision reports.
func Deciding(results []Result) int {
	best := 0
	for i := range results {
		a, b := &results[i], &results[best]
		switch {
		case a.Allowed != b.Allowed:
			if !a.Allowed {
				best = i
			}
		case !a.Allowed && a.Wait > b.Wait, a.Allowed && a.Remaining < b.Remaining:
			best = i
		}
	}
	return best
}
