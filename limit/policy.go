package limit

import (
	"hash/fnv"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// Forever is a duration that never ends.
const Forever time.Duration = math.MaxInt64

const (
	// MinDuration and MaxDuration bound what a Policy may be set to, beside Forever.
	MinDuration = time.Millisecond
	MaxDuration = 100 * 365 * 24 * time.Hour

	// DefaultRemember is how long a block counts towards the next one.
	DefaultRemember = 24 * time.Hour

	// maxPoints keeps every count an integer that a double holds, and that Prev holds.
	maxPoints = 1 << 31
	// never is the end of what does not end, in microseconds: above every time there is,
	// 100 years from now included, and the last integer that a double is sure to hold.
	never int64 = 1 << 53
)

// An Algorithm is how a policy counts.
type Algorithm uint8

const (
	// SlidingWindow counts in two windows and weighs the older by how much of it is
	// still within Duration. Around the end of a window no more than Points pass, beyond
	// what that moment's share of Duration allows.
	SlidingWindow Algorithm = iota
	// GCRA lets Burst through at once and then Points a Duration, evenly: the generic
	// cell rate algorithm of ATM, as a bucket that leaks.
	GCRA
	// FixedWindow counts from a key's first request until Duration is over, as
	// rate-limiter-flexible does: 2 × Points − 1 fit around the end of a window. What is
	// refused counts, too.
	FixedWindow
)

var algorithmNames = [...]string{SlidingWindow: "sliding-window", GCRA: "gcra", FixedWindow: "fixed-window"}

// String returns "sliding-window", "gcra" or "fixed-window".
func (a Algorithm) String() string {
	if int(a) < len(algorithmNames) {
		return algorithmNames[a]
	}
	return "Algorithm(" + strconv.Itoa(int(a)) + ")"
}

// An Outage is what a policy answers while the shared store does not.
type Outage uint8

const (
	// LocalShare goes on counting in this process, with this process's share of Points.
	LocalShare Outage = iota
	// Closed refuses.
	Closed
	// InsecureOpen lets everything pass: whoever can stop the store has no limit.
	InsecureOpen
)

// A Policy is one limit: so many points in so much time.
type Policy struct {
	// Name tells policies apart, in keys, metrics and the RateLimit-Policy field: 1 to 64
	// letters, digits, '.', '_' and '-'. Required, and different for each policy of a
	// store.
	Name string
	// Algorithm is how points are counted. Zero is SlidingWindow.
	Algorithm Algorithm
	// Points is how many are allowed within Duration; zero and less allow none. At most
	// 2^31.
	Points int64
	// Duration is 1 ms to 100 years, counted in microseconds, or Forever. Required. GCRA
	// cannot have Forever.
	Duration time.Duration
	// Burst is how many points GCRA lets through at once. Zero is Points.
	Burst int64
	// Blocks is how long a key is refused everything once it was refused: the first time
	// for Blocks[0], the next for Blocks[1] and so on, the last of them ever after. Empty:
	// only until there are points again. A block ends with nothing counted. What is
	// refused within a block does not make it longer.
	Blocks []time.Duration
	// BlockAt is the count at which FixedWindow starts a block. Zero is Points+1.
	BlockAt int64
	// Remember is how long after its end a block still counts towards the next one. Zero
	// is DefaultRemember. Only with two or more Blocks.
	Remember time.Duration
	// Even spreads what is allowed over Duration: Result.Delay says how long to wait.
	// GCRA and FixedWindow only.
	Even bool
	// MinDelay is the least delay of Even with FixedWindow. Zero is Duration/Points.
	MinDelay time.Duration
	// Outage is what happens while the shared store does not answer. Zero is LocalShare.
	Outage Outage
	// Lease takes so many points at a time from the shared store and spends them in this
	// process: fewer calls, for a bound that Shared states. Zero and one take each alone. At
	// most half of Points; not with FixedWindow, and not with Blocks, which a lease that is
	// refused would start where a single point is not.
	Lease int64
	// LocalBlockAt refuses a key within this process, without asking the shared store,
	// once so many points were counted, until its window ends or for LocalBlock. Zero:
	// only keys that are blocked. FixedWindow only.
	LocalBlockAt int64
	// LocalBlock is how long LocalBlockAt refuses. Zero: until the window ends.
	LocalBlock time.Duration
}

// A Rule is a Policy that was checked, in the numbers that stores count with: points, and
// microseconds. It is made by Compile and does not change.
type Rule struct {
	// Policy is what it was made from, with every default in its place.
	Policy Policy
	// Number stands for the policy's name in a State.
	Number uint16
	// Capacity is how many points fit at once.
	Capacity float64
	// Span is Duration.
	Span int64
	// Rate is points a microsecond; GCRA only.
	Rate float64
	// Blocks are the policy's.
	Blocks []int64
	// Remember is the policy's, or 0 where one block is like the next.
	Remember int64

	salt   uint64 // of the policy's keys
	packed string
}

var policyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// micros is d in microseconds, rounded up.
func micros(d time.Duration) int64 {
	if d == Forever {
		return never
	}
	return int64((d-1)/time.Microsecond) + 1
}

func validSpan(d time.Duration) bool {
	return d == Forever || d >= MinDuration && d <= MaxDuration
}

const spanAllowed = "1ms to 100 years, or Forever"

// Compile checks a policy. Its error joins one *[guard.OptionError] for each wrong field.
func Compile(p Policy) (*Rule, error) {
	problems := guard.Problems{Package: "limit"}
	field := func(name string) string { return "Policy[" + p.Name + "]." + name }
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	if !policyName.MatchString(p.Name) {
		problems.Add("Policy.Name", p.Name, "1 to 64 letters, digits, '.', '_' and '-'", "")
	}
	if int(p.Algorithm) >= len(algorithmNames) {
		problems.Add(field("Algorithm"), p.Algorithm.String(), "SlidingWindow, GCRA or FixedWindow", "")
	}
	if p.Points > maxPoints {
		problems.Add(field("Points"), number(p.Points), "at most 2147483648", "")
	}
	if !validSpan(p.Duration) || p.Duration == Forever && p.Algorithm == GCRA {
		problems.Add(field("Duration"), p.Duration.String(), spanAllowed+" but with GCRA", "")
	}
	if p.Burst < 0 || p.Burst > maxPoints || p.Burst != 0 && p.Algorithm != GCRA {
		problems.Add(field("Burst"), number(p.Burst), "0 to 2147483648, and only with GCRA", "")
	}
	for i, d := range p.Blocks {
		if !validSpan(d) {
			problems.Add(field("Blocks["+strconv.Itoa(i)+"]"), d.String(), spanAllowed, "")
		}
	}
	if len(p.Blocks) > 32 {
		problems.Add(field("Blocks"), strconv.Itoa(len(p.Blocks)), "at most 32", "")
	}
	if p.BlockAt != 0 && (p.Algorithm != FixedWindow || p.BlockAt <= p.Points || len(p.Blocks) == 0) {
		problems.Add(field("BlockAt"), number(p.BlockAt), "more than Points, with FixedWindow and Blocks", "")
	}
	if p.Remember != 0 && (!validSpan(p.Remember) || len(p.Blocks) < 2) {
		problems.Add(field("Remember"), p.Remember.String(), spanAllowed+", with two or more Blocks", "")
	}
	if p.Even && p.Algorithm == SlidingWindow {
		problems.Add(field("Even"), "true", "GCRA or FixedWindow", "")
	}
	if p.MinDelay < 0 || p.MinDelay != 0 && (!p.Even || p.Algorithm != FixedWindow) {
		problems.Add(field("MinDelay"), p.MinDelay.String(), "zero or more, with Even and FixedWindow", "")
	}
	if p.Outage > InsecureOpen {
		problems.Add(field("Outage"), strconv.Itoa(int(p.Outage)), "LocalShare, Closed or InsecureOpen", "")
	}
	if p.Lease < 0 || p.Lease > 1 && (p.Lease > p.Points/2 || p.Algorithm == FixedWindow || len(p.Blocks) > 0) {
		problems.Add(field("Lease"), number(p.Lease), "0 to half of Points, not with FixedWindow or Blocks", "")
	}
	if p.LocalBlockAt < 0 || p.LocalBlockAt > 0 && p.Algorithm != FixedWindow {
		problems.Add(field("LocalBlockAt"), number(p.LocalBlockAt), "zero or more, with FixedWindow", "")
	}
	if p.LocalBlock != 0 && (!validSpan(p.LocalBlock) || p.LocalBlockAt == 0) {
		problems.Add(field("LocalBlock"), p.LocalBlock.String(), spanAllowed+", with LocalBlockAt", "")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return newRule(p), nil
}

func newRule(p Policy) *Rule {
	p.Blocks = slices.Clone(p.Blocks)
	r := &Rule{Span: micros(p.Duration), Capacity: float64(p.Points)}
	switch p.Algorithm {
	case GCRA:
		if p.Burst == 0 {
			p.Burst = p.Points
		}
		r.Capacity = float64(p.Burst)
		r.Rate = float64(max(p.Points, 0)) / float64(r.Span)
	case FixedWindow:
		if p.BlockAt == 0 {
			p.BlockAt = p.Points + 1
		}
		if p.MinDelay == 0 && p.Even && p.Points > 0 {
			span := int64(p.Duration / time.Millisecond)
			p.MinDelay = time.Duration((span+p.Points-1)/p.Points) * time.Millisecond
		}
	}
	for _, d := range p.Blocks {
		r.Blocks = append(r.Blocks, micros(d))
	}
	if len(p.Blocks) > 1 {
		if p.Remember == 0 {
			p.Remember = DefaultRemember
		}
		r.Remember = micros(p.Remember)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.Name)) // never fails
	r.salt = h.Sum64()
	r.Number = uint16(r.salt ^ r.salt>>16 ^ r.salt>>32 ^ r.salt>>48)
	r.Policy = p
	r.packed = r.pack()
	return r
}
