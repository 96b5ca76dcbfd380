package mirror

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/osv"
	"github.com/panoplysec/panoply/internal/pattern"
)

// The defaults of Options.
const (
	DefaultSource     = "https://osv-vulnerabilities.storage.googleapis.com"
	DefaultMinRecords = 100
	DefaultMaxBytes   = 2 << 30
	DefaultStall      = time.Minute
)

// DefaultEcosystems are those whose lockfiles an audit reads.
func DefaultEcosystems() []string { return []string{"npm", "Go"} }

// Options say what to fetch, from where, and what to take.
type Options struct {
	// Dir is where the indexes are kept, made with mode 0700 where it is not there. Required.
	Dir string
	// Source is the address below which ECOSYSTEM/all.zip lies: https, or http on loopback.
	// Empty means DefaultSource.
	Source string
	// Ecosystems are spelled as OSV does. Empty means DefaultEcosystems.
	Ecosystems []string
	// Roots verify the server; nil are the system's.
	Roots *x509.CertPool
	// SHA256 are the sums that archives must have, in hex, by ecosystem.
	SHA256 map[string]string
	// Key is who must have signed the archives; nil asks for no signature.
	Key *Key
	// Signatures are files of signatures, by ecosystem. Where Key is given and this names
	// none, it is fetched from the address of the archive with ".minisig" after it.
	Signatures map[string]string
	// MinRecords is how many advisories an archive has at least. Zero means
	// DefaultMinRecords; negative is refused.
	MinRecords int
	// MaxBytes is how large an archive may be. Zero means DefaultMaxBytes; negative is
	// refused.
	MaxBytes int64
	// Stall is how long nothing may come before a download is broken off and taken up
	// again. Zero means DefaultStall; negative is refused.
	Stall time.Duration
	// Tell hears how far a download is; total is -1 where the server does not say. Nil
	// hears nothing.
	Tell func(ecosystem string, done, total int64)
}

// A Result is what became of one ecosystem.
type Result struct {
	Ecosystem string
	// Unchanged says that the server has nothing newer.
	Unchanged bool
	Meta      osv.Meta
}

// An ecosystem becomes a part of addresses and names of files.
var (
	ecosystemName = pattern.New(`^[A-Za-z][A-Za-z0-9.-]{0,39}$`)
	hexSum        = pattern.New(`^[0-9a-fA-F]{64}$`)
)

// check fills in the defaults and tells all that is wrong.
func (o *Options) check() (*url.URL, error) {
	var all []error
	bad := func(field string, value any, allowed string) {
		all = append(all, fmt.Errorf("%s is %q, must be %s", field, fmt.Sprint(value), allowed))
	}
	if o.Dir == "" {
		bad("Dir", "", "a folder")
	}
	o.Source = strings.TrimRight(cmp.Or(o.Source, DefaultSource), "/")
	u, err := url.Parse(o.Source)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		bad("Source", o.Source, "an address such as "+DefaultSource)
	case u.User != nil:
		bad("Source", u.Redacted(), "an address without a password")
	case !mayAsk(u, nil):
		bad("Source", o.Source, "https, or http on a loopback address")
	}
	if len(o.Ecosystems) == 0 {
		o.Ecosystems = DefaultEcosystems()
	}
	known := map[string]bool{}
	for _, name := range o.Ecosystems {
		if known[name] = true; !ecosystemName.Get().MatchString(name) {
			bad("Ecosystems", name, "names such as npm and Go")
		}
	}
	for name, sum := range o.SHA256 {
		if !hexSum.Get().MatchString(sum) {
			bad("SHA256", sum, "64 hex digits")
		}
		if !known[name] {
			bad("SHA256", name, "of an ecosystem that is fetched")
		}
	}
	for name := range o.Signatures {
		if !known[name] {
			bad("Signatures", name, "of an ecosystem that is fetched")
		}
		if o.Key == nil {
			bad("Signatures", name, "given with the key that made it")
		}
	}
	for _, n := range []struct {
		field string
		value int64
	}{{"MinRecords", int64(o.MinRecords)}, {"MaxBytes", o.MaxBytes}, {"Stall", int64(o.Stall)}} {
		if n.value < 0 {
			bad(n.field, n.value, "0 or more")
		}
	}
	o.MinRecords = cmp.Or(o.MinRecords, DefaultMinRecords)
	o.MaxBytes = cmp.Or(o.MaxBytes, DefaultMaxBytes)
	o.Stall = cmp.Or(o.Stall, DefaultStall)
	return u, errors.Join(all...)
}

// ErrOptions is what Update ends in where the options are wrong.
var ErrOptions = errors.New("mirror: wrong options")

