package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

// explainFault tells of a finding of the scan of a TLS server, with the lines for each
// server program.
func explainFault(w io.Writer, f mend.Fault) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nWhy it matters: %s.\nMend: %s.\n", f.Name, f.What, f.Why, f.Do)
	if len(f.Settings) == 0 {
		fmt.Fprintf(&b, "\nNo matter of configuration:\n\n  %s\n", strings.ReplaceAll(f.Instead, "\n", "\n  "))
	} else {
		for _, s := range mend.Servers() {
			fmt.Fprintf(&b, "\n%s:\n\n  %s\n", s.Title(), strings.ReplaceAll(strings.TrimSpace(f.Lines(s, false)), "\n", "\n  "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
