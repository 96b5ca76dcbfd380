package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// activeFlags say what an active audit tries.
type activeFlags struct {
	active, yes, listSent bool
	guess                 check.Guess
	guessFields           string
	forge                 check.Forge
	key                   string
}

func (f *activeFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.active, "active", false, "send probes too that could change something, to loopback or to a host that proves control; shows the plan and asks")
	flags.BoolVar(&f.yes, "yes", false, "answer the question of --active with yes")
	flags.StringVar(&f.guess.Route, "login-route", "", "with --active: the login to try wrong passwords on, where no page shows its form: \"POST /login\"")
	flags.StringVar(&f.guessFields, "login-fields", "", "with --active: names of the login's fields, user before password (default: those of the form, or username,password)")
	flags.StringVar(&f.guess.Format, "login-format", "", "with --active: how --login-route takes them: form, json or basic (default: form)")
	flags.StringVar(&f.guess.User, "login-user", "", "with --active: a name that the app knows, to see whether answers tell it from others; its account may be locked for a while")
	flags.IntVar(&f.guess.Tries, "login-tries", 0, fmt.Sprintf("with --active: wrong passwords in a series, from 5 to %d (default 30)", check.MaxTogether))
	flags.StringArrayVar(&f.forge.Routes, "csrf-route", nil, "with --active: a route that changes something, \"POST /cart\", to send what another site could send; sent for real, several times; \"GET /ws\" for a WebSocket (repeat for more)")
	flags.StringVar(&f.forge.Format, "csrf-format", "", "with --active: how --csrf-route takes its fields: form or json (default: form)")
	flags.StringVar(&f.forge.Fields, "csrf-fields", "", "with --active: what --csrf-route is sent, as in a query: \"id=1&qty=2\" (default: the fields of a form that leads there)")
	flags.StringVar(&f.key, "control-key", "", "file of the key with which the host proves control (the door's is audit.key in its state folder)")
	flags.BoolVar(&f.listSent, "list-sent", false, "list every request in the report; --active always does")
}

// consent shows what an active run would send, and asks. A site in production is
// refused, whoever says yes.
func (v *auditFlags) consent(s Streams, plan *auditPlan, checks []check.Check, o audit.Options) error {
	if plan.production != "" {
		return usageError("audit a copy of it, or take production out of the file", "--active: %s marks this site as production", plan.production)
	}
	writePlan(s.Err, plan, checks, o)
	if v.yes {
		return nil
	}
	in, ok := s.In.(*os.File)
	if v.fleet.targets == "-" {
		return usageError("add --yes if the plan is right", "--active asks on standard input, and --targets - reads the targets from it")
	}
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usageError("add --yes if the plan is right", "--active asks before it sends, and here is nobody to ask")
	}
	fmt.Fprint(s.Err, "Go on? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && answer == "" {
		return usageError("", "--active: no answer")
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return usageError("", "--active: stopped, nothing was sent")
	}
	return nil
}

// readGuess reads the flags that name the login to be tried.
func (v *auditFlags) readGuess(cmd *cobra.Command) error {
	if err := v.activeOnly(cmd, "login-route", "login-fields", "login-format", "login-user", "login-tries"); err != nil {
		return err
	}
	if v.guessFields == "" {
		return nil
	}
	user, password, ok := strings.Cut(v.guessFields, ",")
	if !ok || user == "" || password == "" || strings.Contains(password, ",") {
		return usageError("", "--login-fields %s: two names, such as user,password", redact.Line(v.guessFields))
	}
	v.guess.UserField, v.guess.PasswordField = user, password
	return nil
}

// readForge reads the flags that name routes to send what another site could send.
func (v *auditFlags) readForge(cmd *cobra.Command) error {
	if err := v.activeOnly(cmd, "csrf-route", "csrf-format", "csrf-fields"); err != nil {
		return err
	}
	for _, name := range []string{"csrf-format", "csrf-fields"} {
		if cmd.Flags().Changed(name) && len(v.forge.Routes) == 0 {
			return usageError(`name it: --csrf-route "POST /cart"`, "--%s is for a route that --csrf-route names", name)
		}
	}
	return nil
}

// activeOnly refuses flags without --active: whoever gives them expects that something is
// tried.
func (v *auditFlags) activeOnly(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if cmd.Flags().Changed(name) && !v.active {
			return usageError("add --active; it shows what it sends, and asks", "--%s is for active audits", name)
		}
	}
	return nil
}

// maxPlanned is how many targets a plan names.
const maxPlanned = 20

func writePlan(w io.Writer, plan *auditPlan, checks []check.Check, o audit.Options) {
	fmt.Fprintln(w, "panoply: the plan of this active audit:")
	for i, t := range plan.targets {
		if i == maxPlanned {
			fmt.Fprintf(w, "  and to  %d more\n", len(plan.targets)-i)
			break
		}
		if t.URL != "" {
			fmt.Fprintf(w, "  to      %s\n", redact.Line(t.URL))
		}
	}
	proof := "loopback addresses need no proof of control, others get no active probe without --control-key"
	if len(o.ControlKey) > 0 {
		proof = "each host proves control with the key, or gets no active probe"
	}
	fmt.Fprintf(w, "  first   %s\n", proof)
	fmt.Fprintln(w, "  always  GET, HEAD, OPTIONS and TRACE, a method that nobody implements, and to loopback one POST that cannot be parsed")
	for _, c := range checks {
		if c.Probes != "" {
			fmt.Fprintf(w, "  %-7s %s\n", c.ID, c.Probes)
		}
	}
	rate := fmt.Sprintf("%d requests a second to a host", o.Rate)
	if o.Rate == 0 {
		rate = fmt.Sprintf("%d requests a second to a host, %d on loopback", audit.DefaultRate, audit.DefaultLoopbackRate)
	}
	fmt.Fprintf(w, "  at most %s, %d to a target\n", rate, audit.DefaultRequests)
	fmt.Fprintf(w, "  marked  %s: %s on every request; the report lists all of them\n", audit.MarkHeader, o.Mark)
}
