package fix

import (
	"context"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// pnpmVersion is the major version of the pnpm on the PATH; zero where there is none.
func (f *Fixer) pnpmVersion(ctx context.Context) int {
	w := &workshop{dir: f.temp, home: f.temp, base: f.show.base, kind: f.kind}
	text, err := w.run(ctx, "pnpm", "--version")
	if err != nil {
		return 0
	}
	major, _, _ := strings.Cut(strings.TrimSpace(text), ".")
	n, _ := strconv.Atoi(major) // what is none is zero
	return n
}

// node is the version of the Node.js on the PATH, for which no version is chosen that does
// not run on it. It is nil where there is none, where the app runs on bun, and where the app
// itself says that it runs on others: then this machine is not the one that counts.
func (f *Fixer) node(ctx context.Context) *npmsemver.Version {
	if f.kind == "bun" {
		return nil
	}
	w := &workshop{dir: f.temp, home: f.temp, base: f.show.base, kind: "npm"}
	text, err := w.run(ctx, "node", "--version")
	if err != nil {
		return nil
	}
	v, err := npmsemver.Parse(strings.TrimSpace(text), npmsemver.Options{Loose: true})
	if err != nil {
		return nil
	}
	if own, err := npmsemver.ParseRange(f.project.manifests[0].Node, npmsemver.Options{Loose: true}); err == nil && !own.Contains(v) {
		return nil
	}
	return &v
}
