// Package caddyconf reads a Caddyfile into its global options and its sites, with snippets
// and imported files in their places.
//
//	file, err := caddyconf.Load("/etc/caddy/Caddyfile")
//
// It takes words apart as Caddy's lexer does: quotes, backquotes, heredocs, comments, lines
// that go on. Variables of the environment and placeholders are left as they are written.
// It does not know which directives there are.
//
// The text is hostile: files, words, nesting and imports are bounded by the constants, and
// what is beyond one is an error. Only regular files are opened.
//
// Source: Caddy 2.11, caddyconfig/caddyfile/lexer.go and parse.go.
package caddyconf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/adapt/directive"
)

// The bounds of what is read.
const (
	// MaxFile is the bytes of one file, MaxFiles how many are read, with repetitions.
	MaxFile  = 1 << 20
	MaxFiles = 200
	// MaxDepth is how deep blocks nest, and imports in imports.
	MaxDepth = 32
	// MaxDirectives is how many there are in the end, and MaxWords how many words they have.
	MaxDirectives = 100_000
	MaxWords      = 1_000_000
)

// A Directive is a line of the Caddyfile.
type Directive = directive.Directive

// A File is a Caddyfile.
type File struct {
	// Global are the options at its top.
	Global []*Directive
	Sites  []Site
}

// A Site is what stands behind one or more addresses.
type Site struct {
	Addresses []string
	Block     []*Directive
	File      string
	Line      int
}

// An Error is what is wrong with a file.
type Error = directive.Error

// Load reads the file and what it imports.
func Load(path string) (*File, error) {
	l := loader{snippets: make(map[string]*Directive), imports: true}
	all, err := l.read(path)
	if err != nil {
		return nil, err
	}
	return l.assemble(path, all)
}

// Parse reads a text as a file of that name; other files are not imported.
func Parse(name string, text []byte) (*File, error) {
	l := loader{snippets: make(map[string]*Directive)}
	all, err := parse(name, text)
	if err != nil {
		return nil, err
	}
	return l.assemble(name, all)
}

type loader struct {
	snippets   map[string]*Directive
	imports    bool
	files      int
	directives int
	words      int
}

// assemble makes sites of the lines at the top.
func (l *loader) assemble(name string, all []*Directive) (*File, error) {
	f := &File{}
	if len(all) > 0 && all[0].Name == "" && all[0].HasBlock {
		global, err := l.expand(all[0].Block, 0)
		if err != nil {
			return nil, err
		}
		f.Global, all = global, all[1:]
	}
	// A file of one site needs no braces: all but the first line is its own.
	if i := slices.IndexFunc(all, func(d *Directive) bool { return d.Name != "import" && !snippet(d.Name) }); i >= 0 && !all[i].HasBlock {
		top, err := l.top(all[:i], 0)
		if err != nil {
			return nil, err
		}
		f.Sites = top
		block, err := l.expand(all[i+1:], 0)
		if err != nil {
			return nil, err
		}
		f.Sites = append(f.Sites, site(all[i], block))
		return f, nil
	}
	sites, err := l.top(all, 0)
	f.Sites = sites
	return f, err
}

func snippet(name string) bool {
	return len(name) > 2 && name[0] == '(' && name[len(name)-1] == ')' || strings.HasPrefix(name, "&(")
}

func site(d *Directive, block []*Directive) Site {
	s := Site{Block: block, File: d.File, Line: d.Line}
	for _, word := range append([]string{d.Name}, d.Args...) {
		for one := range strings.SplitSeq(word, ",") {
			if one != "" {
				s.Addresses = append(s.Addresses, one)
			}
		}
	}
	return s
}

// top reads lines at the top: snippets, imports and sites.
func (l *loader) top(all []*Directive, depth int) ([]Site, error) {
	if depth > MaxDepth {
		return nil, &Error{File: all[0].File, Line: all[0].Line, Text: fmt.Sprintf("imports nest deeper than %d", MaxDepth)}
	}
	var sites []Site
	for _, d := range all {
		switch {
		case snippet(d.Name):
			l.snippets[strings.Trim(d.Name, "()")] = d
		case d.Name == "import" && !d.HasBlock && len(d.Args) > 0 && l.snippets[d.Args[0]] == nil:
			parts, err := l.imported(d)
			if err != nil {
				return nil, err
			}
			for _, part := range parts {
				if len(part) == 0 {
					continue
				}
				more, err := l.top(part, depth+1)
				if err != nil {
					return nil, err
				}
				sites = append(sites, more...)
			}
		case !d.HasBlock:
			return nil, &Error{File: d.File, Line: d.Line, Text: "a block is missing: " + d.Name}
		case d.Name == "":
			return nil, &Error{File: d.File, Line: d.Line, Text: "a block without an address"}
		default:
			block, err := l.expand(d.Block, 0)
			if err != nil {
				return nil, err
			}
			sites = append(sites, site(d, block))
		}
	}
	return sites, nil
}

