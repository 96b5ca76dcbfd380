package expressupgrade

import (
	"cmp"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsast"
)

// A Use is one place where an app uses what a later Express has no more.
type Use struct {
	// API names it: "app.configure", "res.send(status)".
	API string
	// Gone is the first major version without it, from 3 to 5.
	Gone int
	// Instead is what stands for it.
	Instead string
	// File is below the folder, Line and Column count from 1.
	File         string
	Line, Column int
	// Seen is the line.
	Seen string
	// Maybe says that it stands under a condition that could not be told.
	Maybe bool
}

// Find returns the uses of what is gone since versions above from, in the order of files
// and lines. Ask [jsast.Project.Unseen] for what was not read.
func Find(p *jsast.Project, from int) []Use {
	f := &finder{project: p, from: from, seen: map[place]bool{}}
	for _, c := range p.Calls {
		f.call(c)
	}
	for _, a := range p.Apps {
		for _, l := range a.Layers {
			for _, path := range l.Paths {
				api, r := pattern(path)
				f.add(api, r, l.Pos, l.Maybe)
			}
			for _, h := range l.Handlers {
				f.value(h, l.Pos, l.Maybe)
			}
		}
	}
	for _, s := range p.Sets {
		if s.Target == "@res.charset" && s.In != nil {
			f.add("res.charset", removal{4, "res.type() or res.set('Content-Type')"}, s.Pos, s.Maybe)
		}
	}
	for _, r := range p.Reads {
		if r.In == nil {
			continue
		}
		for _, name := range []string{"accepted", "acceptedLanguages", "acceptedCharsets"} {
			if r.Path == "@req."+name {
				f.add("req."+name, removal{4, "req.accepts(), req.acceptsLanguages() or req.acceptsCharsets()"}, r.Pos, false)
			}
		}
	}
	slices.SortFunc(f.uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.API, b.API))
	})
	return f.uses
}

type place struct {
	api string
	at  jsast.Pos
}

type finder struct {
	project *jsast.Project
	from    int
	uses    []Use
	seen    map[place]bool
}

func (f *finder) add(api string, r removal, at jsast.Pos, maybe bool) {
	if api == "" || r.gone <= f.from || at.Line == 0 || f.seen[place{api, at}] {
		return
	}
	f.seen[place{api, at}] = true
	f.uses = append(f.uses, Use{api, r.gone, r.instead, at.File, at.Line, at.Column, f.project.Excerpt(at), maybe})
}

func (f *finder) call(c *jsast.Call) {
	if c.Guessed {
		return
	}
	for _, a := range c.Args {
		f.value(a, c.Pos, c.Maybe)
	}
	switch {
	case c.App != nil:
		_, name, _ := strings.Cut(c.Callee, "().")
		f.add("app."+name, apps[name], c.Pos, c.Maybe)
	case strings.HasPrefix(c.Callee, "express."):
		name := strings.TrimPrefix(c.Callee, "express.")
		if at := strings.Index(name, "mime."); at >= 0 {
			name = name[:at+len("mime")]
		}
		f.add("express."+name, middleware[name], c.Pos, c.Maybe)
	case strings.HasPrefix(c.Callee, "connect."):
		name := strings.TrimPrefix(c.Callee, "connect.")
		f.add("connect."+name, middleware[name], c.Pos, c.Maybe)
	case strings.HasPrefix(c.Callee, "@req."):
		name := strings.TrimPrefix(c.Callee, "@req.")
		f.add("req."+name, requests[name], c.Pos, c.Maybe)
	case strings.HasPrefix(c.Callee, "@res."):
		steps := strings.Split(strings.TrimPrefix(c.Callee, "@res."), "().")
		for _, step := range steps[:len(steps)-1] {
			if !slices.Contains(chained, step) {
				return
			}
		}
		name := steps[len(steps)-1]
		f.add("res."+name, responses[name], c.Pos, c.Maybe)
		api, r := responseCall(name, c.Args)
		f.add(api, r, c.Pos, c.Maybe)
	}
}

// value looks at what is passed on without being called: app.router, and middleware that
// is named only.
func (f *finder) value(v *jsast.Value, at jsast.Pos, maybe bool) {
	for _, o := range v.Options() {
		if o.Kind != jsast.Ref {
			continue
		}
		where := o.Pos
		if where.Line == 0 {
			where = at
		}
		if name, ok := strings.CutPrefix(o.Text, "express()."); ok && name == "router" {
			f.add("app."+name, apps[name], where, maybe)
		}
		if name, ok := strings.CutPrefix(o.Text, "express."); ok {
			f.add("express."+name, middleware[name], where, maybe)
		}
	}
}