// Update brings the indexes up to date. An ecosystem that cannot be brought so keeps the
// index of before, and does not keep the others from theirs; the error joins what went
// wrong. Of two updates of one folder at the same time the second one ends in ErrLocked.
func Update(ctx context.Context, o Options) ([]Result, error) {
	source, err := o.check()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	unlock, err := lock(filepath.Join(o.Dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	sweep(o.Dir)
	client := newClient(source, o.Roots)
	defer client.CloseIdleConnections()
	var results []Result
	var all []error
	for _, name := range o.Ecosystems {
		m := &one{o: &o, ecosystem: name, client: client, url: o.Source + "/" + name + "/all.zip"}
		r, err := m.update(ctx)
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", name, err))
			continue
		}
		results = append(results, r)
	}
	return results, errors.Join(all...)
}

// sweep removes what an update left that did not come to its end. Broken downloads stay.
func sweep(dir string) {
	for _, pattern := range []string{".spool-*", "*.new"} {
		left, _ := filepath.Glob(filepath.Join(dir, pattern)) // what is not found stays
		for _, name := range left {
			os.Remove(name)
		}
	}
}

// one is the update of one ecosystem.
type one struct {
	o         *Options
	ecosystem string
	client    *http.Client
	url       string
}

func (m *one) file(ending string) string { return filepath.Join(m.o.Dir, m.ecosystem+ending) }

func (m *one) update(ctx context.Context) (Result, error) {
	r := Result{Ecosystem: m.ecosystem}
	// An index that is damaged or of another version is nothing to compare with.
	old, err := osv.ReadMeta(m.file(osv.Ending))
	there := err == nil && old.Fetched != nil
	pin := strings.ToLower(m.o.SHA256[m.ecosystem])
	signed := m.o.Key == nil || there && old.Fetched.Signed == m.o.Key.ID()
	if there && pin != "" && old.Fetched.SHA256 == pin && signed {
		return Result{m.ecosystem, true, old}, nil
	}
	etag := ""
	if there && pin == "" && signed && old.Fetched.URL == m.url {
		etag = old.Fetched.ETag
	}
	got, err := m.download(ctx, etag)
	if err != nil {
		return r, err
	}
	if got == nil {
		now := time.Now()
		_ = os.Chtimes(m.file(osv.Ending), now, now) // when it was asked for; nothing depends on it
		return Result{m.ecosystem, true, old}, nil
	}
	// What is refused is not what the next update should go on with.
	defer os.Remove(m.file(partEnding))
	defer os.Remove(m.file(noteEnding))
	if pin != "" && got.SHA256 != pin {
		return r, fmt.Errorf("%s has the SHA-256 %s, and %s was asked for: it is not used", m.url, got.SHA256, pin)
	}
	if m.o.Key != nil {
		if err := m.signature(ctx, m.file(partEnding)); err != nil {
			return r, err
		}
		got.Signed = m.o.Key.ID()
	}
	fresh := m.file(".new")
	meta, err := osv.FromArchive(m.file(partEnding), fresh, m.ecosystem, *got)
	if err != nil {
		return r, fmt.Errorf("%s is not used: %w", m.url, err)
	}
	defer os.Remove(fresh) // after the rename there is nothing of that name
	var before *osv.Meta
	if there {
		before = &old
	}
	if err := m.sane(before, meta, time.Now()); err != nil {
		return r, err
	}
	if err := os.Rename(fresh, m.file(osv.Ending)); err != nil {
		return r, err
	}
	if err := syncDir(m.o.Dir); err != nil {
		return r, err
	}
	return Result{m.ecosystem, false, meta}, nil
}

const (
	// ahead is how far in the future a record may be: clocks differ.
	ahead = 24 * time.Hour
	// behind is how much older than that of before the newest record may be: records are
	// taken back.
	behind = 7 * 24 * time.Hour
)

// sane compares what came with what there was.
func (m *one) sane(old *osv.Meta, now osv.Meta, clock time.Time) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%s is not used: "+format, append([]any{m.url}, args...)...)
	}
	unless := "; if that is meant, remove " + m.file(osv.Ending) + " and update again"
	switch {
	case now.Records < m.o.MinRecords:
		return refuse("it has %d advisories of %s, and %d are the least that is taken", now.Records, m.ecosystem, m.o.MinRecords)
	case now.Unread*100 > now.Records:
		return refuse("%d of its %d records cannot be read; the first %s", now.Unread, now.Records+now.Unread, now.FirstUnread)
	case now.Newest.IsZero():
		return refuse("none of its records has a date")
	case now.Newest.After(clock.Add(ahead)):
		return refuse("its newest record is of %s, which is in the future", now.Newest.Format(time.RFC3339))
	case old == nil:
		return nil
	case now.Records*10 < old.Records*9:
		return refuse("it has %d advisories, and there were %d%s", now.Records, old.Records, unless)
	case now.Newest.Before(old.Newest.Add(-behind)):
		return refuse("its newest record is of %s, and there was one of %s%s", now.Newest.Format(time.DateOnly), old.Newest.Format(time.DateOnly), unless)
	}
	return nil
}
