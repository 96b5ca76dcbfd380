package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

// scanFlags say how a TLS server is scanned.
type scanFlags struct{ sni, logs, certificate, fixFor string }

func (f *scanFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.sni, "sni", "", "with --only tls: server name to ask for and to look for in the certificate (default: the host of the address)")
	flags.StringVar(&f.logs, "ct-logs", "", "with --only tls: JSON file of certificate transparency logs, by which timestamps are checked")
	flags.StringVar(&f.certificate, "client-cert", "", "with --only tls: PEM file with a certificate and its key, for a server that demands one")
	flags.StringVar(&f.fixFor, "fix-for", "", "with --only tls: write, instead of the report, the lines that mend all that was found, for nginx, apache, caddy, haproxy, node or go")
}

// scan is how to scan the targets: with --only tls as a whole, otherwise not.
func (v *auditFlags) scan(cmd *cobra.Command, roots []*x509.Certificate) (*check.Scan, error) {
	if !slices.Contains(v.only, "tls") {
		for name, value := range map[string]string{"sni": v.scanning.sni, "ct-logs": v.scanning.logs, "client-cert": v.scanning.certificate, "fix-for": v.scanning.fixFor} {
			if value != "" {
				return nil, usageError("add --only tls", "--%s is for a scan of the TLS server", name)
			}
		}
		return nil, nil
	}
	if name := v.scanning.fixFor; name != "" {
		if _, err := mend.ParseServer(name); err != nil {
			return nil, usageError("", "--fix-for: %v", err)
		}
		if cmd.Flags().Changed("format") {
			return nil, usageError("--report FILE writes the report besides", "--fix-for writes lines of configuration, and no report in --format %s", v.format)
		}
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

// writeFixes writes for each scan of the report one piece of configuration.
func writeFixes(s Streams, server mend.Server, r *audit.Report) error {
	for _, row := range r.Practices {
		if row.ID != "tls" {
			continue
		}
		if len(row.Scans) == 0 {
			fmt.Fprintf(s.Err, "panoply: warning: no TLS server was scanned: %s\n", row.Reason)
		}
		for i, doc := range row.Scans {
			scan := new(tlsscan.Report)
			if err := json.Unmarshal(doc, scan); err != nil {
				return fmt.Errorf("reading the scan: %w", err)
			}
			if i > 0 {
				fmt.Fprintln(s.Out)
			}
			if _, err := io.WriteString(s.Out, redact.Printable(mend.Snippet(server, scan))); err != nil {
				return err
			}
		}
	}
	return nil
}
