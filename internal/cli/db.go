package cli

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/panoplysec/panoply/internal/osv/mirror"
)

func newDB(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Fetch the advisories by which audit knows vulnerable packages, and show their age: update, status",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDBUpdate(s), newDBStatus(s))
	return cmd
}

type dbFlags struct {
	o                       mirror.Options
	roots, sums, signatures []string
	key                     string
	timeout                 time.Duration
}

func newDBUpdate(s Streams) *cobra.Command {
	v := new(dbFlags)
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Fetch what is new of OSV's advisories",
		Long: `Update fetches the archives of advisories that OSV publishes for each ecosystem, and keeps
them as indexes, which audit takes where --advisories names none.

They come over TLS. An archive that is no whole zip, that is not as the server's own sums
say, or that is suddenly a good deal smaller or older than what it would replace, is
refused, and what was there stays. A mirror can be held to a checksum or to a signature of
minisign. Proxies are those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY.

What is broken off goes on where it was the next time. Where nothing has changed, that
costs one request for each ecosystem.`,
		Example: `  panoply db update
  panoply db update --source https://mirror.example/osv --key mirror.pub
  panoply db update --ecosystem npm --sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return v.update(cmd.Context(), s) },
	}
	f := cmd.Flags()
	f.StringVar(&v.o.Source, "source", mirror.DefaultSource, "address below which ECOSYSTEM/all.zip lies: https, or http on loopback")
	f.StringSliceVar(&v.o.Ecosystems, "ecosystem", mirror.DefaultEcosystems(), "ecosystems to fetch, spelled as OSV does")
	f.StringVar(&v.o.Dir, "dir", "", "folder of the indexes, to be given to --advisories (default: panoply/osv in your cache folder, where audit looks by itself)")
	f.StringArrayVar(&v.sums, "sha256", nil, "sum that the archive must have: HEX for one ecosystem, ECOSYSTEM=HEX for each of several (repeat for more)")
	f.StringVar(&v.key, "key", "", "file of the minisign key that must have signed the archives")
	f.StringArrayVar(&v.signatures, "signature", nil, "file of the signature: FILE for one ecosystem, ECOSYSTEM=FILE for each of several (default with --key: the archive's address with .minisig after it)")
	f.StringArrayVar(&v.roots, "root", nil, "PEM file of a certificate authority to trust beside the system's (repeat for more)")
	f.IntVar(&v.o.MinRecords, "min-records", mirror.DefaultMinRecords, "how many advisories an archive has at least")
	f.DurationVar(&v.timeout, "timeout", time.Hour, "time for the whole update; what has come until then is kept")
	return cmd
}

// options reads what the flags name.
func (v *dbFlags) options() error {
	if v.o.Dir = cmp.Or(v.o.Dir, mirror.Dir()); v.o.Dir == "" {
		return noFolder()
	}
	if v.timeout <= 0 {
		return usageError("", "--timeout %v must be above 0", v.timeout)
	}
	if v.o.MinRecords <= 0 {
		return usageError("", "--min-records %d must be above 0", v.o.MinRecords)
	}
	var err error
	if v.o.SHA256, err = v.perEcosystem("--sha256", v.sums); err != nil {
		return err
	}
	if v.o.Signatures, err = v.perEcosystem("--signature", v.signatures); err != nil {
		return err
	}
	for _, name := range v.o.Signatures {
		if _, err := os.Stat(name); err != nil {
			return &exitError{code: exitUsage, err: fmt.Errorf("--signature: %w", err)}
		}
	}
	if v.key != "" {
		text, err := os.ReadFile(v.key)
		if err == nil {
			v.o.Key, err = mirror.ParseKey(string(text))
		}
		if err != nil {
			return &exitError{code: exitUsage, err: fmt.Errorf("--key: %s: %w", v.key, err)}
		}
	}
	if len(v.roots) == 0 {
		return nil
	}
	if v.o.Roots, err = x509.SystemCertPool(); err != nil {
		v.o.Roots = x509.NewCertPool() // a system without any; those that are named are enough
	}
	for _, name := range v.roots {
		found, err := readRoots(name)
		if err != nil {
			return &exitError{code: exitUsage, err: fmt.Errorf("--root: %w", err)}
		}
		for _, cert := range found {
			v.o.Roots.AddCert(cert)
		}
	}
	return nil
}

// perEcosystem reads ECOSYSTEM=VALUE, or VALUE where there is one ecosystem.
func (v *dbFlags) perEcosystem(flag string, values []string) (map[string]string, error) {
	all := map[string]string{}
	for _, value := range values {
		name, rest, named := strings.Cut(value, "=")
		if !named {
			if name, rest = v.o.Ecosystems[0], value; len(v.o.Ecosystems) != 1 {
				return nil, usageError("", "%s %s: of which of %s? write %s %s=%s", flag, value, strings.Join(v.o.Ecosystems, ", "), flag, name, value)
			}
		}
		if _, twice := all[name]; twice {
			return nil, usageError("", "%s is given twice for %s", flag, name)
		}
		all[name] = rest
	}
	return all, nil
}

func (v *dbFlags) update(ctx context.Context, s Streams) error {
	if len(v.o.Ecosystems) == 0 {
		return usageError("", "--ecosystem names none")
	}
	if err := v.options(); err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	bar := newBar(s.Err, decor.CountersKibiByte("% .1f / % .1f "))
	v.o.Tell = func(ecosystem string, done, total int64) { bar.tell(int(done), int(total), ecosystem) }
	results, err := mirror.Update(ctx, v.o)
	bar.close()
	for _, r := range results {
		what := "fetched"
		if r.Unchanged {
			what = "nothing new"
		}
		fmt.Fprintf(s.Out, "%s: %d advisories, the newest of %s (%s)\n", r.Ecosystem, r.Meta.Records, r.Meta.Newest.Format(time.DateOnly), what)
		if r.Meta.Unread > 0 && !r.Unchanged {
			fmt.Fprintf(s.Err, "panoply: warning: %s: %d records could not be read and are left out; the first %s\n", r.Ecosystem, r.Meta.Unread, visible(r.Meta.FirstUnread))
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mirror.ErrOptions):
		return &exitError{code: exitUsage, err: err, hint: "panoply help db update"}
	case errors.Is(err, mirror.ErrLocked):
		return &exitError{code: exitIncomplete, err: err, hint: "wait for the other one, or end it"}
	}
	return &exitError{code: exitIncomplete, err: err, hint: "what was there stays in use; panoply db status shows its age"}
}

func newDBStatus(s Streams) *cobra.Command {
	var dir, format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show which advisories are there, how old they are, and where they came from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			if dir = cmp.Or(dir, mirror.Dir()); dir == "" {
				return noFolder()
			}
			all, err := mirror.Status(dir)
			if len(all) > 0 {
				if err := shown(s.Out, format, all, func() error { return dbText(s.Out, all) }); err != nil {
					return err
				}
			}
			switch {
			case err != nil:
				return &exitError{code: exitIncomplete, err: err, hint: "panoply db update makes it anew"}
			case len(all) == 0:
				return &exitError{code: exitIncomplete, err: fmt.Errorf("there are no advisories in %s", dir), hint: "panoply db update"}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "folder of the indexes (default: panoply/osv in your cache folder)")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func noFolder() error {
	return usageError("", "the system names no folder for what can be fetched again: name one with --dir")
}

func dbText(w io.Writer, all []mirror.Index) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	day := func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return fmt.Sprintf("%s (%d days ago)", t.Format(time.DateOnly), int(time.Since(t).Hours()/24))
	}
	for i, x := range all {
		if i > 0 {
			fmt.Fprintln(tw)
		}
		row := func(name, format string, args ...any) {
			fmt.Fprintf(tw, "%s\t%s\n", name, visible(fmt.Sprintf(format, args...)))
		}
		row(x.Ecosystem, "%d advisories, %d withdrawn", x.Meta.Records, x.Meta.Withdrawn)
		row("newest", "%s", day(x.Meta.Newest))
		row("file", "%s (%.1f MB)", x.File, float64(x.Bytes)/1e6)
		row("asked", "%s", day(x.Checked))
		if f := x.Meta.Fetched; f != nil {
			row("fetched", "%s", day(f.At))
			row("from", "%s (%.1f MB)", f.URL, float64(f.Bytes)/1e6)
			row("sha256", "%s", f.SHA256)
			if f.Signed != "" {
				row("signed by", "%s", f.Signed)
			}
		}
		if x.Meta.Unread > 0 {
			row("left out", "%d records that cannot be read", x.Meta.Unread)
		}
	}
	return tw.Flush()
}
