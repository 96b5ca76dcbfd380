package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/internal/report/redact"
	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

func (v *auditFlags) defineFixes(cmd *cobra.Command) {
	cmd.Flags().StringVar((*string)(&v.fixFor), "fix-for", "", "with --only tls: write, instead of the report, the lines that mend all that was found, for nginx, apache, caddy, haproxy, node or go")
}

func (v *auditFlags) checkFixes(cmd *cobra.Command) error {
	if v.fixFor == "" {
		return nil
	}
	_, err := mend.ParseServer(string(v.fixFor))
	switch {
	case err != nil:
		return usageError("", "--fix-for: %v", err)
	case !slices.Contains(v.only, "tls"):
		return usageError("add --only tls", "--fix-for is for a scan of the TLS server")
	case cmd.Flags().Changed("format"):
		return usageError("--report FILE writes the report besides", "--fix-for writes lines of configuration, and no report in --format %s", v.format)
	}
	return nil
}

// writeFixes writes for each scan of the report one piece of configuration.
func writeFixes(s Streams, server mend.Server, r *audit.Report) error {
	row, _ := r.Practice("tls")
	if len(row.Scans) == 0 {
		fmt.Fprintf(s.Err, "panoply: warning: no TLS server was scanned: %s\n", redact.Line(row.Reason))
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
	return nil
}
