package door

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/hardcheck"
	"github.com/panoplysec/panoply/internal/door/logins"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
	"github.com/panoplysec/panoply/redisstore"
)

const (
	// loginsName is the file of the logins that were found.
	loginsName = "logins.json"
	// limitsName is the store of blocks, and blocksBucket its bucket.
	limitsName   = "limits.db"
	blocksBucket = "blocks"

	// maxLimitKeys is how many users and addresses are counted: 24 MB when all are there.
	maxLimitKeys = 1 << 19

	// trustFinding is the hard check for a proxy that nobody named.
	trustFinding = "trust"

	// redisStart is how long the start waits for the Redis, which may be there later.
	redisStart = 2 * time.Second
)

// limits is what the door counts with. It outlives reloads: a change of limits.redis or
// limits.secret takes a restart.
type limits struct {
	store   limit.Store
	gate    *gate // before memory
	secret  []byte
	cfg     config.Limits
	memory  *limit.Memory
	keeping *limit.Keeping
	disk    *diskstore.Store
	shared  *limit.Shared
	redis   *redisstore.Limits

	finder *logins.Finder
	peers  *logins.Peers

	again chan struct{} // the logins that were found have changed
	once  sync.Once
}

// openLimits opens where counts are kept, with those of the door before.
func (d *Door) openLimits(cfg *config.Config, counts []byte) (err error) {
	l := &limits{cfg: cfg.Limits, peers: logins.NewPeers(), again: make(chan struct{}, 1)}
	d.limits = l
	defer func() {
		if err != nil {
			d.closeLimits()
		}
	}()
	if l.secret, err = d.limitsSecret(cfg); err != nil {
		return err
	}
	if l.memory, err = limit.NewMemory(limit.MemoryOptions{MaxKeys: maxLimitKeys}); err != nil {
		return err
	}
	l.gate = &gate{at: l.memory}
	l.store = l.gate
	if err := l.load(counts); err != nil {
		return err
	}
	if err := l.openDisk(d); err != nil {
		return err
	}
	if len(cfg.Limits.Redis) > 0 {
		if err := d.openRedis(l); err != nil {
			return err
		}
	}
	var found []logins.Login
	if err := d.state.read(loginsName, &found); err != nil {
		return err
	}
	l.finder = logins.New(logins.Options{Logins: found, Say: d.say, Keep: d.keepLogins, Changed: d.loginsChanged})
	return nil
}

// openDisk opens where blocks are kept.
func (l *limits) openDisk(d *Door) (err error) {
	if l.disk, err = diskstore.Open(diskstore.Options{Path: filepath.Join(d.state.dir, limitsName)}); err != nil {
		return fmt.Errorf("door: %w", err)
	}
	l.keeping, err = l.memory.Keep(context.Background(), l.disk.Bucket(blocksBucket), func(err error) {
		d.log.Error("a block could not be kept; it holds until the door stops", "err", err)
	})
	if err != nil {
		return fmt.Errorf("door: read %s: %w", limitsName, err)
	}
	return nil
}

// limitsSecret keys what is counted.
func (d *Door) limitsSecret(cfg *config.Config) ([]byte, error) {
	if cfg.Limits.Secret == "" {
		return d.state.derive("limits"), nil
	}
	secret, err := config.ReadSecret(cfg.Limits.Secret)
	if err != nil {
		return nil, fmt.Errorf("door: limits.secret: %w", err)
	}
	return secret, nil
}

// sameLimits refuses a configuration that counts elsewhere or with another secret: what is
// counted and the devices that are known would be lost, or be ignored until a restart.
func (d *Door) sameLimits(cfg *config.Config) error {
	secret, err := d.limitsSecret(cfg)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(secret, d.limits.secret):
		return errors.New("door: limits.secret cannot change while running; restart")
	}
	was, is := d.limits.cfg, cfg.Limits
	was.Secret = is.Secret // another file of the same secret
	if !reflect.DeepEqual(was, is) {
		return errors.New("door: limits.redis and its settings cannot change while running; restart")
	}
	return nil
}

