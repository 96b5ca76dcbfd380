package deps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/npmsign"
)

// asking is how many packages a registry is asked for at once.
const asking = 8

// signatures verifies what the registry signed of each locked package that comes from it.
func (v *verdict) signatures(ctx context.Context) {
	if v.session.Target.Documents == nil {
		return
	}
	for _, l := range v.folder.found.Locks {
		if l.Ecosystem == lockfile.NPM {
			v.signed(ctx, l)
		}
	}
}

// A signer is a registry with its keys.
type signer struct {
	keys []npmsign.Key
	none bool
	err  error
}

// A claim is what the registry says of one package name of a lockfile.
type claim struct {
	name    string
	entries []int
	signer  *signer
	dists   map[string]*npmsign.Dist
	err     error
}

func (v *verdict) signed(ctx context.Context, l *lockfile.Lock) {
	var claims []*claim
	byName := map[string]*claim{}
	for i, p := range l.Packages {
		if p.Source != lockfile.Registry || p.Version == "" {
			continue
		}
		if byName[p.Name] == nil {
			byName[p.Name] = &claim{name: p.Name}
			claims = append(claims, byName[p.Name])
		}
		byName[p.Name].entries = append(byName[p.Name].entries, i)
	}
	v.ask(ctx, l, claims)
	count := map[npmsign.State]int{}
	attested, unjudged, unanswered := 0, 0, 0
	for _, c := range claims {
		switch {
		case c.signer.err != nil, c.err != nil:
			// The first few are told, and all are counted.
			if unanswered++; unanswered <= 2 {
				v.doubt("%s: %v", c.name, cause(c))
			}
			v.failed = true
			continue
		case c.signer.none:
			unjudged++
			continue
		}
		seen := map[string]bool{}
		for _, i := range c.entries {
			p := &l.Packages[i]
			d := c.dists[p.Version]
			if d == nil {
				v.doubt("%s:%d: %s knows no %s %s", l.File, p.Line, v.session.Target.Documents.Registry(p.Name), p.Name, p.Version)
				continue
			}
			id := p.Version + "\x00" + p.Integrity()
			if seen[id] {
				continue
			}
			seen[id] = true
			if d.Attested() {
				attested++
			}
			r := npmsign.Verify(p.Name, p.Version, d, c.signer.keys)
			if !d.Agrees(p.Integrity()) {
				r.State = npmsign.Invalid
			}
			count[r.State]++
			v.unsigned(l, p, d, r)
		}
	}
	if unanswered > 2 {
		v.doubt("%d more packages could not be asked about", unanswered-2)
	}
	if n := count[npmsign.Verified]; n > 0 {
		v.proof = append(v.proof, fmt.Sprintf("%s: %d packages with good signatures of the registry", l.File, n))
	}
	if unjudged > 0 {
		v.doubt("%s: the registry of %d packages has no keys", l.File, unjudged)
	}
	if attested > 0 {
		f := dependenciesRules.Find("dependencies/attestations", l.File, evidence(l.File, 1, l.Format))
		v.found = append(v.found, f.In(check.Locked).Saying("%s: %d packages have attestations, which were not verified", l.File, attested))
	}
}

func cause(c *claim) error {
	if c.signer.err != nil {
		return c.signer.err
	}
	return c.err
}

// ask gets the documents of all claims, and the keys of each registry once.
func (v *verdict) ask(ctx context.Context, l *lockfile.Lock, claims []*claim) {
	registry := v.session.Target.Documents
	signers := map[string]*signer{}
	for _, c := range claims {
		name := registry.Registry(c.name)
		if signers[name] == nil {
			s := new(signer)
			text, err := registry.Keys(ctx, c.name)
			if s.err = err; err == nil && text != nil {
				s.keys, s.err = npmsign.ParseKeys(text)
			}
			s.none = s.err == nil && len(s.keys) == 0
			signers[name] = s
		}
		c.signer = signers[name]
	}
	var wait sync.WaitGroup
	free := make(chan struct{}, asking)
	for _, c := range claims {
		if c.signer.none || c.signer.err != nil {
			continue
		}
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			text, err := registry.Packument(ctx, c.name)
			if err == nil {
				var versions []string
				for _, i := range c.entries {
					versions = append(versions, l.Packages[i].Version)
				}
				c.dists, err = npmsign.Dists(text, c.name, versions...)
			}
			if c.err = err; ctx.Err() != nil {
				c.err = errors.New("the time for the run is over")
			}
		})
	}
	wait.Wait()
}

// unsigned adds the finding of a package whose signatures are not all good.
func (v *verdict) unsigned(l *lockfile.Lock, p *lockfile.Package, d *npmsign.Dist, r npmsign.Result) {
	registry := v.session.Target.Documents.Registry(p.Name)
	rule, message := "", ""
	switch r.State {
	case npmsign.Verified:
		return
	case npmsign.Invalid:
		rule, message = "dependencies/signature-invalid", fmt.Sprintf("the signature at %s is not of this package, version and checksum", registry)
		if !d.Agrees(p.Integrity()) {
			message = fmt.Sprintf("%s has another checksum than %s", l.File, registry)
		}
	case npmsign.Missing:
		rule, message = "dependencies/signature-missing", fmt.Sprintf("%s has keys, and no signature of it", registry)
	case npmsign.KeyExpired:
		rule, message = "dependencies/signature-key", fmt.Sprintf("signed with the key %.80s, which ended %s, before it was published", r.Key.ID, r.Key.Expires.Format("2006-01-02"))
	case npmsign.KeyUnknown:
		rule, message = "dependencies/signature-key", fmt.Sprintf("signed with the key %.80s, which %s does not name", r.Key.ID, registry)
	}
	subject := p.Name + "@" + p.Version
	if slices.ContainsFunc(v.found, func(f check.Finding) bool { return f.ID == rule && f.Subject == subject }) {
		return // of another lockfile, or installed twice
	}
	f := dependenciesRules.Find(rule, subject, evidence(l.File, p.Line, p.Key)).In(check.Locked)
	v.found = append(v.found, f.Saying("%s %s: %s", p.Name, p.Version, message))
}
