// Package cli is the panoply program: one file a command, each a constructor that takes
// its streams, so that tests drive it in process. Data goes to stdout, everything else
// to stderr with the prefix "panoply: error:", "warning:" or "hint:".
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"
)

// The exit codes of every command. The output format never changes them.
const (
	exitClean      = 0 // nothing at or above the threshold
	exitFindings   = 1 // findings at or above the threshold
	exitUsage      = 2 // wrong usage or configuration
	exitIncomplete = 3 // could not complete
)

// Streams are what a command reads and writes.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// exitError carries an exit code up to Run. A nil Err prints nothing: the command has
// said what there was to say.
type exitError struct {
	code int
	err  error
	hint string
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usageError(hint, format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...), hint: hint}
}

// Run runs one command line and returns its exit code. It silences the standard logger
// for good: the program says nothing there, but net/http does, in the words of a server
// that breaks the protocol and past the streams of s.
func Run(args []string, s Streams, version string) int {
	log.SetOutput(io.Discard)
	root := newRoot(s, version)
	root.SetArgs(args)
	return exitCode(root.ExecuteContext(context.Background()), s.Err)
}

// interruptible returns a context that the first SIGINT or SIGTERM ends; the second one
// ends the process. The door does not use it: it drains, and counts its own signals.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

func newRoot(s Streams, version string) *cobra.Command {
	root := &cobra.Command{
		Use:   "panoply",
		Short: "Every practice of Express's production security page, enforced and proved",
		Long: `Panoply makes every practice of the Express page "Production Best Practices:
Security" true for any web application, and shows it.

Exit codes: 0 clean, 1 findings at or above the threshold, 2 wrong usage or
configuration, 3 could not complete.`,
		Example: `  panoply demo                        see it: the same shop naked and behind the door
  panoply serve :3000                 put the door in front of an app
  panoply audit https://shop.example  prove what holds and what does not`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("panoply help "+strings.TrimPrefix(cmd.CommandPath(), "panoply "), "%v", err)
	})
	root.AddCommand(
		newDemo(s), newInit(s), newServe(s, version), newAudit(s, version), newFix(s), newHeaders(s), newExplain(s), newValidate(s), newAdapt(s),
		newStatus(s), newHealth(s), newDoctor(s), newOff(s), newReload(s), newUpgrade(s), newTrust(s), newUntrust(s), newCookies(s), newCSRF(s),
		newWhy(s), newAllow(s), newDiff(s), newLimits(s), newLogin(s), newDB(s), newMan(s), newSBOM(s, version), newVersion(s, version),
	)
	return root
}

// exitCode prints err as the user should see it and returns the exit code. Errors that a
// command did not class are cobra's own about the command line.
func exitCode(err error, w io.Writer) int {
	if err == nil {
		return exitClean
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{code: exitUsage, err: err, hint: "panoply help"}
		if unwritten(err) {
			exit = &exitError{code: exitIncomplete, err: err}
		}
	}
	if exit.err != nil {
		for line := range strings.SplitSeq(exit.err.Error(), "\n") {
			fmt.Fprintf(w, "panoply: error: %s\n", visible(line))
		}
	}
	if exit.hint != "" {
		fmt.Fprintf(w, "panoply: hint: %s\n", visible(exit.hint))
	}
	return exit.code
}

// unwritten tells that output could not be written, as on a full disk.
func unwritten(err error) bool {
	e, ok := errors.AsType[*fs.PathError](err)
	return ok && e.Op == "write"
}

// visible escapes what is not printable: errors name files by what a configuration says.
func visible(line string) string {
	if !strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsPrint(c) && c != '\t' }) {
		return line
	}
	var b strings.Builder
	for _, c := range line {
		if unicode.IsPrint(c) || c == '\t' {
			b.WriteRune(c)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return b.String()
}

// noArguments is cobra.NoArgs for commands that read the configuration, whose file people
// name as they would to other programs.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError(cmd.CommandPath()+" --config "+args[0], "%s takes no argument, and got %q", cmd.CommandPath(), args[0])
}
