package login

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strconv"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
)

const (
	// DefaultCookie is the name of the cookie that a known device holds.
	DefaultCookie = "__Host-device"
	// DefaultCookieAge is how long a device stays known after its last login.
	DefaultCookieAge = 180 * 24 * time.Hour
	// DefaultMaxBody is how much of a login's body is looked at, in bytes.
	DefaultMaxBody = 64 << 10

	maxCookieAge = 400 * 24 * time.Hour // browsers keep none longer
)

// Policies are what is counted. A Policy without a Name is the default one; its Name is
// set by New. The Outage of each is limit.LocalShare by default.
type Policies struct {
	// UserIP is failures of a user from an address, one after the other: 10 in 90 days,
	// blocked for 1 h, 6 h, 24 h.
	UserIP limit.Policy
	// IP is failures from an address: 100 a day, blocked for a day. For IPv6 it holds for
	// each /64, 4 times as much for each /56 and 16 times for each /48.
	IP limit.Policy
	// User is failures of a user from devices that are not known: 10 an hour.
	User limit.Policy
	// Device is failures of a user on one known device: 10 an hour. A device that has more
	// is treated as not known.
	Device limit.Policy
	// Global is all failures: 5,000 an hour.
	Global limit.Policy
}

const day = 24 * time.Hour

// DefaultPolicies are the policies of the zero Options.
func DefaultPolicies() Policies {
	return Policies{
		UserIP: limit.Policy{Name: "user-ip", Points: 10, Duration: 90 * day, Blocks: []time.Duration{time.Hour, 6 * time.Hour, day}, Remember: 7 * day},
		IP:     limit.Policy{Name: "ip", Points: 100, Duration: day, Blocks: []time.Duration{day}},
		User:   limit.Policy{Name: "user", Points: 10, Duration: time.Hour},
		Device: limit.Policy{Name: "device", Points: 10, Duration: time.Hour},
		Global: limit.Policy{Name: "global", Points: 5000, Duration: time.Hour},
	}
}

// Options configure a Shield. The zero value protects one process.
type Options struct {
	// Policies are what is counted; the zero value is DefaultPolicies.
	Policies Policies
	// EnforceGlobal refuses, when Policies.Global is used up, every device that is not
	// known. Then an attacker can close the login for all who have a new device; without
	// it, that many failures are only told.
	EnforceGlobal bool
	// Store is where counts are kept. Nil is a limit.Memory of the Shield's own.
	Store limit.Store
	// Secret keys the hashes of names and addresses, and signs device cookies: 16 bytes or
	// more. Empty makes a random one: then known devices are strangers after a restart.
	Secret []byte
	// Cookie is the name of the device cookie. Empty is DefaultCookie.
	Cookie string
	// CookieAge is how long a device stays known. Zero is DefaultCookieAge; at most 400
	// days.
	CookieAge time.Duration
	// Normalize brings names that are the same to your app into one form. Nil trims white
	// space and folds case. Apps that treat more as the same, such as full-width letters,
	// have to say so here, or each form has points of its own.
	Normalize func(string) string
	// IPCounts tells whether the address of a request is that of a client. While it
	// returns false, as behind a proxy that is not trusted, what is counted by address is
	// told but not refused. Nil is always.
	IPCounts func(*http.Request) bool
	// Routes are the logins that Handler protects.
	Routes []Route
	// MaxBody is how much of a body Handler looks at, in bytes. Zero is DefaultMaxBody; at
	// most 1 MB. What is longer passes on untouched, counted as one user.
	MaxBody int64
	// Judged, if set, is told how an attempt at a route went, with the normalized name of
	// its user. It is called on the request's goroutine and must not block.
	Judged func(r *http.Request, pattern, user string, o Outcome)
	// Mode is enforce, observe or off.
	Mode guard.Mode
	// Sink receives the events. Nil logs to slog.Default.
	Sink guard.Sink
	// Deny answers what is refused. Nil is guard.PlainDeny.
	Deny guard.Deny
}

