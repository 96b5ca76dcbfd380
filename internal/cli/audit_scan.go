package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/tlsscan"
)

// scanFlags say how a TLS server is scanned.
type scanFlags struct{ sni, logs, certificate string }

func (f *scanFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.sni, "sni", "", "with --only tls: server name to ask for and to look for in the certificate (default: the host of the address)")
	flags.StringVar(&f.logs, "ct-logs", "", "with --only tls: JSON file of certificate transparency logs, by which timestamps are checked")
	flags.StringVar(&f.certificate, "client-cert", "", "with --only tls: PEM file with a certificate and its key, for a server that demands one")
}

// scan is how to scan the targets: with --only tls as a whole, otherwise not.
func (v *auditFlags) scan(roots []*x509.Certificate) (*check.Scan, error) {
	if !slices.Contains(v.only, "tls") {
		for name, value := range map[string]string{"sni": v.scanning.sni, "ct-logs": v.scanning.logs, "client-cert": v.scanning.certificate} {
			if value != "" {
				return nil, usageError("add --only tls", "--%s is for a scan of the TLS server", name)
			}
		}
		return nil, nil
	}
	s := &check.Scan{ServerName: v.scanning.sni, Roots: roots}
	if name := v.scanning.logs; name != "" {
		text, err := os.ReadFile(name)
		if err == nil {
			_, err = tlsscan.ReadLogs(bytes.NewReader(text))
		}
		if err != nil {
			return nil, &exitError{code: exitUsage, err: fmt.Errorf("--ct-logs: %w", err)}
		}
		s.Logs = text
	}
	if name := v.scanning.certificate; name != "" {
		c, err := tls.LoadX509KeyPair(name, name)
		if err != nil {
			return nil, &exitError{code: exitUsage, err: fmt.Errorf("--client-cert %s: %w", name, err)}
		}
		s.ClientCertificate = &c
	}
	return s, nil
}
