package lockfile

import (
	"fmt"
	"sync"
)

// An Ecosystem is where packages of a name come from, spelled as OSV does.
type Ecosystem string

// The ecosystems.
const (
	NPM Ecosystem = "npm"
	Go  Ecosystem = "Go"
)

// A Source is what kind of place a package comes from.
type Source uint8

// The sources. The zero value is the registry of the ecosystem.
const (
	Registry Source = iota
	// Git: a repository; Address says which.
	Git
	// Archive: an address of a tarball outside of the registry.
	Archive
	// Folder: a folder or tarball of this machine.
	Folder
)

// A Package is one installed package. Two of one name and version are two where they are
// installed twice.
type Package struct {
	// Name is its real name, whatever it is installed as.
	Name string
	// Alias is the name by which it is installed; empty when that is Name. In go.mod it
	// is the module that this one replaces.
	Alias string
	// Version is empty when the lockfile does not tell it, as of a repository.
	Version string
	// Source and Address are where it comes from; the address is empty for a registry.
	Source  Source
	Address string
	// Key is the lockfile's own name for the entry: "node_modules/express/node_modules/qs".
	Key string
	// Line is that of the entry, from 1.
	Line int
	// License is what the lockfile says of it: an SPDX expression, mostly.
	License string
	// Dev says that only development needs it, Optional that nothing fails without it,
	// Peer that it is there because a package asks its user for it.
	Dev, Optional, Peer bool
	// Bundled says that the package that uses it brings it along, in a package-lock and bun.lock.
	Bundled bool
	// Least says that Version is the lowest that may be used and not the one that is:
	// the standard library of a go.mod without a toolchain line.
	Least bool
	// Origin is what the lockfile tells of where its files come from.
	Origin Origin

	node int32
}

// A Lock is one lockfile. It is safe for concurrent use and not to be copied.
type Lock struct {
	// File is its name below the folder.
	File string
	// Format names the kind and its version: "package-lock v3".
	Format    string
	Ecosystem Ecosystem
	// Packages are the entries in the order of the file. The app itself and the members
	// of its workspace are none.
	Packages []Package

	// Missing are what the file needs and does not have, of type *[Error]: an install would
	// take a version that nobody has looked at. What is optional, or a peer's, may be left out.
	Missing []error

	graph graph
	// npm is what NPMTree is made of; nil where the file is none of npm's.
	npm *value

	// found is how entries are found; made when first asked for.
	found     index
	foundOnce sync.Once
	peers     []peerNeed
}

// An Error is a file that could not be read to its end.
type Error struct {
	File string
	// Line is 0 where the problem has no place.
	Line    int
	Problem string
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
	}
	return e.File + ": " + e.Problem
}
