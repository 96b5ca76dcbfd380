// Package jsast reads the JavaScript of an Express app and tells what the app would
// set up: which apps and routers it makes, what they are given in which order, which
// routes that makes, and what every call was given.
//
//	p := jsast.Load(os.DirFS("shop"))
//	for _, r := range p.Routes() {
//		fmt.Println(r.Method, r.Path, r.File, r.Line)
//	}
//
// Nothing of the folder is run. A small abstract interpreter walks the modules that have
// to do with Express as Node would, with require and import, functions, classes and
// closures, and with these assumptions: NODE_ENV is "production", so what stands behind
// another value of it is not seen; of a condition that cannot be told both branches are
// walked, and what they did is marked [Layer.Maybe] or becomes a [Choice]; a loop is
// walked once, over a known list once for each element; a callback of an unknown
// function is called once. Handlers are walked after the modules, with [Ref] values such
// as "@req" and "@res" for their parameters; functions that nobody was seen to call come
// last.
//
// The folder is data and hostile. Its bounds are those of the constants; whatever was
// not read, not parsed or not followed is listed in [Project.Skipped] with the reason,
// for a check must not take what nobody saw for absent. Links are not followed.
//
// TypeScript is read by blanking its types, token by token, which understands common
// application code and not all of the language: a file that is no JavaScript afterwards
// is skipped with the reason. JSX is not read. What jsast does not do: it executes no
// package, so what one adds to an app is unknown; it knows no prototypes beyond classes,
// no eval, no generators as such.
//
// Sources: ECMA-262; the Express 4 and 5 API; node's module resolution as far as it
// stays in the folder.
package jsast

import (
	"cmp"
	"slices"
	"strings"
)

// The bounds of a project. What is beyond one is skipped and listed.
const (
	// MaxFiles is how many files are read.
	MaxFiles = 2000
	// MaxFileSize and MaxTotalSize are the bytes of one file and of all of them.
	MaxFileSize  = 1 << 20
	MaxTotalSize = 64 << 20
	// MaxDepth is how deep folders are walked.
	MaxDepth = 32
	// MaxNesting is how deep brackets nest in a file.
	MaxNesting = 200
)

// A Project is a folder that was read. Nothing in it changes after [Load], so it is
// safe for concurrent use as long as nobody writes to it.
type Project struct {
	// Files are those that were parsed, sorted by path.
	Files []*File
	// Skipped is what could not be read, parsed or followed, sorted by file and line.
	Skipped []Skip
	// Apps are the applications and routers, in the order in which they are made.
	Apps []*App
	// Calls and Sets are the calls and assignments that were walked, in that order.
	Calls []*Call
	Sets  []*Set
	// Reads are what was asked of requests, each thing once for each handler.
	Reads []Read
}

// A File is one parsed file.
type File struct {
	// Path is below the folder, with slashes.
	Path string
	// Imports are the modules that it names, sorted: packages and relative paths.
	Imports []string

	text   []byte
	parsed *parsed
}

// A Skip is something that nobody saw.
type Skip struct {
	File string
	// Line is 0 when the whole file is meant.
	Line int
	// Reason is for a sentence: "is larger than 1 MiB".
	Reason string
	// Server says that it can matter to an Express app: the file speaks of Express, or
	// a file that was read asks for it.
	Server bool
}

// Unseen returns those skipped things that can matter to an Express app.
func (p *Project) Unseen() []Skip {
	var seen []Skip
	for _, s := range p.Skipped {
		if s.Server {
			seen = append(seen, s)
		}
	}
	return seen
}

// A Pos is a place in a file.
type Pos struct {
	File string
	// Line counts from 1, Column in bytes from 1. Zero means unknown.
	Line, Column int
}

// Excerpt returns the line without its indentation, cut to what fits a report.
func (p *Project) Excerpt(at Pos) string {
	const most = 200
	i, ok := slices.BinarySearchFunc(p.Files, at.File, func(f *File, path string) int { return cmp.Compare(f.Path, path) })
	if !ok || at.Line < 1 {
		return ""
	}
	text := string(p.Files[i].text)
	for range at.Line - 1 {
		_, rest, more := strings.Cut(text, "\n")
		if !more {
			return ""
		}
		text = rest
	}
	text, _, _ = strings.Cut(text, "\n")
	text = strings.ToValidUTF8(strings.TrimSpace(text), "?")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// A Call is one call or construction that was walked.
type Call struct {
	// Callee is its path: "helmet", "express.static", "@res.status().send". The path
	// of a method of an app is that of the app: "express().listen",
	// "express.Router().get".
	Callee string
	Args   []*Value
	// App is the app whose method it is, or nil.
	App *App
	// In is the handler in which it stands; nil outside of handlers.
	In *Func
	// Maybe says that it stands under a condition that could not be told, or in a
	// function that nobody was seen to call.
	Maybe bool
	// Guessed says that the name of a parameter alone makes its object a request or a
	// response: nobody was seen to give it one.
	Guessed bool
	Pos     Pos
}

// A Set is one assignment to something that the folder does not make itself:
// "@req.session.user", "process.env.NODE_ENV", "express().locals.title".
type Set struct {
	Target string
	Value  *Value
	In     *Func
	Maybe  bool
	Pos    Pos
}

// A Read is a part of a request that was asked for: "@req.headers.origin",
// "@req.cookies.token", or "@req.cookies.?" where its name is made at run time. What
// methods give, as @req.get does, is a [Call].
type Read struct {
	Path string
	// In is the handler in which it stands; nil outside of handlers.
	In *Func
	// Pos is not known of what a pattern takes out of an object.
	Pos Pos
}

// Arg returns the argument at index i; without one, an undefined.
func (c *Call) Arg(i int) *Value {
	if i < len(c.Args) {
		return c.Args[i]
	}
	return undefined
}
