package fix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/pattern"
)

// Bun has no way to choose some of what is locked anew in all its versions: before 1.4
// "bun update" of what the app does not ask for itself adds it to package.json, and an
// entry that is missing in bun.lock makes bun throw all of it away. What it does in all of
// them is to choose anew what an override was taken from. So the lockfile in the copy says
// that there was one, to a version that nobody has.

// never is a version of a package that no registry has and no range leads to.
const never = "0.0.0-panoply.never"

// bunHost is the registry for which bun writes no address.
const bunHost = "registry.npmjs.org/"

// bunVersion is the version of the bun on the PATH. One before 1.2 writes no lockfile that
// can be read, and is no bun to try a plan with.
func (w *workshop) bunVersion(ctx context.Context) (major, minor int, err error) {
	text, err := w.run(ctx, "bun", "--version")
	if err != nil {
		return 0, 0, err
	}
	text = strings.TrimSpace(text)
	one, rest, _ := strings.Cut(text, ".")
	two, _, _ := strings.Cut(rest, ".")
	major, wrong := strconv.Atoi(one)
	minor, also := strconv.Atoi(two)
	if wrong != nil || also != nil {
		return 0, 0, fmt.Errorf("the bun of your PATH says that its version is %.50q: %w", text, ErrNoManager)
	}
	if major < 1 || major == 1 && minor < 2 {
		return 0, 0, fmt.Errorf("the bun of your PATH is %.50s, and writes no bun.lock; 1.2 and later do: %w", text, ErrNoManager)
	}
	return major, minor, nil
}

// nests says whether the bun on the PATH knows overrides of one parent alone, as 1.4 and
// later do. Where there is no bun it says that it does not.
func (f *Fixer) nests(ctx context.Context) bool {
	w := &workshop{dir: f.temp, home: f.temp, base: f.show.base, kind: f.kind}
	major, minor, err := w.bunVersion(ctx)
	return err == nil && (major > 1 || minor >= 4)
}

func (w *workshop) bun(ctx context.Context, lock string, names []string) error {
	if _, _, err := w.bunVersion(ctx); err != nil {
		return err
	}
	if err := w.leadBun(lock, names); err != nil {
		return err
	}
	if _, err := w.run(ctx, "bun", w.bunInstall("--lockfile-only")...); err != nil {
		return err
	}
	text, err := os.ReadFile(lock)
	if err == nil && bytes.Contains(text, []byte(never)) {
		err = &ManagerError{Program: "bun", Output: "what a package asks for by another name (npm:)", Err: errors.New("it kept what it was to choose anew")}
	}
	return err
}

// bunInstall is what bun is told to install with. --config has it read that file in place
// of the bunfig.toml of the folder.
func (w *workshop) bunInstall(more ...string) []string {
	return append([]string{
		"install", "--config=" + filepath.Join(w.home, "bunfig.toml"), "--registry=" + w.base, "--ignore-scripts", "--no-progress", "--no-summary",
	}, more...)
}

// bunEntry is an entry of a bun.lock from a registry, as bun writes it: its second part is
// the name, the fourth the version, and the sixth the address, which is empty for that of npm.
var bunEntry = pattern.New(`(?m)^(\s*"[^"\\\n]+": \[")((?:@[^"/@\\\n]+/)?[^"/@\\\n]+)(@)([^"@:\\\n]+)(", ")([^"\\\n]*)(")`)

// leadBun leads what is locked to the showcase, and has bun choose the names anew.
func (w *workshop) leadBun(lock string, names []string) error {
	text, err := os.ReadFile(lock)
	if err != nil {
		return err
	}
	drop := map[string]bool{}
	for _, n := range names {
		drop[n] = true
	}
	all := replaceGroups(bunEntry.Get(), string(text), func(part []string) {
		name, version := part[2], part[4]
		w.renamed[name+"@"+version] = part[6]
		part[6] = w.base + usualTarball(name, version)
		key := strings.Trim(part[1], " \t\":[")
		if as := key[strings.LastIndexByte(key, '/')+1:]; drop[name] || drop[as] || drop[path.Join(path.Base(path.Dir(key)), as)] {
			part[4] = never
		}
	})
	return os.WriteFile(lock, []byte(forgetBun(all, names)), 0o600)
}

var (
	bunPackages  = pattern.New(`(?m)^  "packages": \{`)
	bunOverrides = pattern.New(`(?m)^  "overrides": \{\n`)
)

// forgetBun has a bun.lock say that the names were overridden, and that the app asked for
// what is installed by another name in another way: no override is about those.
func forgetBun(text string, names []string) string {
	at := bunPackages.Get().FindStringIndex(text)
	if at == nil || len(names) == 0 {
		return text
	}
	head, tail := text[:at[0]], text[at[0]:]
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString("    " + quoteJSON(name) + ": " + quoteJSON(never) + ",\n")
		asked := regexp.MustCompile(`(?m)^(\s+` + regexp.QuoteMeta(quoteJSON(name)) + `: "npm:(?:@[^"/@\\\n]+/)?[^"/@\\\n]+@)[^"\\\n]+"`)
		head = asked.ReplaceAllString(head, "${1}"+never+`"`)
	}
	if at := bunOverrides.Get().FindStringIndex(head); at != nil {
		return head[:at[1]] + lines.String() + head[at[1]:] + tail
	}
	return head + "  \"overrides\": {\n" + lines.String() + "  },\n" + tail
}

// bunAddresses gives what was locked the address that it had, and what comes from npm's
// registry none, as bun writes it.
func (w *workshop) bunAddresses(text []byte) []byte {
	return []byte(replaceGroups(bunEntry.Get(), string(text), func(part []string) {
		if had, ok := w.renamed[part[2]+"@"+part[4]]; ok {
			part[6] = had
		}
	}))
}

// bunDefault takes the address off what is in npm's registry at the usual place.
func bunDefault(text []byte) []byte {
	return []byte(replaceGroups(bunEntry.Get(), string(text), func(part []string) {
		if part[6] == "https://"+bunHost+usualTarball(part[2], part[4]) {
			part[6] = ""
		}
	}))
}

// replaceGroups replaces matches by their groups, which are all of a match, as change
// leaves them.
func replaceGroups(re *regexp.Regexp, text string, change func(part []string)) string {
	var b strings.Builder
	end := 0
	for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
		part := make([]string, len(at)/2)
		for i := range part {
			part[i] = text[at[2*i]:at[2*i+1]]
		}
		change(part)
		b.WriteString(text[end:at[0]] + strings.Join(part[1:], ""))
		end = at[1]
	}
	return b.String() + text[end:]
}

// bunSettings are those of [install] in a bunfig.toml that only say how to resolve.
var bunSettings = words(`peer optional dev linkWorkspacePackages linker`)

// bunfig keeps of a bunfig.toml what says how to resolve.
func bunfig(text []byte) string {
	var b strings.Builder
	b.WriteString("[install]\n")
	install := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			install = line == "[install]"
		} else if install {
			line, _, _ = strings.Cut(line, "#")
			b.WriteString(pairsOf([]byte(line), "=", bunSettings))
		}
	}
	return b.String()
}