// Effective returns the options with every default in its place. A random Secret stays
// empty.
func (o Options) Effective() Options {
	d := DefaultPolicies()
	for _, p := range []struct{ set, def *limit.Policy }{
		{&o.Policies.UserIP, &d.UserIP}, {&o.Policies.IP, &d.IP}, {&o.Policies.User, &d.User},
		{&o.Policies.Device, &d.Device}, {&o.Policies.Global, &d.Global},
	} {
		if p.set.Duration == 0 && p.set.Points == 0 {
			*p.set = *p.def
		}
		p.set.Name = p.def.Name
	}
	if o.Cookie == "" {
		o.Cookie = DefaultCookie
	}
	if o.CookieAge == 0 {
		o.CookieAge = DefaultCookieAge
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Normalize == nil {
		o.Normalize = Fold
	}
	if o.Deny == nil {
		o.Deny = guard.PlainDeny
	}
	return o
}

// A Shield counts logins. It is safe for concurrent use.
type Shield struct {
	o       Options
	store   limit.Store
	hasher  *limit.Hasher
	tag     uint64
	rules   rules
	devices *devices
	routes  []*route
}

type rules struct {
	userIP, user, device, global *limit.Rule
	ip                           [3]*limit.Rule // /64 or an IPv4 address, /56, /48
	undecided                    [2]*limit.Rule // of a user, of an address
	key                          *limit.Rule    // API keys, of an address
}

// undecidedPolicies are how many attempts are given back because the app failed: they let
// an outage pass without locking anybody out, and are few enough for an app that a wrong
// password breaks.
var undecidedPolicies = [2]limit.Policy{
	{Name: "undecided", Points: 5, Duration: time.Hour},
	{Name: "undecided-ip", Points: 50, Duration: day},
}

// New makes a Shield. Its error joins all problems; see [guard.OptionErrors].
func New(o Options) (*Shield, error) {
	problems := guard.Problems{Package: "login"}
	o = o.Effective()
	if len(o.Secret) > 0 && len(o.Secret) < limit.KeySize {
		problems.Add("Secret", strconv.Itoa(len(o.Secret))+" bytes", "16 bytes or more", "")
	}
	if (&http.Cookie{Name: o.Cookie, Value: "x"}).Valid() != nil {
		problems.Add("Cookie", o.Cookie, "a name of RFC 6265", "")
	}
	if o.CookieAge < time.Hour || o.CookieAge > maxCookieAge {
		problems.Add("CookieAge", o.CookieAge.String(), "zero (180 days) or 1h to 400 days", "")
	}
	if o.MaxBody < 1<<10 || o.MaxBody > 1<<20 {
		problems.Add("MaxBody", strconv.FormatInt(o.MaxBody, 10), "zero (64 KiB) or 1 KiB to 1 MiB", "")
	}
	s := &Shield{o: o, store: o.Store}
	s.compile(&problems)
	s.routes = compileRoutes(o.Routes, &problems)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	secret := o.Secret
	if len(secret) == 0 {
		secret = make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
	}
	s.hasher = limit.NewHasher(derive(secret, "login keys"))
	s.devices = newDevices(derive(secret, "login devices"), o.Cookie, o.CookieAge)
	// One tag for all: a decision asks several subjects, and is one round trip.
	s.tag = s.rules.global.Key(s.hasher.Subject("")).ID
	if s.store == nil {
		s.store, _ = limit.NewMemory(limit.MemoryOptions{}) // the zero options have no error
	}
	return s, nil
}

func derive(secret []byte, use string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "panoply "+use, 32)
	if err != nil {
		panic(err) // the length is ours
	}
	return key
}

func (s *Shield) compile(problems *guard.Problems) {
	compiled := func(p limit.Policy) *limit.Rule {
		r, err := limit.Compile(p)
		problems.Note(err)
		return r
	}
	p := s.o.Policies
	s.rules = rules{userIP: compiled(p.UserIP), user: compiled(p.User), device: compiled(p.Device), global: compiled(p.Global)}
	keys := p.IP
	keys.Name, keys.Blocks, keys.BlockAt, keys.Remember = "key", nil, 0, 0
	s.rules.key = compiled(keys)
	for i, p := range undecidedPolicies {
		s.rules.undecided[i] = compiled(p)
	}
	for i, name := range []string{"ip", "ip-56", "ip-48"} {
		wider := p.IP
		wider.Name = name
		wider.Points <<= 2 * i
		wider.Burst <<= 2 * i
		if wider.BlockAt != 0 {
			wider.BlockAt += wider.Points - p.IP.Points
		}
		s.rules.ip[i] = compiled(wider)
	}
}
