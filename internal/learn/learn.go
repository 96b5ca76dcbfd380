// Package learn looks at the folder of an app and writes the panoply.yaml that fits it:
// where the app listens, how its session cookies are called, where people log in and out,
// what it has of its own. Each value has the file and line that it came from.
//
//	root, err := os.OpenRoot("shop")
//	…
//	d := learn.Folder(root.FS())
//	os.Stdout.Write(d.Full())
//
// The folder is data: nothing of it is run or expanded, no address is contacted, no link is
// followed out of it, and of files that hold secrets only the names of variables are read.
// Each file is bounded, and those of JavaScript as package jsast says. What was learnt says
// what the source says, which is not always what runs: a person reads it before it serves.
//
// What it does not know: other languages than JavaScript and TypeScript, but by their
// Dockerfile, Procfile or compose file.
package learn

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/adapt"
	"github.com/panoplysec/panoply/internal/checks/source"
	"github.com/panoplysec/panoply/internal/draft"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
	"github.com/panoplysec/panoply/login"
)

// Folder learns what there is to learn. It never fails: an empty folder gives the defaults.
// The result is the same for the same folder, and config.Load takes it.
func Folder(fsys fs.FS) *draft.Draft {
	f := &folder{fsys: fsys, project: jsast.Load(fsys)}
	f.setup = source.SetupOf(f.project)
	f.manifests()
	f.d.Note("What panoply init learnt from this folder; each value has the line that it came from. The rest is")
	f.d.Note("commented out, with its default. panoply validate checks it, panoply serve runs on it.")
	f.kind()
	f.port()
	f.cookies()
	f.logins()
	f.own()
	f.unseen()
	return &f.d
}

type folder struct {
	fsys    fs.FS
	d       draft.Draft
	project *jsast.Project
	setup   *source.Setup
	all     []manifest
	// opened counts the folders that were opened for patterns of workspaces.
	opened int
}

func at(p jsast.Pos) string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// kind says what the app answers with.
func (f *folder) kind() {
	s := f.setup
	var parts []string
	add := func(places []jsast.Pos, what string) {
		if len(places) > 0 {
			parts = append(parts, what+" ("+at(places[0])+")")
		}
	}
	add(s.Pages, "pages")
	add(s.JSON, "JSON")
	add(s.Files, "files")
	name, from := f.framework()
	switch {
	case name == "" && len(f.project.Apps) > 0:
		name, from = "express", at(f.project.Apps[0].Pos)
	case name == "" && len(parts) == 0:
		if _, err := fs.Stat(f.fsys, "index.html"); err == nil {
			f.d.Note("It is a folder of files (index.html): the door serves none, so put what serves them behind it.")
		} else {
			f.d.Note("No JavaScript of a server was found here.")
		}
		return
	}
	what := "an app"
	switch {
	case len(s.Pages) == 0 && len(s.JSON) > 0 && len(s.Files) > 0:
		what = "a single-page app with an API"
	case len(s.Pages) > 0:
		what = "a site of pages"
	case len(s.JSON) > 0:
		what = "an API"
	case len(s.Files) > 0:
		what = "a site of files"
	}
	if len(parts) > 0 {
		what += ", which answers with " + strings.Join(parts, ", ")
	}
	if name != "" {
		what += "; made with " + name + " (" + from + ")"
	}
	f.d.Note("It looks like " + what + ".")
}

// cookieName is a token, as names of cookies are.
var cookieName = pattern.New("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$")

// cookies lists those that hold sessions and those that scripts read.
func (f *folder) cookies() {
	var seen []string
	list := func(path string, all []source.Named) {
		for _, c := range all {
			if cookieName.Get().MatchString(c.Name) && !slices.Contains(seen, c.Name) {
				seen = append(seen, c.Name)
				f.d.Add(path, draft.Text(c.Name).By(at(c.Pos)))
			}
		}
	}
	// A cookie that scripts read cannot be hidden from them.
	list("cookies.script", f.setup.Scripts)
	list("cookies.session", f.setup.Sessions)
}

