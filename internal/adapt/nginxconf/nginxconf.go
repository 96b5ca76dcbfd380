// Package nginxconf reads the configuration of nginx into a tree of directives, with the
// files that it includes in their places.
//
//	tree, err := nginxconf.Load("/etc/nginx/nginx.conf")
//
// It takes words apart as ngx_conf_read_token does: quotes, escapes, comments, variables in
// braces. The code of a block of Lua is passed over by Lua's own rules. It does not know
// which directives there are.
//
// The text is hostile: files, words, nesting and includes are bounded by the constants, and
// what is beyond one is an error. Only regular files are opened.
//
// Sources: nginx 1.22, src/core/ngx_conf_file.c; the manual of Lua 5.1, section 2.1.
package nginxconf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/panoplysec/panoply/internal/adapt/directive"
)

// The bounds of what is read.
const (
	// MaxFile is the bytes of one file, MaxFiles how many are read, with repetitions.
	MaxFile  = 1 << 20
	MaxFiles = 1000
	// MaxDepth is how deep blocks nest, and includes in includes.
	MaxDepth = 32
	// MaxDirectives is how many there are in all files together.
	MaxDirectives = 200_000
)

// A Directive is a line of the configuration. The code of Lua is not in its block.
type Directive = directive.Directive

// An Error is what is wrong with a file.
type Error = directive.Error

// Load reads the file and what it includes. Relative names of includes are taken from the
// folder of the file at path, as nginx does. A missing include that is no pattern is an
// error there and here.
func Load(path string) ([]*Directive, error) {
	l := loader{root: filepath.Dir(path)}
	return l.file(path, 0)
}

// Parse reads a text as a file of that name. Includes are left as they are.
func Parse(name string, text []byte) ([]*Directive, error) {
	p := parser{name: name, text: text, line: 1, left: MaxDirectives}
	return p.block(0)
}

type loader struct {
	root       string
	files      int
	directives int
}

func (l *loader) file(path string, depth int) ([]*Directive, error) {
	if l.files++; l.files > MaxFiles {
		return nil, &Error{File: path, Text: fmt.Sprintf("is one of more than %d files", MaxFiles)}
	}
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	p := parser{name: path, text: text, line: 1, left: MaxDirectives - l.directives}
	tree, err := p.block(0)
	l.directives = MaxDirectives - p.left
	if err != nil {
		return nil, err
	}
	return l.included(tree, depth)
}

// included puts the content of included files in the place of their includes.
func (l *loader) included(tree []*Directive, depth int) ([]*Directive, error) {
	var out []*Directive
	for _, d := range tree {
		if d.Name != "include" || len(d.Args) != 1 || d.HasBlock {
			block, err := l.included(d.Block, depth)
			if err != nil {
				return nil, err
			}
			d.Block = block
			out = append(out, d)
			continue
		}
		if depth == MaxDepth {
			return nil, &Error{File: d.File, Line: d.Line, Text: fmt.Sprintf("includes nest deeper than %d", MaxDepth)}
		}
		names, err := l.names(d)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			part, err := l.file(name, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, part...)
		}
	}
	return out, nil
}

func (l *loader) names(d *Directive) ([]string, error) {
	name := d.Args[0]
	if !filepath.IsAbs(name) {
		name = filepath.Join(l.root, name)
	}
	if !strings.ContainsAny(name, "*?[") {
		if _, err := os.Stat(name); err != nil {
			return nil, &Error{File: d.File, Line: d.Line, Text: "includes " + name + ", which cannot be read: " + cause(err)}
		}
		return []string{name}, nil
	}
	names, err := filepath.Glob(name)
	if err != nil {
		return nil, &Error{File: d.File, Line: d.Line, Text: "includes " + name + ", which is no pattern"}
	}
	return names, nil
}

func read(path string) ([]byte, error) {
	// Asked before it is opened: a pipe would be waited for.
	info, err := os.Stat(path)
	if err != nil {
		return nil, &Error{File: path, Text: "cannot be read: " + cause(err)}
	}
	if !info.Mode().IsRegular() {
		return nil, &Error{File: path, Text: "is no file"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{File: path, Text: "cannot be read: " + cause(err)}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	switch {
	case err != nil:
		return nil, &Error{File: path, Text: "cannot be read: " + cause(err)}
	case len(text) > MaxFile:
		return nil, &Error{File: path, Text: fmt.Sprintf("is larger than %d MiB", MaxFile>>20)}
	}
	return text, nil
}

func cause(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}
