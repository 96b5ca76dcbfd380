package fix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/osv"
)

// maxTries bounds how often a package manager runs for one lockfile.
const maxTries = 60

// Options say what is fixed and with what. Advisories is required, and Registry where the
// lockfile is not of Go.
type Options struct {
	Advisories *osv.DB
	// Registry tells which versions there are of npm packages.
	Registry Registry
	// Lockfile is the one that is fixed. Empty: the only one of the folder; where there are
	// several, New returns ErrSeveral.
	Lockfile string
	// Wanted says whether a finding is to be fixed. Nil: all are.
	Wanted func(*Finding) bool
	// Breaking lets versions be chosen whose authors reserve the right to break: another
	// major version, or for 0.x another minor one.
	Breaking bool
	// TrustProject lets Go ask the hosts that module paths name, where GOPROXY says direct.
	TrustProject bool
	// Tell is called with a line before each try. It may be nil.
	Tell func(line string)
}

// ErrSeveral says that a folder has several lockfiles of one ecosystem.
var ErrSeveral = errors.New("there are several lockfiles")

// ErrNothing says that a folder has no lockfile.
var ErrNothing = errors.New("there is no lockfile that can be fixed")

// A Fixer fixes one lockfile. It is not safe for concurrent use.
type Fixer struct {
	o       Options
	project *project
	kind    string
	before  []Finding
	show    *showcase
	docs    *packuments
	plan    *planner
	temp    string
	tries   int
	worked  bool
}

// An Outcome is what a plan comes to.
type Outcome struct {
	Folder   string `json:"folder"`
	Lockfile string `json:"lockfile"`
	Manager  string `json:"manager"`
	// Before are the findings as the folder is, Steps what the plan does, Left the findings
	// that stay when it is done.
	Before []Finding `json:"before"`
	Steps  []Step    `json:"steps"`
	Left   []Left    `json:"left"`
	// Unknown are packages whose version the lockfile does not tell: nobody looked them up.
	Unknown []string `json:"unknown,omitempty"`
	// Newest is the day of the newest advisory; empty where they have no date.
	Newest string `json:"newest_advisory,omitempty"`
	// Dropped are steps that were tried and dropped, with why.
	Dropped []string `json:"dropped,omitempty"`
	// Unverified says why the plan was not tried. Such a plan cannot be written.
	Unverified string `json:"unverified,omitempty"`
	// Changes are the files that the plan changes.
	Changes []Change `json:"changes"`
}

// Left is a finding that a plan does not clear.
type Left struct {
	Finding
	Why []string `json:"why"`
	// Shield is what the door can do until then; nil where nothing is known.
	Shield *Shielding `json:"shield,omitempty"`
}

// Lockfiles are the lockfiles of a folder, one of each ecosystem. Several of one are
// ErrSeveral, and none is ErrNothing; a file that cannot be read is another error.
func Lockfiles(dir string) ([]string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	found := lockfile.Read(root.FS())
	if len(found.Errors) > 0 {
		return nil, errors.Join(found.Errors...)
	}
	seen := map[lockfile.Ecosystem]bool{}
	for _, l := range found.Locks {
		if seen[l.Ecosystem] {
			return nil, fmt.Errorf("%w: %s", ErrSeveral, strings.Join(names(found), ", "))
		}
		seen[l.Ecosystem] = true
	}
	if len(found.Locks) == 0 {
		return nil, ErrNothing
	}
	return names(found), nil
}

func names(found *lockfile.Found) []string {
	var all []string
	for _, l := range found.Locks {
		all = append(all, l.File)
	}
	return all
}

