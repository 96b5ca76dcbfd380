package certs

import (
	"crypto/tls"
	"errors"
	"math"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// FileSource serves certificates from files. It is safe for concurrent use.
type FileSource struct {
	pairs []Pair
	now   atomic.Pointer[fileSet]
}

// A fileSet is what one reading of all files gave; it never changes.
type fileSet struct {
	certs  []*tls.Certificate
	byName map[string][]*tls.Certificate
}

// Files reads the pairs; see LoadPair for what it refuses. The error holds the problems
// of all pairs. The order counts: the first pair answers clients that name no site, or
// one that no certificate is for.
func Files(pairs []Pair) (*FileSource, error) {
	if len(pairs) == 0 {
		return nil, errors.New("certificate files: none is named")
	}
	s := &FileSource{pairs: slices.Clone(pairs)}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads all files again. On an error, which holds the problems of all pairs, the
// certificates of before stay.
func (s *FileSource) Reload() error {
	set := &fileSet{byName: make(map[string][]*tls.Certificate)}
	var problems []error
	for _, pair := range s.pairs {
		cert, err := LoadPair(pair)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		set.certs = append(set.certs, cert)
		for _, name := range names(cert) {
			set.byName[name] = append(set.byName[name], cert)
		}
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	s.now.Store(set)
	return nil
}

// GetCertificate is for tls.Config. It takes a certificate for the asked name, then one
// for its wildcard, then the first pair's; among several for a name, the first whose key
// the client can use. Clients that name no site are answered by the address they came
// to, when a certificate holds it.
func (s *FileSource) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	set := s.now.Load()
	found := set.find(askedName(hello))
	if found == nil {
		found = set.certs[:1]
	}
	if len(found) > 1 {
		for _, cert := range found {
			if hello.SupportsCertificate(cert) == nil {
				return cert, nil
			}
		}
	}
	return found[0], nil
}

// WithLocal returns a GetCertificate for a door that has both: a name that a file
// covers is answered from there, another name of the local CA from the CA, and the rest
// by the first pair.
func (s *FileSource) WithLocal(ca *LocalCA) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := askedName(hello)
		local := name == "localhost" || name == "127.0.0.1" || name == "::1" || underLocalhost(name)
		if local && s.now.Load().find(name) == nil {
			return ca.GetCertificate(hello)
		}
		return s.GetCertificate(hello)
	}
}

// askedName is the name that a client sent, in lower case, or the address it came to.
func askedName(hello *tls.ClientHelloInfo) string {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if name == "" && hello.Conn != nil {
		if host, _, err := net.SplitHostPort(hello.Conn.LocalAddr().String()); err == nil {
			return host
		}
	}
	return name
}

// find returns the certificates for a name: those that name it, else its wildcard's.
func (set *fileSet) find(name string) []*tls.Certificate {
	if found := set.byName[name]; found != nil {
		return found
	}
	return set.byName[wildcard(name)]
}

// Covers reports whether a certificate is for the host name or IP address.
func (s *FileSource) Covers(host string) bool {
	return s.now.Load().find(strings.ToLower(strings.TrimSuffix(host, "."))) != nil
}

// Names returns every name of every certificate, sorted, wildcards as they are written.
func (s *FileSource) Names() []string {
	var all []string
	for name := range s.now.Load().byName {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// FileStatus is what there is to tell about one pair.
type FileStatus struct {
	Pair  Pair
	Names []string
	// NotAfter is the end of the leaf's life.
	NotAfter time.Time
	// Days is the number of whole days until then; negative once it is over.
	Days int
}

// Status tells about the certificates that are served, in the order of the pairs.
func (s *FileSource) Status() []FileStatus {
	now := time.Now()
	set := s.now.Load()
	all := make([]FileStatus, len(set.certs))
	for i, cert := range set.certs {
		end := cert.Leaf.NotAfter
		all[i] = FileStatus{
			Pair: s.pairs[i], Names: names(cert), NotAfter: end,
			Days: int(math.Floor(end.Sub(now).Hours() / 24)),
		}
	}
	return all
}

// names lists the names of a leaf in lower case, each once.
func names(cert *tls.Certificate) []string {
	all := make([]string, 0, len(cert.Leaf.DNSNames)+len(cert.Leaf.IPAddresses))
	for _, name := range cert.Leaf.DNSNames {
		all = append(all, strings.ToLower(name))
	}
	for _, ip := range cert.Leaf.IPAddresses {
		all = append(all, ip.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// wildcard returns the pattern that covers a name: *.example.com for a.example.com. A
// wildcard stands for one whole label (RFC 9525 section 6.3).
func wildcard(name string) string {
	_, parent, found := strings.Cut(name, ".")
	if !found || !strings.Contains(parent, ".") {
		return ""
	}
	return "*." + parent
}
