package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	// rootLife is long because a new root must be trusted anew by a person; what limits
	// the harm of an old one are its name constraints.
	rootLife = 10 * 365 * 24 * time.Hour
	// backdate lets a leaf be valid on a machine or in a container whose clock is behind.
	backdate = time.Hour

	caFolder = "ca"
	rootName = "root.pem"
	keyName  = "root.key"
)

// LocalCA is a certificate authority for the names of this machine alone: localhost,
// names under .localhost, 127.0.0.1 and ::1. It is safe for concurrent use, by several
// processes over one folder too.
type LocalCA struct {
	folder  string
	root    *x509.Certificate
	key     crypto.Signer
	created bool

	mu     sync.Mutex
	leaves map[string]*leaf
}

// OpenLocalCA opens the local CA in the folder ca of the state folder dir, and makes
// both when they are missing, with modes 0700 for the folders and 0600 for the key. Of
// several processes that start at once one makes the CA and the others open it.
//
// It is an error when the key can be read by another user, when the root is expired or
// is not constrained to the names above, and when the two do not belong together.
func OpenLocalCA(dir string) (*LocalCA, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("local CA: %w", err)
	}
	folder := filepath.Join(dir, caFolder)
	ca, err := readLocalCA(folder)
	if !errors.Is(err, fs.ErrNotExist) {
		return ca, err
	}
	if _, err := os.Stat(filepath.Join(folder, keyName)); err == nil {
		return arrived(folder)
	}
	if err := makeLocalCA(dir, folder); err != nil {
		return nil, fmt.Errorf("local CA: %w", err)
	}
	ca, err = readLocalCA(folder)
	if err == nil {
		ca.created = true
	}
	return ca, err
}

// arrived opens a CA that has a key where no root was found a moment ago. Both come with one
// rename, so that another process may have made it since; what still has no root has lost it.
func arrived(folder string) (*LocalCA, error) {
	ca, err := readLocalCA(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("local CA: %s is missing beside its key; restore it, or delete %s for a new CA", filepath.Join(folder, rootName), folder)
	}
	if err == nil {
		ca.created = true
	}
	return ca, err
}

// Created reports whether this process made the CA, or met it while another was making
// it: nobody can have trusted it yet.
func (ca *LocalCA) Created() bool { return ca.created }

// Root returns the CA's certificate; it must not be changed.
func (ca *LocalCA) Root() *x509.Certificate { return ca.root }

// RootPEM returns the CA's certificate as PEM, for a client's trust store.
func (ca *LocalCA) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.root.Raw})
}

// RootFile returns the path of that PEM file. Its folder can be entered by this user
// only, so others are given a copy.
func (ca *LocalCA) RootFile() string { return filepath.Join(ca.folder, rootName) }

// RootFile returns where OpenLocalCA keeps the CA's certificate under the state folder
// dir, for clients that only want to trust it. There is no file when no CA was made yet.
func RootFile(dir string) string { return filepath.Join(dir, caFolder, rootName) }

// ID returns eight hexadecimal digits that tell this CA from others of its kind; they
// are in its name too.
func (ca *LocalCA) ID() string { return keyID(ca.root.PublicKey) }

// keyID names a key without saying anything about the machine or its user.
func keyID(public crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "00000000" // only for kinds of key that no certificate holds
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:4])
}

// Names returns the names that the CA certifies, as a person writes them.
func (ca *LocalCA) Names() []string {
	return []string{"localhost", "*.localhost", "127.0.0.1", "::1"}
}

// readLocalCA reads a CA that exists, and refuses one that is not ours to trust. The
// error is fs.ErrNotExist when there is none.
func readLocalCA(folder string) (*LocalCA, error) {
	wrong := func(text string) error {
		return fmt.Errorf("local CA: %s %s; delete %s for a new CA", filepath.Join(folder, rootName), text, folder)
	}
	unreadable := func(err error) error {
		if errors.As(err, new(*FileError)) && !errors.As(err, new(*fs.PathError)) {
			return fmt.Errorf("local CA: %w; delete %s for a new CA", err, folder)
		}
		return fmt.Errorf("local CA: %w", err)
	}
	chain, err := readChain(filepath.Join(folder, rootName))
	if err != nil {
		return nil, unreadable(err)
	}
	err = private(folder, filepath.Join(folder, keyName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, wrong("has lost its key")
	}
	if err != nil {
		return nil, fmt.Errorf("local CA: %w", err)
	}
	key, err := readKey(filepath.Join(folder, keyName))
	if err != nil {
		return nil, unreadable(err)
	}
	root, now := chain[0], time.Now()
	switch {
	case len(chain) != 1 || !matches(root.PublicKey, key):
		return nil, wrong("and its key do not belong together")
	case !constrained(root):
		return nil, wrong("is not constrained to localhost, so whoever has its key could speak for any site")
	case now.After(root.NotAfter):
		return nil, wrong("expired on " + root.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(root.NotBefore):
		return nil, fmt.Errorf("local CA: %s is not valid before %s: check the clock of this machine",
			filepath.Join(folder, rootName), root.NotBefore.UTC().Format(time.RFC3339))
	}
	return &LocalCA{folder: folder, root: root, key: key, leaves: make(map[string]*leaf)}, nil
}

// constraints are what the root may certify. A permitted "localhost" covers the names
// under it as well (RFC 5280 section 4.2.1.10).
func constraints() (dns []string, ips []*net.IPNet) {
	return []string{"localhost"}, []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 1).To4(), Mask: net.CIDRMask(32, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
}

// constrained reports whether a root can certify local names for servers and no more.
func constrained(root *x509.Certificate) bool {
	dns, ips := constraints()
	sameIP := slices.EqualFunc(root.PermittedIPRanges, ips, func(a, b *net.IPNet) bool { return a.String() == b.String() })
	return root.IsCA && root.BasicConstraintsValid && root.MaxPathLen == 0 && root.MaxPathLenZero &&
		root.PermittedDNSDomainsCritical && slices.Equal(root.PermittedDNSDomains, dns) && sameIP &&
		slices.Equal(root.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) && len(root.UnknownExtKeyUsage) == 0
}

// makeLocalCA makes the CA in a folder of its own and puts that in place with one
// rename. A folder cannot be renamed onto one that holds something, so the first
// process wins and no half of a CA is ever seen.
func makeLocalCA(dir, folder string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(dir, "."+caFolder+"-*") // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := rootCertificate(key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(temporary, keyName), 0o600, "PRIVATE KEY", pkcs8); err != nil {
		return err
	}
	if err := writePEM(filepath.Join(temporary, rootName), 0o644, "CERTIFICATE", der); err != nil {
		return err
	}
	if err := os.Rename(temporary, folder); err != nil {
		if _, other := os.Stat(filepath.Join(folder, rootName)); other == nil {
			return nil // another process was first
		}
		return err
	}
	return nil
}

func rootCertificate(key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	dns, ips := constraints()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject: pkix.Name{
			Organization: []string{"Panoply local CA"},
			CommonName:   "Panoply local CA " + keyID(key.Public()) + " (localhost only)",
		},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(rootLife),
		KeyUsage:                    x509.KeyUsageCertSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         dns,
		PermittedIPRanges:           ips,
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}

// serialNumber returns a positive random number of 127 bits.
func serialNumber() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return n.Add(n, big.NewInt(1)), nil
}

// writePEM writes a new file and its bytes to the disk: a rename that outlives a crash
// must not name empty files.
func writePEM(name string, mode fs.FileMode, kind string, der []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: kind, Bytes: der})
	return errors.Join(err, f.Sync(), f.Close())
}
