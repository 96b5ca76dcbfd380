package lockfile_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// mutate changes a text in one place as accidents and attackers do.
func mutate(r *rand.Rand, text string) string {
	lines := strings.SplitAfter(text, "\n")
	at, line := r.IntN(len(text)+1), r.IntN(len(lines))
	end := min(len(text), at+1+r.IntN(40))
	switch r.IntN(14) {
	case 0:
		return text[:at]
	case 1:
		return text[:at] + text[end:]
	case 2:
		return text[:at] + string(rune(r.IntN(127)+1)) + text[at:]
	case 3:
		return text[:at] + string(rune(r.IntN(127)+1)) + text[min(len(text), at+1):]
	case 4:
		return strings.Join(lines[:line], "") + strings.Join(lines[line+1:], "")
	case 5:
		return strings.Join(lines[:line+1], "") + strings.Join(lines[line:], "")
	case 6:
		return text[:at] + text[at:end] + text[at:]
	case 7:
		other := r.IntN(len(lines))
		lines[line], lines[other] = lines[other], lines[line]
	case 8:
		lines[line] = strings.Repeat(" ", 1+r.IntN(4)) + lines[line]
	case 9:
		lines[line] = strings.TrimPrefix(lines[line], strings.Repeat(" ", 1+r.IntN(3)))
	case 10:
		marks := "\"'{}[]:,#?-@()/\\\t\n\r&*!|>%"
		return text[:at] + marks[r.IntN(len(marks)):][:1] + text[at:]
	case 11:
		words := []string{"null", "[]", "{}", "1", "true", "\"\"", "~", "''", "# ", "// ", "/* ", "? ", "- ", "---\n", "\x00", "\xff", "\ufeff", "__proto__", "<<<<<<< HEAD\n", "\u2028", "\v"}
		return text[:at] + words[r.IntN(len(words))] + text[at:]
	case 12:
		// A value becomes one of another type.
		if before, _, ok := strings.Cut(lines[line], ": "); ok {
			lines[line] = before + ": " + []string{"null", "[]", "{}", "1", "true", "\"\"", "[1]"}[r.IntN(7)] + ",\n"
		}
	case 13:
		far := r.IntN(len(text) + 1)
		a, b := min(at, far), max(at, far)
		return text[:a] + text[b:]
	}
	return strings.Join(lines, "")
}

// block is the part of a lockfile that names a package and its version.
func block(name string, lines []string, p *lockfile.Package) string {
	last := p.Line - 1
	if name != "bun.lock" && name != "pnpm-lock.yaml" && name != "go.mod" {
		for last < len(lines)-1 && !strings.Contains(lines[last], "version") {
			last++
		}
		if name == "yarn.lock" && last+1 < len(lines) && strings.Contains(lines[last+1], "resolution") {
			last++
		}
	}
	return strings.Join(lines[p.Line-1:last+1], "")
}

// A lockfile that is damaged in one place is an error, misses something, or tells every
// package whose lines are whole. MUTATIONS is how many times each is damaged, MUTATE a
// pattern of more files.
func TestDamageHidesNothing(t *testing.T) {
	times := 12
	if n, err := strconv.Atoi(os.Getenv("MUTATIONS")); err == nil {
		times = n
	}
	var names []string
	for _, pattern := range []string{"testdata/vectors/*/*lock*", "testdata/shop/*/*lock*", "testdata/catalogs/*/*lock*", "testdata/shop/*/npm-shrinkwrap.json", os.Getenv("MUTATE")} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, more...)
	}
	for _, path := range names {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		t.Run(path, func(t *testing.T) {
			folder := fstest.MapFS{name: {Data: text}}
			if manifest, err := os.ReadFile(filepath.Join(filepath.Dir(path), "package.json")); err == nil {
				folder["package.json"] = &fstest.MapFile{Data: []byte(strings.Replace(string(manifest), "workspaces", "-", 1))}
			}
			good := lockfile.Read(folder)
			if len(good.Locks) == 0 {
				t.Fatal(good.Errors)
			}
			lines := strings.SplitAfter(string(text), "\n")
			r := rand.New(rand.NewPCG(1, uint64(len(text))))
		runs:
			for run := range times {
				bad := mutate(r, string(text))
				folder[name] = &fstest.MapFile{Data: []byte(bad)}
				found := lockfile.Read(folder)
				if len(found.Errors) > 0 {
					continue
				}
				has := map[string]bool{}
				for _, l := range found.Locks {
					if len(l.Missing) > 0 {
						continue runs
					}
					for i := range l.Packages {
						has[l.Packages[i].Name+"@"+l.Packages[i].Version] = true
					}
				}
				var lost []string
				for i := range good.Locks[0].Packages {
					p := &good.Locks[0].Packages[i]
					if id := p.Name + "@" + p.Version; !has[id] && p.Source != lockfile.Folder && strings.Contains(bad, block(name, lines, p)) {
						lost = append(lost, id)
					}
				}
				if len(lost) > 0 {
					at := 0
					for at < len(bad) && at < len(text) && bad[at] == text[at] {
						at++
					}
					t.Errorf("run %d: lost %d of %d: %.3v near %d: %q became %q", run, len(lost), len(good.Locks[0].Packages), lost, strings.Count(bad[:at], "\n")+1, around(string(text), at), around(bad, at))
				}
			}
		})
	}
}

func around(s string, at int) string { return s[max(0, min(len(s), at)-30):min(len(s), at+30)] }
