package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/panoplysec/panoply/internal/fix"
)

var errNoAnswer = errors.New("the answers ended: nothing was written")

// A wizard asks what to do about each finding, and does it all at the end.
type wizard struct {
	*fixRun
	in      *bufio.Reader
	upgrade map[string]bool
	notes   fix.Notes
	patches map[string]*fix.Patch
	left    int
}

// answerable says whether there is somebody to ask.
func (v *fixFlags) answerable(s Streams) error {
	f, ok := s.In.(*os.File)
	if v.answers || ok && term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return usageError("--answers reads them from there all the same", "--interactive asks, and standard input is no terminal")
}

// ask goes through the findings of one lockfile.
func (r *fixRun) ask(ctx context.Context, f *fix.Fixer) error {
	if r.wizard == nil {
		r.wizard = &wizard{fixRun: r, in: bufio.NewReader(r.s.In), patches: map[string]*fix.Patch{}}
	}
	w := r.wizard
	w.upgrade = map[string]bool{}
	fmt.Fprintf(r.s.Err, "panoply: looking for what mends %d findings\n", len(f.Findings()))
	out, err := f.Fix(ctx)
	if err != nil {
		return failed(r.o.Lockfile, err)
	}
	d := fixed{Outcome: out}
	if d.Removed, d.Unseen, err = removedAPIs(r.dir, out.Steps); err != nil {
		return failed(r.o.Lockfile, err)
	}
	var b strings.Builder
	if d.removedText(&b); b.Len() > 0 {
		if err := w.say("%s", b.String()); err != nil {
			return &exitError{code: exitIncomplete, err: err}
		}
	}
	steps := map[string][]string{}
	for i := range out.Steps {
		for _, key := range out.Steps[i].Clears {
			steps[key] = append(steps[key], out.Steps[i].String())
		}
	}
	why := map[string][]string{}
	for _, l := range out.Left {
		why[l.Key()] = l.Why
	}
	for i := range out.Before {
		if x := &out.Before[i]; r.o.Wanted(x) {
			if err := w.finding(x, steps[x.Key()], why[x.Key()]); err != nil {
				return &exitError{code: exitIncomplete, err: err}
			}
		}
	}
	return w.mend(ctx, out.Lockfile)
}

func (w *wizard) say(format string, args ...any) error {
	return printable(w.s.Out, fmt.Sprintf(format, args...))
}

// line reads an answer.
func (w *wizard) line(question string) (string, error) {
	if _, err := io.WriteString(w.s.Out, question+" "); err != nil {
		return "", err
	}
	text, err := w.in.ReadString('\n')
	if text = strings.TrimSpace(text); err != nil && text == "" {
		return "", errNoAnswer
	}
	return text, nil
}

func (w *wizard) finding(x *fix.Finding, steps, why []string) error {
	if err := w.say("\n%s %s  %s  %s%s  %s\n", x.Package, x.Version, x.Advisory, x.Severity, onlyDev(x.Dev), x.Summary); err != nil {
		return err
	}
	for _, way := range x.Ways {
		if err := w.say("  by %s\n", way); err != nil {
			return err
		}
	}
	for _, s := range append(slices.Clone(steps), why...) {
		if err := w.say("  %s\n", s); err != nil {
			return err
		}
	}
	question := "[p]atch, [s]hield at the door, [i]gnore, or skip (Enter)?"
	if len(steps) > 0 {
		question = "[u]pgrade, " + question
	}
	for {
		answer, err := w.line(question)
		if err != nil {
			return err
		}
		done := true
		switch strings.ToLower(answer) {
		case "u", "upgrade":
			if done = len(steps) > 0; done {
				w.upgrade[x.Key()] = true
			}
		case "p", "patch":
			done, err = w.patch(x)
		case "s", "shield":
			done, err = w.shield(x)
		case "i", "ignore":
			done, err = w.ignore(x, "")
		case "", "skip":
			w.left++
		default:
			done = false
		}
		if err != nil {
			return err
		}
		if done {
			return nil
		}
		if err := w.say("  that cannot be done here\n"); err != nil {
			return err
		}
	}
}

// patch tries a patch file on the folder.
func (w *wizard) patch(x *fix.Finding) (bool, error) {
	if len(w.fixFlags.patches) == 0 {
		return false, w.say("  no patch was given: --patch FILE\n")
	}
	name := w.fixFlags.patches[0]
	if len(w.fixFlags.patches) > 1 {
		answer, err := w.line("which of " + strings.Join(w.fixFlags.patches, ", ") + "?")
		if err != nil {
			return false, err
		}
		if name = answer; !slices.Contains(w.fixFlags.patches, name) {
			return false, nil
		}
	}
	if w.patches[name] == nil {
		text, err := os.ReadFile(name)
		if err != nil {
			return false, w.say("  %v\n", err)
		}
		p, err := fix.ReadPatch(w.dir, text)
		if err != nil {
			return false, w.say("  %s: %v\n", name, err)
		}
		w.patches[name] = p
		if err := w.say("%s", p.Diff()); err != nil {
			return false, err
		}
		if p.Installed() {
			if err := w.say("  the next install brings back what it changes in node_modules: keep it with your package manager's own patch command\n"); err != nil {
				return false, err
			}
		}
	}
	// The version stays, and so does the finding.
	return w.ignore(x, "patched with "+name)
}

