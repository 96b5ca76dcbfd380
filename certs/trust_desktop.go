package certs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
)

// darwin uses the login keychain, which needs no administrator and concerns this user
// only. macOS asks the user to agree.
//
// Source: security(1), add-trusted-cert, remove-trusted-cert, delete-certificate.
func (s System) darwin(p *Plan, ca *LocalCA, trust bool) error {
	if s.Home == "" {
		return errors.New("no home folder, so no login keychain: add " + ca.RootFile() + " in Keychain Access by hand")
	}
	keychain := filepath.Join(s.Home, "Library", "Keychains", "login.keychain-db")
	if trust {
		p.Steps = []Step{{
			Text: "trust the CA for TLS in the login keychain; macOS will ask",
			Args: []string{"security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", keychain, ca.RootFile()},
		}}
		p.Notes = append(p.Notes, "Firefox follows when security.enterprise_roots.enabled is true, its default on macOS")
		return nil
	}
	sum := sha256.Sum256(ca.Root().Raw)
	p.Steps = []Step{
		{
			Text: "take the trust in the CA back; macOS will ask", Optional: true,
			Args: []string{"security", "remove-trusted-cert", ca.RootFile()},
		},
		{
			Text: "delete the CA's certificate from the login keychain",
			Args: []string{"security", "delete-certificate", "-Z", strings.ToUpper(hex.EncodeToString(sum[:])), keychain},
		},
	}
	return nil
}

// windows uses the current user's store, which needs no administrator. Windows shows a
// dialog before it adds a root.
//
// Source: certutil documentation, -addstore, -delstore, -user.
func (s System) windows(p *Plan, ca *LocalCA, trust bool) {
	step := Step{
		Text: "add the CA to this user's trusted roots; Windows will ask",
		Args: []string{"certutil", "-user", "-addstore", "Root", ca.RootFile()},
	}
	if !trust {
		step.Text = "delete the CA from this user's trusted roots; Windows will ask"
		step.Args = []string{"certutil", "-user", "-delstore", "Root", hex.EncodeToString(ca.Root().SerialNumber.Bytes())}
	}
	p.Steps = []Step{step}
	if trust {
		p.Notes = append(p.Notes, "Firefox follows when security.enterprise_roots.enabled is true, its default on Windows")
	}
}
