package fix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// A Kind is how a step changes what is installed.
type Kind string

// The kinds, the smallest change first.
const (
	// Update takes another version within the ranges that are asked for: only the lockfile
	// changes.
	Update Kind = "update"
	// Bump asks for another range of a direct dependency.
	Bump Kind = "bump"
	// Override decides the version of what others ask for.
	Override Kind = "override"
	// Get asks for another version of a Go module.
	Get Kind = "get"
	// Toolchain names another version of Go, and so of its standard library.
	Toolchain Kind = "toolchain"
)

// A Step is one change of a plan.
type Step struct {
	Kind Kind `json:"kind"`
	// Package is what it is installed as.
	Package string `json:"package"`
	// From and To are versions; To is what the package manager chose, once it was tried.
	From string `json:"from"`
	To   string `json:"to,omitempty"`
	// File and Old, New are the manifest and what it asks for; empty for Update.
	File string `json:"file,omitempty"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	// Parent is the package whose dependency is overridden; empty for all of that name.
	Parent string `json:"parent,omitempty"`
	// Breaking says that the version is outside of what "^" allows: its authors reserve the
	// right to break there.
	Breaking bool `json:"breaking,omitempty"`
	// Clears are the findings that this step is for, as package@version ADVISORY.
	Clears []string `json:"clears"`

	// path is where the manifest has it.
	path []string
	// with are the steps without which this one does not do.
	with []Step
}

// same says whether two steps change the same thing in the same way.
func (s *Step) same(t *Step) bool {
	return s.Kind == t.Kind && s.Package == t.Package && s.File == t.File && s.New == t.New && s.Parent == t.Parent && slices.Equal(s.path, t.path)
}

// String says it in a line.
func (s *Step) String() string {
	breaking := ""
	if s.Breaking {
		breaking = ", breaking (major)"
	}
	switch s.Kind {
	case Update:
		if s.To == "" {
			return fmt.Sprintf("update %s %s in the lockfile", s.Package, s.From)
		}
		return fmt.Sprintf("update %s %s to %s in the lockfile", s.Package, s.From, s.To)
	case Bump:
		return fmt.Sprintf("ask for %s %s in place of %s in %s%s", s.Package, s.New, s.Old, s.File, breaking)
	case Override:
		of := ""
		if s.Parent != "" {
			of = " of " + s.Parent
		}
		return fmt.Sprintf("override %s%s with %s in %s%s", s.Package, of, s.New, s.File, breaking)
	case Toolchain:
		return fmt.Sprintf("name the toolchain go%s in %s", s.To, s.File)
	}
	return fmt.Sprintf("require %s %s in place of %s in %s%s", s.Package, s.New, s.Old, s.File, breaking)
}

// respec is what a manifest asks for when it asks for another version, in the way it did:
// exactly, with "~", with "^", as an alias.
func respec(old, version string) string {
	prefix := ""
	if rest, ok := strings.CutPrefix(old, "npm:"); ok {
		prefix = "npm:"
		old = rest
		if at := strings.LastIndexByte(rest, '@'); at > 0 {
			prefix += rest[:at+1]
			old = rest[at+1:]
		}
	}
	old = strings.TrimSpace(old)
	switch {
	case strings.HasPrefix(old, "~"):
		return prefix + "~" + version
	case old != "":
		exact := strings.TrimLeft(old, "=v ")
		if _, err := npmsemver.Parse(exact, npmsemver.Options{}); err == nil {
			return prefix + old[:len(old)-len(exact)] + version
		}
	}
	return prefix + "^" + version
}

// breaks says whether going from one version to another leaves what "^" allows.
func breaks(from, to string) bool {
	r, err := npmsemver.ParseRange("^"+from, npmsemver.Options{Loose: true, IncludePrerelease: true})
	v, verr := npmsemver.Parse(to, npmsemver.Options{Loose: true})
	return err != nil || verr != nil || !r.Contains(v)
}
