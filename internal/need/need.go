// Package need is for tests that cannot do without a program or a service of the
// machine: it skips them with the reason where the thing is absent, and fails them
// where CI=true promises that it is there, so that nothing is skipped for ever unseen.
//
//	node := need.Program(t, "node")
//	modules := need.Modules(t, "express", "ws")
package need

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Service skips the test when err says that the named service is absent, and fails it
// instead with CI=true. With a nil error it does nothing.
func Service(t testing.TB, name string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s, which CI=true promises: %v", name, err)
	}
	t.Skipf("needs %s: %v", name, err)
}

// Port returns a port of 127.0.0.1 that nothing listens on. It is of those that no system
// gives away by itself (Linux: 32768 and up, others: 49152 and up), so that no connection
// and no listener on port 0, of this test or another, takes it before it is used.
func Port(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10100 + rand.IntN(21900) // no browser connects to 10080
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		ln.Close()
		return port
	}
	t.Fatal("needs a free port from 10100 to 32000")
	return 0
}

// Program returns the path of the first of the named programs that is installed.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	err := fmt.Errorf("no name given")
	for _, name := range names {
		var path string
		if path, err = exec.LookPath(name); err == nil {
			return path
		}
	}
	Service(t, names[0], err)
	return ""
}

// Modules returns the node_modules folder that internal/compat/install.sh fills, when
// the named npm packages are in it. The folder is ${PANOPLY_NPM_DIR}/node_modules, by
// default below ~/.cache/panoply/npm.
func Modules(t testing.TB, packages ...string) string {
	t.Helper()
	return modules(t, "", packages)
}

// Holes is Modules for packages with known holes, which lie in holes/ below the others.
func Holes(t testing.TB, packages ...string) string {
	t.Helper()
	return modules(t, "holes", packages)
}

func modules(t testing.TB, below string, packages []string) string {
	t.Helper()
	dir := os.Getenv("PANOPLY_NPM_DIR")
	if dir == "" {
		home, err := os.UserHomeDir()
		Service(t, "npm packages", err)
		dir = filepath.Join(home, ".cache", "panoply", "npm")
	}
	dir = filepath.Join(dir, below, "node_modules")
	for _, name := range packages {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name), "package.json")); err != nil {
			Service(t, "npm package "+name, fmt.Errorf("run internal/compat/install.sh: %w", err))
		}
	}
	return dir
}