// New reads a folder. It changes nothing.
func New(dir string, o Options) (*Fixer, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	found := lockfile.Read(root.FS())
	if len(found.Errors) > 0 {
		root.Close()
		return nil, errors.Join(found.Errors...)
	}
	lock, err := choose(found, o.Lockfile)
	if err != nil {
		root.Close()
		return nil, err
	}
	if o.Advisories.Meta.Ecosystems[string(lock.Ecosystem)] == 0 {
		root.Close()
		return nil, fmt.Errorf("the advisories know nothing of %s: that a package is under none of them tells nothing", lock.Ecosystem)
	}
	f := &Fixer{o: o, kind: managerOf(lock)}
	if f.before, err = findings(lock, o.Advisories); err == nil {
		f.project, err = readProject(root, dir, found, lock)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return f, nil
}

func choose(found *lockfile.Found, name string) (*lockfile.Lock, error) {
	var chosen []*lockfile.Lock
	for _, l := range found.Locks {
		if name == "" || l.File == name {
			chosen = append(chosen, l)
		}
	}
	switch {
	case len(chosen) == 1:
		return chosen[0], nil
	case len(chosen) > 1:
		return nil, fmt.Errorf("%w: %s", ErrSeveral, strings.Join(names(found), ", "))
	case name != "":
		return nil, fmt.Errorf("%w: %s is none of the folder's (%s)", ErrNothing, name, strings.Join(names(found), ", "))
	}
	return nil, ErrNothing
}

// Close lets go of the folder.
func (f *Fixer) Close() error { return f.project.root.Close() }

// Findings are those of the folder as it is, the worst first.
func (f *Fixer) Findings() []Finding {
	all := slices.Clone(f.before)
	worst(all)
	return all
}

func (f *Fixer) tell(format string, args ...any) {
	if f.o.Tell != nil {
		f.o.Tell(fmt.Sprintf(format, args...))
	}
}

// Fix makes a plan and tries it in a copy. It changes nothing in the folder; Write does.
func (f *Fixer) Fix(ctx context.Context) (*Outcome, error) {
	out := &Outcome{Folder: f.project.dir, Lockfile: f.project.lock.File, Manager: f.kind, Before: f.Findings(), Steps: []Step{}, Left: []Left{}, Changes: []Change{}}
	if day := f.o.Advisories.Meta.Newest; !day.IsZero() {
		out.Newest = day.Format(time.DateOnly)
	}
	for _, p := range f.project.lock.Packages {
		if p.Version == "" && p.Source != lockfile.Folder {
			out.Unknown = append(out.Unknown, p.Name)
		}
	}
	var wanted []Finding
	for i := range f.before {
		if f.o.Wanted == nil || f.o.Wanted(&f.before[i]) {
			wanted = append(wanted, f.before[i])
		}
	}
	targets := targetsOf(wanted)
	if len(targets) == 0 {
		f.leave(out, nil, f.before)
		return out, nil
	}
	if err := f.start(ctx); err != nil {
		return nil, err
	}
	defer f.stop()
	for _, t := range targets {
		f.tell("looking for a way around %s@%s", t.name, t.version)
		if err := f.options(ctx, t); err != nil {
			return nil, err
		}
	}
	if f.docs != nil && !slices.ContainsFunc(targets, func(t *target) bool { return t.current() != nil }) {
		if err := f.docs.trouble(); err != nil {
			return nil, fmt.Errorf("the registry cannot be asked: %w", err)
		}
	}
	result, err := f.search(ctx, targets)
	switch {
	case errors.Is(err, ErrNoManager):
		out.Unverified = err.Error()
		out.Steps = steps(targets)
		f.leave(out, targets, f.before)
		return out, nil
	case err != nil:
		return nil, err
	case result == nil:
		f.leave(out, targets, f.before)
		return out, nil
	}
	out.Steps, out.Changes = result.steps, result.changes
	f.leave(out, targets, result.found)
	return out, nil
}

// leave notes what is left, and why.
func (f *Fixer) leave(out *Outcome, targets []*target, left []Finding) {
	why := map[pair][]string{}
	for _, t := range targets {
		why[t.pair] = t.why
	}
	left = slices.Clone(left)
	worst(left)
	for _, l := range left {
		reasons := why[pair{l.Package, l.Version}]
		if f.plan != nil && slices.Contains(f.plan.tolerated[l.Package], l.Advisory) {
			reasons = append(slices.Clone(reasons), "no later version of "+l.Package+" is without it")
		}
		if len(reasons) == 0 {
			reasons = []string{"it was not asked for"}
			if out.Unverified != "" {
				reasons = []string{"the plan was not tried: " + out.Unverified}
			}
		}
		out.Left = append(out.Left, Left{l, reasons, ShieldFor(&l)})
	}
	for _, t := range targets {
		if t.current() != nil {
			out.Dropped = append(out.Dropped, t.why...)
		}
	}
}

func (f *Fixer) start(ctx context.Context) (err error) {
	if f.kind == "go" {
		f.temp, err = os.MkdirTemp("", "panoply-fix-")
		return err
	}
	f.docs = newPackuments(f.o.Registry)
	f.show = &showcase{from: f.docs, own: f.kind != "npm"}
	if err := f.show.open(ctx); err != nil {
		return err
	}
	f.plan = &planner{resolver: newResolver(f.project.lock, f.o.Advisories, f.docs), kind: f.kind, manifests: f.project.manifests, major: f.o.Breaking}
	if f.temp, err = os.MkdirTemp("", "panoply-fix-"); err != nil {
		f.show.close()
		return err
	}
	f.plan.node = f.node(ctx)
	f.plan.nests = f.kind != "bun" || f.nests(ctx)
	if f.kind == "pnpm" {
		f.plan.workspace = f.project.files[workspaceFile]
		f.plan.pnpm = f.pnpmVersion(ctx)
	}
	return nil
}

func (f *Fixer) stop() {
	if f.show != nil {
		f.show.close()
	}
	removeAll(f.temp)
}

// removeAll removes what Go's module cache makes unwritable, too.
func removeAll(dir string) {
	_ = filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(name, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(dir) // it is below the system's own folder for such things
}

func (f *Fixer) options(ctx context.Context, t *target) error {
	if f.kind == "go" {
		return f.planGo(t)
	}
	return f.plan.plan(ctx, t)
}

func steps(targets []*target) []Step {
	var all []Step
	for _, t := range targets {
		if o := t.current(); o != nil {
			all = append(all, o.steps...)
		}
	}
	return merge(all)
}