// plainPath is a path that every server reads in one way.
var plainPath = pattern.New(`^(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

// logins lists the routes of credentials.
func (f *folder) logins() {
	_, unclear := f.project.Routes()
	paths := func(key string, all []source.Credentials) {
		var seen []string
		list := draft.Value{}
		// The list takes the place of what such paths are usually called.
		put := f.d.Set
		if unclear > 0 || len(f.project.Unseen()) > 0 {
			put = f.d.Suggest
			list.From = "these were seen, and there may be others; empty: all that are called so"
		}
		for _, r := range all {
			switch {
			case slices.Contains(seen, r.Path):
			case !plainPath.Get().MatchString(r.Path):
				put = f.d.Suggest
			default:
				seen = append(seen, r.Path)
				list.List = append(list.List, draft.Text(r.Path).By(at(r.Pos)))
			}
		}
		if len(list.List) > 0 {
			put(key, list)
		}
	}
	paths("sessions.login", f.setup.Logins)
	paths("sessions.logout", f.setup.Logouts)
	var seen []string
	for _, r := range slices.Concat(f.setup.Logins, f.setup.Resets) {
		method := r.Method
		if method == "ALL" {
			method = "POST"
		}
		route := method + " " + r.Path
		if !plainPath.Get().MatchString(r.Path) || slices.Contains(seen, route) {
			continue
		}
		seen = append(seen, route)
		v := draft.Value{From: at(r.Pos)}.With("route", draft.Text(route))
		if user := unusual(r.Fields); user != "" {
			v = v.With("user", draft.Text(user))
		}
		f.d.Add("login.routes", v.With("observe", draft.Plain("true").By("counts and tells; remove the line to enforce")))
	}
}

// fieldName is a name of a form's field that the configuration takes as one.
var fieldName = pattern.New(`^[A-Za-z_][A-Za-z0-9_-]{0,60}$`)

// unusual is the field of the user's name where it is none of the usual ones.
func unusual(fields []string) string {
	user := ""
	for _, name := range fields {
		lower := strings.ToLower(name)
		switch {
		case slices.Contains(login.UserFields(), lower):
			return ""
		case slices.Contains(login.PasswordFields(), lower), strings.Contains(lower, "pass"), strings.Contains(lower, "token"), strings.Contains(lower, "csrf"), strings.Contains(lower, "remember"):
		case user != "" || !fieldName.Get().MatchString(name):
			return "" // which one it is cannot be told
		default:
			user = name
		}
	}
	return user
}

// own says what the app has of its own that has to do with the door.
func (f *folder) own() {
	s := f.setup
	switch t := s.TrustProxy; {
	case t == nil && len(f.project.Apps) > 0:
		f.d.Note("The app does not trust its proxy: app.set('trust proxy', 'loopback') lets it see the client and HTTPS.")
	case t != nil && t.Name == "true":
		f.d.Note("The app believes every proxy (" + at(t.Pos) + "): behind the door, app.set('trust proxy', 'loopback').")
	case t != nil:
		f.d.Note("The app has trust proxy " + t.Name + " (" + at(t.Pos) + "): 'loopback' or 1 fits the door.")
	}
	for _, c := range s.CSRF {
		f.d.Note("The app has " + c.Name + " against forged requests (" + at(c.Pos) + "); it and the door go together.")
	}
	if v, left, ok := adapt.HelmetOf(s.Helmet); ok {
		text := "what the app sends by itself"
		if left > 0 {
			text += "; more is made at run time"
		}
		f.d.Suggest("headers.helmet", v.By(at(s.Helmet[0].Pos)+": "+text))
	}
}

// unseen lists what could not be read.
func (f *folder) unseen() {
	all := f.project.Unseen()
	for i, s := range all {
		if i == 5 {
			f.d.Note(fmt.Sprintf("Not seen: %d more.", len(all)-i))
			break
		}
		where := s.File
		if s.Line > 0 {
			where = fmt.Sprintf("%s:%d", s.File, s.Line)
		}
		f.d.Note("Not seen: " + where + " " + s.Reason + ".")
	}
}