func (d *Door) openRedis(l *limits) error {
	o := redisstore.Options{Address: l.cfg.Redis, Username: l.cfg.RedisUser}
	if l.cfg.RedisPassword != "" {
		password, err := os.ReadFile(l.cfg.RedisPassword)
		if err != nil {
			return fmt.Errorf("door: limits.redis_password: %w", err)
		}
		o.Password = string(bytes.TrimSpace(password))
	}
	if l.cfg.RedisTLS == "on" {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	var err error
	if l.redis, err = redisstore.NewLimits(o); err != nil {
		return err
	}
	// Connected before the first guess: it would not wait so long.
	ctx, cancel := context.WithTimeout(context.Background(), redisStart)
	defer cancel()
	if err := l.redis.Ping(ctx); err != nil {
		d.say("limits: the Redis does not answer; until it does each door allows its share: %v", err)
	}
	l.shared, err = limit.NewShared(limit.SharedOptions{
		Store: l.redis, Local: l.memory, Instances: int(l.cfg.Instances), Sink: d.sink(nameLogin),
	})
	if err != nil {
		return err
	}
	l.store = l.shared
	return nil
}

// closeLimits lets go of what openLimits opened. d.limits stays: a request or an order that
// was cut may be about to look at it, and then counts in memory.
func (d *Door) closeLimits() {
	if l := d.limits; l != nil {
		l.once.Do(func() { l.close(d.log) })
	}
}

func (l *limits) close(log *slog.Logger) {
	var errs []error
	if l.shared != nil {
		errs = append(errs, l.shared.Close())
	}
	if l.redis != nil {
		errs = append(errs, l.redis.Close())
	}
	for _, err := range errs {
		if err != nil {
			log.Error("the store of limits", "err", err)
		}
	}
	l.closeDisk(log)
}

// closeDisk lets go of where blocks are kept, when all of them are there.
func (l *limits) closeDisk(log *slog.Logger) {
	var errs []error
	if l.keeping != nil {
		errs = append(errs, l.keeping.Close())
	}
	if l.disk != nil {
		errs = append(errs, l.disk.Close())
	}
	l.keeping, l.disk = nil, nil
	if err := errors.Join(errs...); err != nil {
		log.Error("the store of blocks", "err", err)
	}
}

// limitKeys is how many records are counted here.
func (d *Door) limitKeys() int {
	if l := d.limits; l != nil {
		return l.memory.Len()
	}
	return 0
}

// compileLogin makes the shield of cfg. Before the state is open it is a trial, which
// counts nowhere.
func (d *Door) compileLogin(cfg *config.Config, mode guard.Mode, deny guard.Deny) (*login.Shield, error) {
	o := login.Options{
		Routes: cfg.Login.ShieldRoutes(), Mode: mode, Sink: d.sink(nameLogin), Deny: deny, Normalize: sameName,
	}
	if l := d.limits; l != nil {
		o.Routes = append(o.Routes, l.finder.Routes()...)
		o.Store, o.Secret = l.store, l.secret
		enforced := map[string]bool{}
		for i := range o.Routes {
			enforced[o.Routes[i].Pattern] = !o.Routes[i].Observe
		}
		o.Judged = func(r *http.Request, route, user string, outcome login.Outcome) {
			l.finder.Judged(route, outcome)
			d.judged(r, outcome)
			// What was only found may be a page that answers all as a login does that
			// succeeds: whoever asks it for many users would be taken for a proxy.
			if peer, ok := peerOf(r); ok && outcome == login.Successful && user != "" && enforced[route] {
				l.peers.Success(peer, user, forwards(r))
			}
		}
		if len(cfg.Trust.Proxies) == 0 {
			o.IPCounts = d.ipCounts
		}
	}
	return login.New(o)
}

// judged counts an attempt by what became of it.
func (d *Door) judged(r *http.Request, outcome login.Outcome) {
	if q := requestOf(r.Context()); q != nil {
		d.metrics.Login(q.g.sites.of(clientip.Of(r).Host), outcome.String())
	}
}

// sameName brings names into one form that apps and their databases often treat as the
// same.
func sameName(name string) string { return login.Fold(norm.NFKC.String(name)) }

// ipCounts tells whether a request's address is a client's, and says so once where it is
// not.
func (d *Door) ipCounts(r *http.Request) bool {
	peer, ok := peerOf(r)
	if !ok {
		return false
	}
	proxy, first := d.limits.peers.Proxy(peer, forwards(r))
	if first {
		d.checks.found(hardcheck.Finding{ID: trustFinding, Line: fmt.Sprintf(
			"LIMITS BY ADDRESS OFF: %s looks like a proxy, and all its clients have its address; name it: trust.proxies: [%s]", peer, peer)})
	}
	return !proxy
}

// peerOf is the address of the connection's other end.
func peerOf(r *http.Request) (netip.Addr, bool) {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return addr.Addr().Unmap().WithZone(""), err == nil
}

// forwards tells whether the peer named a client of its own, as noted before that was
// stripped.
func forwards(r *http.Request) bool {
	q := requestOf(r.Context())
	return q != nil && q.forwards
}

// protected is the way through the shield to the application.
func (d *Door) protected(g *generation, app http.Handler) http.Handler {
	shield := g.guards.login
	if g.cfg.Login.Find == "on" && g.guards.modes[nameLogin] != guard.Off && d.limits != nil {
		app = d.limits.finder.Handler(app, shield.Protects)
	}
	return d.around(shield.Handler(app), app)
}

func (d *Door) keepLogins(found []logins.Login) {
	if err := d.state.keepLogins(found); err != nil && !errors.Is(err, errMoved) {
		d.log.Error("what was found of logins could not be kept", "err", err)
	}
}

func (s *state) keepLogins(found []logins.Login) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(loginsName, found)
}

// loginsChanged asks for the routes that were found to be put in place. It does not wait:
// the Finder is locked, and a rebuild asks it.
func (d *Door) loginsChanged() {
	select {
	case d.limits.again <- struct{}{}:
	default: // asked for already
	}
}

// placeLogins puts routes that were found in place, until ctx is done.
func (d *Door) placeLogins(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.limits.again:
		}
		d.mu.Lock()
		if !d.closed {
			if err := d.rebuild(); err != nil {
				d.log.Error("the logins that were found could not be put in place", "err", err)
			}
		}
		d.mu.Unlock()
	}
}

// describeLogin says which logins are protected.
func (d *Door) describeLogin(g *generation) string {
	enforced, observed := 0, 0
	for i := range g.cfg.Login.Routes {
		if !g.cfg.Login.Routes[i].Observe {
			enforced++
		}
	}
	for _, l := range d.limits.finder.Logins() {
		if l.Enforced() {
			enforced++
		} else {
			observed++
		}
	}
	text := fmt.Sprintf("%d protected from guessing", enforced)
	if observed > 0 {
		text += fmt.Sprintf(", %d found and observed (panoply login)", observed)
	}
	if g.cfg.Login.Find == "on" {
		text += "; others are looked for (never look: login.find: off)"
	}
	return text
}
