package tlsscan

import (
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"strings"
)

// A Store is a set of roots with the name that reports call it by.
type Store struct {
	Name  string
	Roots []*x509.Certificate
}

// systemStore is what this machine trusts.
const systemStore = "system"

// A pool is a store that is ready to verify with.
type pool struct {
	name  string
	given bool
	roots *x509.CertPool
}

// pools are the stores to try: the system's, the roots without a name, and the given
// ones.
func (o *Options) pools() []pool {
	var all []pool
	if roots, err := x509.SystemCertPool(); err == nil {
		all = append(all, pool{name: systemStore, roots: roots})
	}
	stores := o.Stores
	if len(o.Roots) > 0 {
		stores = append([]Store{{Name: "given", Roots: o.Roots}}, stores...)
	}
	for _, s := range stores {
		p := pool{name: s.Name, given: true, roots: x509.NewCertPool()}
		for _, r := range s.Roots {
			p.roots.AddCert(r)
		}
		all = append(all, p)
	}
	return all
}

// givenRoots are those of all stores but the system's.
func (o *Options) givenRoots() []*x509.Certificate {
	all := slices.Clone(o.Roots)
	for _, s := range o.Stores {
		all = append(all, s.Roots...)
	}
	return all
}

// storeNames are the stores that were asked about a certificate.
func storeNames(c Certificate) []string { return slices.Sorted(maps.Keys(c.Stores)) }

// verify asks each store for a path to one of its roots, and says why there is none:
// the word of a given store counts before the system's, for somebody chose it.
func (j *judge) verify(leaf *x509.Certificate, sent []*x509.Certificate, c *Certificate) (why error) {
	inter := x509.NewCertPool()
	for _, x := range sent {
		inter.AddCert(x)
	}
	c.Stores, c.Paths = map[string]bool{}, map[string][]string{}
	asked := false // why is a given store's
	var refuse []string
	for _, p := range j.pools {
		paths, err := leaf.Verify(x509.VerifyOptions{Roots: p.roots, Intermediates: inter, CurrentTime: j.o.Now})
		if err == nil {
			err = servesTLS(leaf)
		}
		c.Stores[p.name] = err == nil
		c.Trusted = c.Trusted || err == nil
		if err == nil {
			c.Paths[p.name] = subjects(shortest(paths))
			continue
		}
		if why == nil || p.given && !asked {
			why, asked = err, p.given
		}
		if p.given {
			refuse = append(refuse, p.name)
		}
	}
	if c.Trusted && len(refuse) > 0 {
		slices.Sort(refuse)
		j.note("cert.stores", "not trusted by %s", strings.Join(refuse, ", "))
	}
	return why
}

// servesTLS is an error for a certificate whose key usage no handshake has a use for,
// which the library does not look at.
func servesTLS(leaf *x509.Certificate) error {
	if leaf.KeyUsage != 0 && leaf.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment|x509.KeyUsageKeyAgreement) == 0 {
		return errors.New("its key usage allows neither signing nor agreeing on keys")
	}
	return nil
}

func shortest(paths [][]*x509.Certificate) []*x509.Certificate {
	return slices.MinFunc(paths, func(a, b []*x509.Certificate) int { return len(a) - len(b) })
}

// subjects name the certificates of a path, the leaf first.
func subjects(path []*x509.Certificate) []string {
	var names []string
	for _, x := range path {
		names = append(names, x.Subject.String())
	}
	return names
}

// reaches says that some store has a root for the top of a path, dates aside.
func (j *judge) reaches(top *x509.Certificate) bool {
	at := top.NotBefore.Add(top.NotAfter.Sub(top.NotBefore) / 2)
	for _, p := range j.pools {
		_, err := top.Verify(x509.VerifyOptions{Roots: p.roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err == nil {
			return true
		}
	}
	return false
}
