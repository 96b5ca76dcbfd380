package deps

import (
	"context"
	"path"
	"path/filepath"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/goreach"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/osv"
)

// A program is what labels the modules of one go.mod.
type program struct {
	*goreach.Program
	// why says why there is none.
	why string
}

type programKey struct{ dir string }

// program loads the packages beside a go.mod, once for a session and where that is asked
// for: it runs the go command on the folder's word.
func (v *verdict) program(ctx context.Context, l *lockfile.Lock) *program {
	dir := path.Dir(l.File)
	return v.session.Shared(programKey{dir}, func() any {
		if !v.session.Target.Reachability {
			return &program{why: "ask for it with --reachability, which runs go list in the folder"}
		}
		var tags []string
		if v.session.Target.GoTags != "" {
			tags = strings.Split(v.session.Target.GoTags, ",")
		}
		p, err := goreach.Load(ctx, filepath.Join(v.session.Target.Folder, filepath.FromSlash(dir)), tags)
		if err != nil {
			return &program{why: err.Error()}
		}
		return &program{Program: p}
	}).(*program)
}

// label says how far the program comes to a hole.
func (p *program) label(x *victim, h *osv.Hit) *check.Reachability {
	if p.Program == nil {
		return &check.Reachability{Label: check.NotKnown, Reason: p.why}
	}
	var holes []goreach.Package
	for _, i := range h.Imports {
		holes = append(holes, goreach.Package{Path: i.Path, Symbols: i.Symbols, GOOS: i.GOOS, GOARCH: i.GOARCH})
	}
	a := p.Reach(x.name, holes)
	out := &check.Reachability{At: a.At, Calls: a.Calls, Reason: "on " + p.System}
	switch {
	case a.Label == goreach.Called:
		out.Label = check.Called
	case a.Label == goreach.NotImported:
		out.Label = check.NotImported
	case a.Unknown:
		out.Label, out.Reason = check.Imported, "the advisory names no symbols"
	default:
		out.Label = check.NotCalled
	}
	return out
}
