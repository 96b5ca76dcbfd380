package fix

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// planGo finds the lowest later version of a module that no advisory is about: minimal
// version selection takes what it is asked for and nothing newer.
func (f *Fixer) planGo(t *target) error {
	mod, err := modfile.Parse("go.mod", f.project.files["go.mod"], nil)
	if err != nil {
		return err
	}
	for _, r := range mod.Replace {
		if r.New.Path == t.name {
			t.why = append(t.why, fmt.Sprintf("go.mod replaces it in line %d: change that line", r.Syntax.Start.Line))
			return nil
		}
	}
	seen := t.version
	var none string
	for range 20 {
		hits, err := f.o.Advisories.Match("Go", t.name, seen)
		if err != nil {
			return err
		}
		if len(hits) == 0 {
			break
		}
		next := seen
		for _, h := range hits {
			at := slices.IndexFunc(h.Fixed, func(v string) bool { return compareGo(v, seen) > 0 })
			if at < 0 {
				none = h.ID
				continue
			}
			if compareGo(h.Fixed[at], next) > 0 {
				next = h.Fixed[at]
			}
		}
		if next == seen && seen != t.version {
			break // the rest of them no version mends
		}
		if next == seen {
			t.why = append(t.why, fmt.Sprintf("no version of %s mends %s", t.name, none))
			return nil
		}
		seen = next
	}
	s := Step{Kind: Get, Package: t.name, From: t.version, To: seen, File: "go.mod", Old: "v" + t.version, New: "v" + seen, Clears: t.keys()}
	if t.name == lockfile.Stdlib {
		s.Kind, s.Old, s.New = Toolchain, "go"+t.version, "go"+seen
	} else {
		s.Breaking = semver.Major("v"+seen) == "v0" && semver.MajorMinor("v"+seen) != semver.MajorMinor("v"+t.version)
	}
	if s.Breaking && !f.o.Breaking {
		t.why = append(t.why, "only a breaking version mends it, and those are refused (--major=false)")
		return nil
	}
	t.options = []option{{steps: []Step{s}}}
	return nil
}

// compareGo compares versions of modules and of Go itself, both without what is before
// their numbers.
func compareGo(a, b string) int { return semver.Compare(canonical(a), canonical(b)) }

func canonical(v string) string {
	for _, pre := range []string{"rc", "beta"} {
		if at := strings.Index(v, pre); at > 0 && !strings.Contains(v, "-") {
			v = v[:at] + ".0-" + pre + "." + v[at+len(pre):]
		}
	}
	return "v" + v
}

// tryGo has the go command change go.mod and go.sum in a copy of the module's own files.
func (f *Fixer) tryGo(ctx context.Context, dir string, all []Step) (map[string][]byte, error) {
	work := filepath.Join(dir, "copy")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	defer removeAll(dir)
	if err := f.project.copyTo(work, nil, asIs); err != nil {
		return nil, err
	}
	get := []string{"get"}
	toolchain := ""
	for _, s := range all {
		if s.Kind == Toolchain {
			toolchain = s.To
		} else {
			get = append(get, s.Package+"@"+s.New)
		}
	}
	if len(get) > 1 {
		if err := f.goRun(ctx, work, get...); err != nil {
			return nil, err
		}
		// What the packages of the module need is noted in go.sum, and nothing else is tidied.
		if err := f.goRun(ctx, work, "list", "-e", "-deps", "-test", "./..."); err != nil {
			return nil, err
		}
	}
	edits := map[string][]byte{}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(work, name))
		if err != nil && (name == "go.mod" || !os.IsNotExist(err)) {
			return nil, err
		}
		if !bytes.Equal(text, f.project.files[name]) {
			edits[name] = text
		}
	}
	if toolchain == "" {
		return edits, nil
	}
	text, ok := edits["go.mod"]
	if !ok {
		text = f.project.files["go.mod"]
	}
	mod, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		return nil, err
	}
	if err := mod.AddToolchainStmt("go" + toolchain); err != nil {
		return nil, err
	}
	if edits["go.mod"], err = mod.Format(); err != nil {
		return nil, err
	}
	return edits, nil
}

// goVariables are what the go command gets of the user's environment beside what is
// passed to all.
var goVariables = []string{
	"HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CACHE_HOME", "GOPATH", "GOROOT", "GOCACHE", "GOMODCACHE", "GOPRIVATE", "GONOPROXY",
	"GONOSUMDB", "GONOSUMCHECK", "GOSUMDB", "GOINSECURE", "GOVCS", "GOENV", "NETRC", "SSH_AUTH_SOCK",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

func (f *Fixer) goRun(ctx context.Context, dir string, args ...string) error {
	file, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("go: %w: install it, or put it on your PATH", ErrNoManager)
	}
	var env []string
	for _, name := range append(slices.Clone(passed), goVariables...) {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	proxy, err := f.goProxy(ctx, file, env)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Dir = dir
	// The toolchain that go.mod names is neither fetched nor run.
	cmd.Env = append(env, "GOPROXY="+proxy, "GOFLAGS=-mod=mod", "GOWORK=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0", "GIT_TERMINAL_PROMPT=0")
	var out bytes.Buffer
	cmd.Stderr = &out
	cmd.WaitDelay = 5 * time.Second
	apart(cmd)
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("go %s: %w", args[0], ctx.Err())
		}
		text := strings.Join(strings.Fields(out.String()), " ")
		return &ManagerError{Program: "go " + args[0], Output: text[:min(len(text), 500)], Err: err}
	}
	return nil
}

// goProxy is the user's GOPROXY. Without trust nothing is asked at the hosts that module
// paths name: those are the folder's word.
func (f *Fixer) goProxy(ctx context.Context, file string, env []string) (string, error) {
	if v, ok := os.LookupEnv("GOPROXY"); ok {
		env = append(env, "GOPROXY="+v)
	}
	cmd := exec.CommandContext(ctx, file, "env", "GOPROXY")
	cmd.Dir, cmd.Env = f.temp, append(env, "GOWORK=off", "GOTOOLCHAIN=local")
	out, err := cmd.Output()
	if err != nil {
		return "", &ManagerError{Program: "go env", Output: "GOPROXY is not known", Err: err}
	}
	proxy := strings.TrimSpace(string(out))
	if f.o.TrustProject {
		return proxy, nil
	}
	var b strings.Builder
	for len(proxy) > 0 {
		end := strings.IndexAny(proxy, ",|")
		one, rest, separator := proxy, "", ""
		if end >= 0 {
			one, separator, rest = proxy[:end], proxy[end:end+1], proxy[end+1:]
		}
		if one != "direct" {
			b.WriteString(one + separator)
		}
		proxy = rest
	}
	if kept := strings.TrimRight(b.String(), ",|"); kept != "" {
		return kept, nil
	}
	return "off", nil
}
