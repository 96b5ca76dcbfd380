// Package ignorefile reads which findings about dependencies other scanners were told to
// leave out: .snyk and osv-scanner.toml.
//
//	entries, err := ignorefile.Snyk(".snyk", text)
//	for _, e := range entries {
//		fmt.Println(e.ID, e.Path, e.Reason, e.Until)
//	}
//
// The files are data of the audited folder: hostile, bounded, and no word to be taken
// without asking whose it is. What they say about anything else than what is ignored, such
// as Snyk's patches and overrides of licences, is left out.
//
// Sources: snyk-policy 5 and its documentation; the documentation of osv-scanner 2; TOML
// 1.0 in the parts that such a file has.
package ignorefile

import (
	"fmt"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// MaxFile is how many bytes of a file are read.
const MaxFile = 1 << 20

// maxEntries bounds what one file can ignore.
const maxEntries = 10_000

// Never is the last day of an entry without one.
const Never = "9999-12-31"

// An Entry leaves out findings of known holes.
type Entry struct {
	// ID is the advisory's, or another name of it; empty means all of what Scope says.
	ID string
	// Path is a rule for ways from the app, see [Match]. Scope is a pattern, in which * is
	// any text, of "NAME@VERSION ADVISORY". One of them is given.
	Path, Scope string
	Reason      string
	// Until is the last day on which it holds, or Never.
	Until string
	// Unfixable says that it holds only while no version is known that mends the hole.
	Unfixable bool
	Line      int
}

// noReason stands where the file gives none.
const noReason = "(no reason is given)"

// Snyk reads a policy of Snyk's.
func Snyk(file, text string) ([]Entry, error) {
	root, err := lockfile.ReadYAML(file, text)
	if err != nil {
		return nil, err
	}
	ignore := root.Get("ignore")
	switch {
	case !root.Map() && !root.Absent():
		return nil, &lockfile.Error{File: file, Line: root.Line(), Problem: "is no map"}
	case ignore.Absent():
		return nil, nil
	case !ignore.Map():
		return nil, &lockfile.Error{File: file, Line: ignore.Line(), Problem: "has an ignore that is no map of ids"}
	}
	var all []Entry
	for _, id := range ignore.Members() {
		if !id.List() {
			return nil, &lockfile.Error{File: file, Line: id.Line(), Problem: fmt.Sprintf("ignores %.80q by no list of paths", id.Key())}
		}
		for _, item := range id.Members() {
			for _, rule := range item.Members() {
				e := Entry{
					ID: id.Key(), Path: rule.Key(), Line: rule.Line(), Reason: rule.Get("reason").Text(),
					Unfixable: rule.Get("disregardIfFixable").Text() == "true",
				}
				if e.Until, err = lastDay(file, rule.Get("expires").Line(), rule.Get("expires").Text()); err != nil {
					return nil, err
				}
				if e.Reason = strings.TrimSpace(e.Reason); e.Reason == "" {
					e.Reason = noReason
				}
				if len(all) == maxEntries {
					return nil, &lockfile.Error{File: file, Line: e.Line, Problem: fmt.Sprintf("has more than %d entries", maxEntries)}
				}
				all = append(all, e)
			}
			if !item.Map() {
				return nil, &lockfile.Error{File: file, Line: item.Line(), Problem: "has a rule that is no map of a path"}
			}
		}
	}
	return all, nil
}

// lastDay is the last whole day before a moment, in UTC.
func lastDay(file string, line int, moment string) (string, error) {
	if moment == "" {
		return Never, nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(form, moment); err == nil {
			return t.UTC().Add(-time.Nanosecond).Format(time.DateOnly), nil
		}
	}
	return "", &lockfile.Error{File: file, Line: line, Problem: fmt.Sprintf("has the end %.60q, which is no date such as 2026-12-31", moment)}
}

// OSVScanner reads a configuration of osv-scanner.
func OSVScanner(file, text string) ([]Entry, error) {
	root, err := readTOML(file, text)
	if err != nil {
		return nil, err
	}
	var all []Entry
	add := func(t *table, e Entry, end string) error {
		e.Line, e.Reason = t.line, strings.TrimSpace(t.text("reason"))
		if e.Reason == "" {
			e.Reason = noReason
		}
		if e.Until, err = lastDay(file, t.line, t.text(end)); err != nil {
			return err
		}
		if len(all) == maxEntries {
			return &lockfile.Error{File: file, Line: e.Line, Problem: fmt.Sprintf("has more than %d entries", maxEntries)}
		}
		all = append(all, e)
		return nil
	}
	for _, t := range root.tables("IgnoredVulns") {
		if t.text("id") == "" {
			return nil, &lockfile.Error{File: file, Line: t.line, Problem: "has an IgnoredVulns without an id"}
		}
		if err := add(t, Entry{ID: t.text("id"), Scope: "*"}, "ignoreUntil"); err != nil {
			return nil, err
		}
	}
	for _, t := range root.tables("PackageOverrides") {
		ecosystem, name, version := t.text("ecosystem"), t.text("name"), t.text("version")
		ignored := t.is("ignore") || t.table("vulnerability").is("ignore")
		switch {
		case !ignored, ecosystem != "" && ecosystem != string(lockfile.NPM) && ecosystem != string(lockfile.Go):
			continue
		case t.text("group") != "":
			return nil, &lockfile.Error{File: file, Line: t.line, Problem: "overrides a group of dependencies, which is not read: name the packages"}
		case name == "":
			name = "*"
		}
		if version == "" {
			version = "*"
		}
		if err := add(t, Entry{Scope: name + "@" + version + " *"}, "effectiveUntil"); err != nil {
			return nil, err
		}
	}
	return all, nil
}