// expand puts snippets and files in the place of their imports.
func (l *loader) expand(all []*Directive, depth int) ([]*Directive, error) {
	var out []*Directive
	for _, d := range all {
		l.directives++
		l.words += len(d.Args) + 1
		if l.directives > MaxDirectives || l.words > MaxWords {
			return nil, &Error{File: d.File, Line: d.Line, Text: fmt.Sprintf("there are more than %d directives or %d words", MaxDirectives, MaxWords)}
		}
		if d.Name == "import" && len(d.Args) > 0 {
			if depth > MaxDepth {
				return nil, &Error{File: d.File, Line: d.Line, Text: fmt.Sprintf("imports nest deeper than %d", MaxDepth)}
			}
			parts := [][]*Directive{}
			if s := l.snippets[d.Args[0]]; s != nil {
				parts = append(parts, s.Block)
			} else {
				var err error
				if parts, err = l.imported(d); err != nil {
					return nil, err
				}
			}
			for _, part := range parts {
				more, err := l.expand(filled(part, d.Args[1:], 0), depth+1)
				if err != nil {
					return nil, err
				}
				out = append(out, more...)
			}
			continue
		}
		one := *d
		block, err := l.expand(d.Block, depth)
		if err != nil {
			return nil, err
		}
		one.Block = block
		out = append(out, &one)
	}
	return out, nil
}

// filled puts the words of an import into what is imported.
func filled(all []*Directive, args []string, depth int) []*Directive {
	if len(args) == 0 || depth > MaxDepth {
		return all
	}
	var pairs []string
	for i, a := range args {
		if i == 20 || len(a) > 1000 {
			break
		}
		pairs = append(pairs, fmt.Sprintf("{args[%d]}", i), a, fmt.Sprintf("{args.%d}", i), a)
	}
	r := strings.NewReplacer(pairs...)
	out := make([]*Directive, len(all))
	for i, d := range all {
		one := *d
		one.Name = r.Replace(d.Name)
		one.Args = nil
		for _, a := range d.Args {
			if a == "{args[:]}" {
				one.Args = append(one.Args, args...)
				continue
			}
			if a = r.Replace(a); len(a) > 4000 {
				a = a[:4000]
			}
			one.Args = append(one.Args, a)
		}
		one.Block = filled(d.Block, args, depth+1)
		out[i] = &one
	}
	return out
}

// imported reads the files that an import names.
func (l *loader) imported(d *Directive) ([][]*Directive, error) {
	if !l.imports {
		return nil, nil
	}
	name := d.Args[0]
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(d.File), name)
	}
	names := []string{name}
	if strings.ContainsAny(name, "*?[") {
		var err error
		if names, err = filepath.Glob(name); err != nil {
			return nil, &Error{File: d.File, Line: d.Line, Text: "imports " + name + ", which is no pattern"}
		}
	} else if _, err := os.Stat(name); err != nil {
		return nil, &Error{File: d.File, Line: d.Line, Text: "imports " + d.Args[0] + ", which is no snippet, and no file that can be read"}
	}
	var parts [][]*Directive
	for _, name := range names {
		part, err := l.read(name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func (l *loader) read(path string) ([]*Directive, error) {
	if l.files++; l.files > MaxFiles {
		return nil, &Error{File: path, Text: fmt.Sprintf("is one of more than %d files", MaxFiles)}
	}
	// Asked before it is opened: a pipe would be waited for.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is no file")
	}
	var text []byte
	if err == nil {
		text, err = readAll(path)
	}
	if err != nil {
		if p, ok := errors.AsType[*os.PathError](err); ok {
			err = p.Err
		}
		return nil, &Error{File: path, Text: "cannot be read: " + err.Error()}
	}
	return parse(path, text)
}

func readAll(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(text) > MaxFile {
		err = fmt.Errorf("it is larger than %d MiB", MaxFile>>20)
	}
	return text, err
}
