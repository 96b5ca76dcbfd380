package cli

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/certs"
	"github.com/panoplysec/panoply/internal/config"
)

// stores returns those of --root, each by the name it was given with, and for loopback
// addresses the local CA of this user's door: it can sign nothing but loopback names.
func (v *auditFlags) stores(plan *auditPlan) ([]check.Store, error) {
	var all []check.Store
	for _, name := range v.roots {
		if slices.ContainsFunc(all, func(s check.Store) bool { return s.Name == name }) {
			continue
		}
		found, err := readRoots(name)
		if err != nil {
			return nil, &exitError{code: exitUsage, err: fmt.Errorf("--root: %w", err)}
		}
		all = append(all, check.Store{Name: name, Roots: found})
	}
	local := slices.ContainsFunc(plan.targets, func(t check.Target) bool { return loopback(t.URL) })
	if state, err := config.StateDir(); local && err == nil {
		// A door that never ran has no CA; then there is none to trust.
		if found, err := readRoots(certs.RootFile(state)); err == nil {
			all = append(all, check.Store{Name: "door", Roots: found})
		}
	}
	return all, nil
}

// readRoots reads a file of certificates in PEM, or a folder whose files hold some.
func readRoots(name string) ([]*x509.Certificate, error) {
	files := []string{name}
	folder := false
	if entries, err := os.ReadDir(name); err == nil {
		files, folder = nil, true
		for _, e := range entries {
			files = append(files, filepath.Join(name, e.Name()))
		}
	}
	var all []*x509.Certificate
	for _, f := range files {
		found, err := rootsIn(f)
		if folder && errors.Is(err, errNoRoots) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if !slices.ContainsFunc(all, c.Equal) {
				all = append(all, c)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s %w", name, errNoRoots)
	}
	return all, nil
}

var errNoRoots = errors.New("holds no certificate in PEM form")

func rootsIn(name string) ([]*x509.Certificate, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, errNoRoots
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			break
		}
		if !strings.HasSuffix(block.Type, "CERTIFICATE") {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, cert)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s %w", name, errNoRoots)
	}
	return all, nil
}
