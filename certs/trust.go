package certs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A Step is one change to a trust store, shown to the person before it is done.
type Step struct {
	// Text says what the step does, for a person.
	Text string
	// Args is the command that does it. It is also what to run by hand.
	Args []string
	// Optional steps concern one browser only; their failure does not stop the others.
	Optional bool
}

// String returns the command as a person types it into a shell.
func (s Step) String() string {
	words := make([]string, len(s.Args))
	for i, arg := range s.Args {
		words[i] = shellWord(arg)
	}
	return strings.Join(words, " ")
}

func shellWord(s string) string {
	plain := func(c rune) bool {
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.ContainsRune("-_./:=,+@\\", c)
	}
	if s != "" && strings.IndexFunc(s, func(c rune) bool { return !plain(c) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// A Plan is what Trust and Untrust would do. Nothing is done before Run.
type Plan struct {
	// Steps are done in order. There is nothing to do when it is empty.
	Steps []Step
	// Notes are for the person: stores that could not be reached, and how to.
	Notes []string

	run func(ctx context.Context, args []string) ([]byte, error)
}

// Run does the steps in order and calls before with each one first; before may be nil. The
// error joins the failed steps, each with its output and the command to run by hand. A
// failed step that is not Optional ends the run.
func (p *Plan) Run(ctx context.Context, before func(Step)) error {
	var problems []error
	for _, step := range p.Steps {
		if before != nil {
			before(step)
		}
		out, err := p.run(ctx, step.Args)
		if err == nil {
			continue
		}
		text := strings.TrimSpace(string(bytes.ToValidUTF8(out, []byte("?"))))
		if len(text) > 500 {
			text = text[:500] + "…"
		}
		problems = append(problems, fmt.Errorf("%s: %w: %s; run by hand: %s", step.Text, err, printableLine(text), step))
		if !step.Optional {
			break
		}
	}
	return errors.Join(problems...)
}

// printableLine puts the output of another program on one line without escapes.
func printableLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}

// Trust returns the steps that make this system and the browsers of this user trust the
// local CA: on Linux the system's anchors (Debian, RHEL, Arch, SUSE and their like) and
// the NSS databases of Chromium and Firefox, on macOS and Windows the user's store.
//
// The error says what to do by hand on a system that it does not know.
func Trust(ca *LocalCA) (*Plan, error) { return System{}.Trust(ca) }

// Untrust returns the steps that undo Trust. There are none when nothing is installed,
// as far as that can be seen without asking for rights.
func Untrust(ca *LocalCA) (*Plan, error) { return System{}.Untrust(ca) }

// A System is the machine whose trust store is changed. The zero value is this one.
type System struct {
	// GOOS is the operating system, by default this one's.
	GOOS string
	// Root is put before the paths of the system's stores. Empty for none.
	Root string
	// Home is the user's home folder, by default this user's.
	Home string
	// User reports that the system's own files can be changed through sudo only. It is
	// found out when GOOS is empty.
	User bool
	// LookPath finds programs; nil means exec.LookPath.
	LookPath func(name string) (string, error)
	// Run runs a command and returns what it wrote; nil means os/exec, without a shell
	// and with the terminal as standard input, since sudo may ask for a password.
	Run func(ctx context.Context, args []string) ([]byte, error)
}

// Trust is the function Trust for this System.
func (s System) Trust(ca *LocalCA) (*Plan, error) { return s.plan(ca, true) }

// Untrust is the function Untrust for this System.
func (s System) Untrust(ca *LocalCA) (*Plan, error) { return s.plan(ca, false) }

func (s System) plan(ca *LocalCA, trust bool) (*Plan, error) {
	if s.GOOS == "" {
		s.GOOS = runtime.GOOS
		s.User = os.Geteuid() > 0
	}
	if s.Home == "" {
		s.Home, _ = os.UserHomeDir() // without a home there is no store of the user's
	}
	if s.LookPath == nil {
		s.LookPath = exec.LookPath
	}
	if s.Run == nil {
		s.Run = runCommand
	}
	p := &Plan{run: s.Run}
	var err error
	switch s.GOOS {
	case "linux":
		err = s.linux(p, ca, trust)
	case "darwin":
		err = s.darwin(p, ca, trust)
	case "windows":
		s.windows(p, ca, trust)
	default:
		err = fmt.Errorf("the trust store of %s is not known here: add the certificate %s to it by hand", s.GOOS, ca.RootFile())
	}
	if err != nil {
		return nil, fmt.Errorf("local CA: %w", err)
	}
	return p, nil
}

func runCommand(ctx context.Context, args []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin = os.Stdin
	return cmd.CombinedOutput()
}

func (s System) has(program string) bool {
	_, err := s.LookPath(program)
	return err == nil
}

// anchors are the folders in which Linux systems look for local authorities, with the
// program that takes them up. RHEL's comes first since some Debian systems have
// p11-kit's folder as well, and no RHEL system has Debian's.
var anchors = []struct {
	folder, ext    string
	update, remove []string
}{
	{"/etc/pki/ca-trust/source/anchors", ".pem", []string{"update-ca-trust", "extract"}, []string{"update-ca-trust", "extract"}},
	{"/usr/local/share/ca-certificates", ".crt", []string{"update-ca-certificates"}, []string{"update-ca-certificates", "--fresh"}},
	{"/etc/ca-certificates/trust-source/anchors", ".crt", []string{"trust", "extract-compat"}, []string{"trust", "extract-compat"}},
	{"/etc/pki/trust/anchors", ".pem", []string{"update-ca-certificates"}, []string{"update-ca-certificates"}},
}

func (s System) linux(p *Plan, ca *LocalCA, trust bool) error {
	name := "panoply-local-ca-" + ca.ID()
	s.nss(p, ca, name, trust)
	command := func(args ...string) []string {
		if s.User {
			return append([]string{"sudo"}, args...)
		}
		return args
	}
	for _, a := range anchors {
		folder := filepath.Join(s.Root, a.folder)
		if info, err := os.Stat(folder); err != nil || !info.IsDir() || !s.has(a.update[0]) {
			continue
		}
		file := filepath.Join(folder, name+a.ext)
		_, err := os.Lstat(file)
		installed := err == nil
		if !trust && !installed {
			return nil
		}
		var steps []Step
		if trust {
			steps = []Step{
				{Text: "copy the CA's certificate to " + folder, Args: command("install", "-m", "0644", ca.RootFile(), file)},
				{Text: "rebuild the system's list of authorities", Args: command(a.update...)},
			}
		} else {
			steps = []Step{
				{Text: "remove the CA's certificate from " + folder, Args: command("rm", "-f", file)},
				{Text: "rebuild the system's list of authorities", Args: command(a.remove...)},
			}
		}
		if s.User && !s.has("sudo") {
			return fmt.Errorf("the system's trust store belongs to root and there is no sudo: as root, run %s; then %s",
				Step{Args: steps[0].Args[1:]}, Step{Args: steps[1].Args[1:]})
		}
		p.Steps = append(steps, p.Steps...)
		return nil
	}
	if !trust {
		return nil
	}
	return fmt.Errorf("no trust store of a known kind: install the package ca-certificates, or add %s by hand", ca.RootFile())
}

// nss adds the databases of Chromium and Firefox, which on Linux do not look at the
// system's store.
func (s System) nss(p *Plan, ca *LocalCA, name string, trust bool) {
	if s.Home == "" {
		return
	}
	var found []string
	for _, pattern := range []string{
		".pki/nssdb", "snap/chromium/current/.pki/nssdb",
		".mozilla/firefox/*", ".config/mozilla/firefox/*", "snap/firefox/common/.mozilla/firefox/*",
	} {
		matches, err := filepath.Glob(filepath.Join(globText(s.Home), pattern, "cert9.db"))
		if err != nil {
			continue // the patterns above are well formed
		}
		found = append(found, matches...)
	}
	if len(found) == 0 {
		return
	}
	if !s.has("certutil") {
		p.Notes = append(p.Notes, "Chromium and Firefox of this user keep their own list: install certutil (package libnss3-tools, nss-tools or nss) and do this again")
		return
	}
	for _, db := range found {
		folder := filepath.Dir(db)
		step := Step{
			Text: "add the CA to the browser's list in " + folder, Optional: true,
			Args: []string{"certutil", "-A", "-d", "sql:" + folder, "-t", "C,,", "-n", name, "-i", ca.RootFile()},
		}
		if !trust {
			if _, err := s.Run(context.Background(), []string{"certutil", "-L", "-d", "sql:" + folder, "-n", name}); err != nil {
				continue // not in this list
			}
			step.Text = "remove the CA from the browser's list in " + folder
			step.Args = []string{"certutil", "-D", "-d", "sql:" + folder, "-n", name}
		}
		p.Steps = append(p.Steps, step)
	}
}

// globText escapes what filepath.Glob would take for a pattern.
func globText(s string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}
