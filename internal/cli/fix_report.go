package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/internal/fix"
)

// A fixRun is one run over the lockfiles of a folder.
type fixRun struct {
	*fixFlags
	s     Streams
	dir   string
	o     fix.Options
	quiet func()
	// ignores are those of the folder.
	ignores []audit.Ignore
	shields []audit.Shield
	done    []fixed

	wizard *wizard
}

// fixed is what became of one lockfile, as --format json has it.
type fixed struct {
	*fix.Outcome
	Written bool `json:"written"`
	// Ignored are the findings that the folder's files leave out.
	Ignored []fixIgnored `json:"ignored"`

	// Removed are what the app uses that the Express of the plan has no more, and Unseen how
	// many places of its source could not be read for that.
	Removed []removedAPI `json:"express_removed,omitempty"`
	Unseen  int          `json:"express_unseen,omitempty"`
	// open says that something that was asked for is not cleared.
	open bool
}

func (r *fixRun) one(ctx context.Context, file string) error {
	o := r.o
	o.Lockfile = file
	f, err := fix.New(r.dir, o)
	if err != nil {
		return failed(file, err)
	}
	defer f.Close()
	if r.interactive {
		r.quiet()
		return r.ask(ctx, f)
	}
	out, err := f.Fix(ctx)
	if err != nil {
		return failed(file, err)
	}
	d := fixed{Outcome: out}
	if d.Removed, d.Unseen, err = removedAPIs(r.dir, out.Steps); err != nil {
		return failed(file, err)
	}
	if r.write {
		if err := r.put(ctx, f, out); err != nil {
			return err
		}
		d.Written = len(out.Changes) > 0
	}
	left := out.Before
	if r.write {
		left = left[:0:0]
		for _, l := range out.Left {
			left = append(left, l.Finding)
		}
	}
	for i := range left {
		d.open = d.open || r.o.Wanted(&left[i])
	}
	d.setAside(r.ignores)
	r.done = append(r.done, d)
	return nil
}

// put tests what the plan comes to, where that is asked for, and writes it.
func (r *fixRun) put(ctx context.Context, f *fix.Fixer, out *fix.Outcome) error {
	if out.Unverified != "" && len(out.Steps) > 0 {
		return failed(out.Lockfile, fmt.Errorf("the plan was not tried, and is not written: %s", out.Unverified))
	}
	if len(out.Changes) == 0 {
		return nil
	}
	if r.run {
		r.quiet()
		err := f.Test(ctx, out, r.s.Err)
		if errors.Is(err, fix.ErrNoTest) {
			return usageError("without --run the plan is written untested", "--run: %v", err)
		}
		if err != nil {
			return failed(out.Lockfile, err)
		}
	}
	if err := f.Write(out, nil); err != nil {
		return failed(out.Lockfile, err)
	}
	return nil
}

// fixSchema is the version of the JSON form.
const fixSchema = 1

func (r *fixRun) report() error {
	open := false
	for _, d := range r.done {
		open = open || d.open
	}
	var err error
	switch {
	case r.interactive:
		return r.wizard.finish()
	case r.format == "json":
		e := json.NewEncoder(r.s.Out)
		e.SetIndent("", "  ")
		err = e.Encode(struct {
			Schema  int     `json:"schema"`
			Write   bool    `json:"write"`
			Results []fixed `json:"results"`
		}{fixSchema, r.write, r.done})
	default:
		for _, d := range r.done {
			if err = r.text(d); err != nil {
				break
			}
		}
	}
	if err != nil {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("writing the plan: %w", err)}
	}
	if open {
		return &exitError{code: exitFindings}
	}
	return nil
}

// text shows a plan as a table, what is left, and the difference it makes.
func (r *fixRun) text(d fixed) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %d findings", d.Lockfile, d.Manager, len(d.Before))
	if n := len(d.Ignored); n > 0 {
		fmt.Fprintf(&b, ", %d ignored,", n)
	}
	if d.Newest != "" {
		fmt.Fprintf(&b, " by advisories up to %s", d.Newest)
	}
	b.WriteString("\n")
	if len(d.Unknown) > 0 {
		fmt.Fprintf(&b, "not looked up, since their version is not told: %s\n", strings.Join(d.Unknown[:min(len(d.Unknown), 10)], ", "))
	}
	if len(d.Steps) > 0 {
		b.WriteString("\n")
		tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "STEP\tPACKAGE\tFROM\tTO\tIN\tCLEARS")
		for _, step := range d.Steps {
			kind, in := string(step.Kind), step.File
			if step.Breaking {
				kind += ", breaking (major)"
			}
			if in == "" {
				in = d.Lockfile
			}
			name := step.Package
			if step.Parent != "" {
				name += " of " + step.Parent
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", kind, name, step.From, step.To, in, cleared(step.Clears))
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	if len(d.Left) > 0 {
		fmt.Fprintf(&b, "\nleft:\n")
		for _, l := range d.Left {
			fmt.Fprintf(&b, "  %s %s  %s  %s%s\n", l.Package, l.Version, l.Advisory, l.Severity, onlyDev(l.Dev))
			for _, why := range l.Why {
				fmt.Fprintf(&b, "    %s\n", why)
			}
			r.shieldText(&b, &l)
		}
		fmt.Fprintf(&b, "  what no version mends can be patched, shielded at the door, or ignored with a reason: panoply fix --interactive\n")
	}
	d.ignoredText(&b)
	d.removedText(&b)
	if len(d.Dropped) > 0 {
		fmt.Fprintf(&b, "\ntried and dropped:\n")
		for _, why := range d.Dropped {
			fmt.Fprintf(&b, "  %s\n", why)
		}
	}
	for _, c := range d.Changes {
		fmt.Fprintf(&b, "\n%s", c.Diff)
	}
	switch {
	case d.Unverified != "":
		fmt.Fprintf(&b, "\nthe plan was not tried: %s\n", d.Unverified)
	case d.Written:
		fmt.Fprintf(&b, "\nwritten: %s. Install what is locked now, and run your tests.\n", strings.Join(d.Names(), ", "))
	case len(d.Steps) > 0:
		fmt.Fprintf(&b, "\nnothing was changed: --write does it\n")
	}
	return printable(r.s.Out, b.String())
}

func onlyDev(dev bool) string {
	if dev {
		return "  (development only)"
	}
	return ""
}

// cleared names two advisories and counts the rest.
func cleared(all []string) string {
	var ids []string
	for _, c := range all {
		ids = append(ids, c[strings.LastIndexByte(c, ' ')+1:])
	}
	if len(ids) > 2 {
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:2], ", "), len(ids)-2)
	}
	return strings.Join(ids, ", ")
}

// printable writes lines with what would move a terminal escaped.
func printable(w io.Writer, text string) error {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(visible(strings.TrimSuffix(line, "\n")) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