// shield writes the shield of a finding, where one is known.
func (w *wizard) shield(x *fix.Finding) (bool, error) {
	known := fix.ShieldFor(x)
	switch {
	case known == nil:
		return false, w.say("  no shield is known for this one: where requests reach it by something of their own, write one (docs/shields.md)\n")
	case !known.Offered() && known.Effect == "closed":
		return false, w.say("  no shield is needed: %s\n", known.Why)
	case !known.Offered():
		return false, w.say("  the door cannot shield this one: %s\n", known.Why)
	}
	if by := shieldedBy(w.shields, x); by != nil {
		return false, w.say("  %s stands before it already\n", by.By)
	}
	if slices.ContainsFunc(w.notes.Shields, func(s fix.Shield) bool { return s.ID == x.Advisory }) {
		w.left++
		return true, w.say("  the shield that was just asked for stands before this version, too\n")
	}
	if err := w.say("  The shield %s: %s. The finding stays, and the package is to be mended.\n", meansOf(known.Effect), known.Why); err != nil {
		return false, err
	}
	reason, err := w.line("why is it not mended?")
	if err != nil {
		return false, err
	}
	if reason == "" {
		return false, w.say("  without a reason there is no shield\n")
	}
	until, ok, err := w.day("by which day is it to be (2026-12-31)? the shield stays after it, and the audit tells")
	if err != nil || !ok {
		return false, err
	}
	w.notes.Shields = append(w.notes.Shields, fix.Shield{ID: x.Advisory, Reason: reason, Until: until, Shielding: known})
	w.left++
	return true, nil
}

// meansOf says what an effect is.
func meansOf(effect string) string {
	if effect == "closes" {
		return "closes the hole to what comes through the door"
	}
	return "narrows the hole, and does not close it"
}

// day asks for one of the coming year.
func (w *wizard) day(question string) (until string, ok bool, err error) {
	if until, err = w.line(question); err != nil {
		return "", false, err
	}
	day, err := time.Parse(time.DateOnly, until)
	if now := time.Now(); err != nil || day.Before(now.Add(-24*time.Hour)) || day.After(now.Add(maxIgnored)) {
		return "", false, w.say("  %q is no day of the coming year\n", until)
	}
	return until, true, nil
}

// maxIgnored is how long a finding is ignored at most.
const maxIgnored = 366 * 24 * time.Hour

func (w *wizard) ignore(x *fix.Finding, reason string) (bool, error) {
	var err error
	if reason == "" {
		if reason, err = w.line("why?"); err != nil {
			return false, err
		}
		if reason == "" {
			return false, w.say("  without a reason nothing is ignored\n")
		}
	}
	until, ok, err := w.day("until which day (2026-12-31)?")
	if err != nil || !ok {
		return false, err
	}
	w.notes.Ignores = append(w.notes.Ignores, fix.Ignore{ID: x.Advisory, Path: waysTo(x), Reason: reason, Until: until})
	return true, nil
}

// waysTo is the pattern of all ways to a locked version.
func waysTo(x *fix.Finding) string {
	direct, deep := false, false
	for _, way := range x.Ways {
		if strings.Contains(way, " > ") {
			deep = true
		} else {
			direct = true
		}
	}
	switch at := x.Package + "@" + x.Version; {
	case deep && !direct:
		return "* > " + at
	case direct && !deep:
		return at
	}
	return "*"
}

// mend writes the upgrades of a lockfile.
func (w *wizard) mend(ctx context.Context, file string) error {
	if len(w.upgrade) == 0 {
		return nil
	}
	o := w.o
	o.Lockfile = file
	o.Wanted = func(x *fix.Finding) bool { return w.upgrade[x.Key()] }
	f, err := fix.New(w.dir, o)
	if err != nil {
		return failed(file, err)
	}
	defer f.Close()
	out, err := f.Fix(ctx)
	if err != nil {
		return failed(file, err)
	}
	for _, c := range out.Changes {
		if err := w.say("\n%s", c.Diff); err != nil {
			return err
		}
	}
	if yes, err := w.yes(fmt.Sprintf("write %s?", strings.Join(out.Names(), ", "))); err != nil || !yes {
		w.left += len(w.upgrade)
		return err
	}
	if err := w.put(ctx, f, out); err != nil {
		return err
	}
	for _, l := range out.Left {
		if w.upgrade[l.Key()] {
			w.left++
		}
	}
	return nil
}

func (w *wizard) yes(question string) (bool, error) {
	answer, err := w.line(question + " [y/N]")
	if err != nil {
		return false, &exitError{code: exitIncomplete, err: err}
	}
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), nil
}

// finish applies patches and writes the notes.
func (w *wizard) finish() error {
	for _, name := range w.fixFlags.patches {
		p := w.patches[name]
		if p == nil {
			continue
		}
		defer p.Close()
		if yes, err := w.yes("apply " + name + "?"); err != nil || !yes {
			if err == nil {
				err = &exitError{code: exitFindings}
			}
			return err // what says that it is patched is not written either
		}
		if err := p.Apply(); err != nil {
			return failed(name, err)
		}
	}
	if len(w.notes.Ignores)+len(w.notes.Shields) > 0 {
		if err := fix.WriteNotes(w.dir, w.notes); err != nil {
			return failed(fix.ConfigFile, err)
		}
		fmt.Fprintf(w.s.Err, "panoply: wrote %s\n", fix.ConfigFile)
	}
	if w.left > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}
