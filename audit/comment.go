package audit

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// The bounds on the reading of comments.
const (
	maxFiles    = 5000
	maxFile     = 1 << 20
	maxComments = 500
)

var (
	// // panoply-ignore: id reason until=2026-12-31, after any language's mark of a comment.
	comment = pattern.New(`(?://|#|/\*|<!--|--|<%#|\{\{!)[^\n]{0,40}?\bpanoply-ignore:[ \t]*([^\n]*)`)
	last    = pattern.New(`\buntil=(\S+)`)
)

// commented are the endings of files that can hold a comment about a finding.
var commented = []string{
	".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".go", ".html", ".htm", ".ejs", ".pug", ".hbs", ".vue",
	".yaml", ".yml", ".sh", ".conf", ".toml", ".sql", "Dockerfile", ".npmrc",
}

// comments reads the ignores that stand in the folder's files, and those that cannot be
// obeyed, as findings. Folders of other people's code are left out.
func comments(fsys fs.FS) (entries []*Ignore, bad []check.Finding) {
	files := 0
	_ = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read ignores nothing
		case d.IsDir():
			if base := path.Base(name); base == "node_modules" || base == "vendor" || base != "." && strings.HasPrefix(base, ".") {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() || !slices.ContainsFunc(commented, func(end string) bool { return strings.HasSuffix(name, end) }):
			return nil
		}
		if files++; files > maxFiles || len(entries)+len(bad) > maxComments {
			return fs.SkipAll
		}
		text, err := readBounded(fsys, name)
		if err == nil && bytes.Contains(text, []byte("panoply-ignore:")) {
			more, wrong := commentsIn(name, string(text))
			entries, bad = append(entries, more...), append(bad, wrong...)
		}
		return nil
	})
	return entries, bad
}

func readBounded(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// commentsIn reads one file. A comment is about its own line, and, when it stands alone,
// about the first line below that is no such comment.
func commentsIn(name, text string) (entries []*Ignore, bad []check.Finding) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		at := comment.Get().FindStringSubmatchIndex(line)
		if at == nil {
			continue
		}
		e, err := parseComment(line[at[2]:at[3]])
		place := fmt.Sprintf("%s:%d", name, i+1)
		if err != nil {
			f := rules.Find("audit/ignore-invalid", name, check.SourceLine(name, i+1, redact.Line(line)))
			bad = append(bad, f.Saying("the comment at %s ignores nothing: %v", redact.Line(place), err))
			continue
		}
		e.By, e.file, e.line = place, name, [2]int{i + 1, i + 1}
		if strings.TrimSpace(line[:at[0]]) == "" {
			next := i + 1
			for next < len(lines) && comment.Get().MatchString(lines[next]) {
				next++
			}
			e.line[1] = next + 1
		}
		entries = append(entries, e)
	}
	return entries, bad
}

// parseComment reads "id reason until=2026-12-31".
func parseComment(text string) (*Ignore, error) {
	text = strings.TrimSpace(strings.NewReplacer("*/", "", "-->", "", "%>", "", "}}", "").Replace(text))
	id, rest, _ := strings.Cut(text, " ")
	if !KnownID(id) {
		return nil, fmt.Errorf("%q is no practice and no rule; %s", redact.Line(id), nearest(id))
	}
	m := last.Get().FindStringSubmatch(rest)
	if m == nil {
		return nil, fmt.Errorf("it names no last day: end it with until=2026-12-31")
	}
	if _, err := time.Parse(DateForm, m[1]); err != nil {
		return nil, fmt.Errorf("until=%s is no day such as 2026-12-31", redact.Line(m[1]))
	}
	reason := strings.TrimSpace(last.Get().ReplaceAllString(rest, ""))
	if reason == "" {
		return nil, fmt.Errorf("it gives no reason")
	}
	return &Ignore{ID: id, Scope: "*", Reason: reason, Until: m[1], Project: true}, nil
}
