package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/tlsscan"
)

// scanFlags say how a TLS server is scanned.
type scanFlags struct {
	sni, logs, certificate, profile, resolver string
	crls                                      []string
	fetch                                     bool
}

func (f *scanFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.sni, "sni", "", "with --only tls: server name to ask for and to look for in the certificate (default: the host of the address)")
	flags.StringVar(&f.logs, "ct-logs", "", "with --only tls: JSON file of certificate transparency logs, by which timestamps are checked")
	flags.StringVar(&f.certificate, "client-cert", "", "with --only tls: PEM file with a certificate and its key, for a server that demands one")
	flags.StringVar(&f.profile, "profile", "", "with --only tls: what the server may do, a finding where it does more: modern, intermediate or old of Mozilla's guideline, or FILE or FILE#NAME in the shape of Mozilla's JSON")
	flags.StringArrayVar(&f.crls, "crl", nil, "with --only tls: file of revoked certificates, a CRL in DER or PEM (repeat for more)")
	flags.BoolVar(&f.fetch, "fetch-revocation", false, "with --only tls: ask the certificate's authority by http whether it is revoked; it learns of the scan")
	flags.StringVar(&f.resolver, "resolver", "", "with --only tls: HOST:PORT of the DNS resolver to ask for CAA and HTTPS records (default: the system's, for public names only)")
}

// given names the flags that only a scan has a use for.
func (f *scanFlags) given() []string {
	var names []string
	for _, x := range []struct {
		name string
		is   bool
	}{{"sni", f.sni != ""}, {"ct-logs", f.logs != ""}, {"client-cert", f.certificate != ""}, {"profile", f.profile != ""}, {"resolver", f.resolver != ""}, {"crl", len(f.crls) > 0}, {"fetch-revocation", f.fetch}} {
		if x.is {
			names = append(names, "--"+x.name)
		}
	}
	return names
}

// tlsAlone says that nothing is looked at but TLS.
func (v *auditFlags) tlsAlone() bool { return slices.Equal(v.only, []string{"tls"}) }

// scan is how to scan the targets: with --only tls as a whole, otherwise not.
func (v *auditFlags) scan(stores []check.Store) (*check.Scan, error) {
	f := &v.scanning
	if !slices.Contains(v.only, "tls") {
		if given := f.given(); len(given) > 0 {
			return nil, usageError("add --only tls", "for a scan of the TLS server only: %s", strings.Join(given, ", "))
		}
		return nil, nil
	}
	s := &check.Scan{ServerName: f.sni, Stores: stores, FetchRevocation: f.fetch, Resolver: f.resolver, Alone: v.tlsAlone()}
	var bad []error
	fault := func(flag string, err error) {
		if err != nil {
			bad = append(bad, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	if f.resolver != "" {
		_, _, err := net.SplitHostPort(f.resolver)
		fault("resolver", err)
	}
	if f.logs != "" {
		text, err := os.ReadFile(f.logs)
		if err == nil {
			_, err = tlsscan.ReadLogs(bytes.NewReader(text))
		}
		fault("ct-logs", err)
		s.Logs = text
	}
	if f.certificate != "" {
		c, err := tls.LoadX509KeyPair(f.certificate, f.certificate)
		if err != nil {
			fault("client-cert", fmt.Errorf("%s: %w", f.certificate, err))
		}
		s.ClientCertificate = &c
	}
	for _, name := range f.crls {
		text, err := os.ReadFile(name)
		var lists []*x509.RevocationList
		if err == nil {
			if lists, err = tlsscan.ReadCRLs(text); err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
		}
		fault("crl", err)
		s.CRLs = append(s.CRLs, lists...)
	}
	if f.profile != "" {
		s.Profile = f.profile
		if _, level := tlsscan.MozillaLevel(f.profile); !level {
			file, pick, _ := strings.Cut(f.profile, "#")
			text, err := os.ReadFile(file)
			if err == nil {
				_, err = tlsscan.ReadProfile(file, text, pick)
			} else {
				err = fmt.Errorf("%s is none of modern, intermediate and old, and no file: %w", f.profile, err)
			}
			fault("profile", err)
			s.ProfileText = text
		}
	}
	if len(bad) > 0 {
		return nil, &exitError{code: exitUsage, err: errors.Join(bad...)}
	}
	return s, nil
}
