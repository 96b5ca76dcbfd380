package adapt

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/headers"
	"github.com/panoplysec/panoply/internal/checks/source"
	"github.com/panoplysec/panoply/internal/draft"
	"github.com/panoplysec/panoply/internal/jsast"
)

// ErrNoHelmet says that a text is neither Helmet's options as JSON nor calls helmet.
var ErrNoHelmet = errors.New("holds no call of helmet, and is no JSON object of its options")

// Helmet reads the options of Helmet: JSON, or JavaScript or TypeScript that calls helmet.
// name is what notes call the text; its ending says which language it is, and TypeScript
// is tried where it is not JavaScript.
//
// What cannot be told from the text, such as a function or a variable, and what Helmet
// itself would refuse, is left out and noted; then Helmet's default holds.
func Helmet(name string, text []byte) (*Result, error) {
	r := &Result{}
	r.Draft.Note("Made by panoply adapt helmet from " + name + ".")
	r.Draft.Set("upstream", draft.Text(":3000").By("the application: put its port"))
	c := helmetReader{r: r}
	var options node
	if trimmed := bytes.TrimLeft(text, "\ufeff \t\r\n"); bytes.HasPrefix(trimmed, []byte("{")) {
		var err error
		if options, err = jsonNode(name, text); err != nil {
			return nil, err
		}
	} else {
		p := jsast.Single(name, text)
		if len(p.Files) == 0 {
			if q := jsast.Single(name+".ts", text); len(q.Files) > 0 {
				p = jsast.Single(name, nil)
				p.Calls = q.Calls
			}
		}
		if len(p.Files) == 0 {
			return nil, fmt.Errorf("%s %s", name, p.Skipped[0].Reason)
		}
		calls := source.SetupOf(p).Helmet
		if len(calls) == 0 {
			return nil, ErrNoHelmet
		}
		options = c.calls(name, calls)
	}
	c.judge(&options)
	r.Draft.Set("headers.helmet", options.value())
	return r.sorted(), nil
}

// HelmetOf is what an app gives Helmet, and how many notes there would be; ok is false
// when it calls none.
func HelmetOf(calls []*jsast.Call) (v draft.Value, left int, ok bool) {
	if len(calls) == 0 {
		return v, 0, false
	}
	c := helmetReader{r: &Result{}}
	options := c.calls("", calls)
	c.judge(&options)
	return options.value(), len(c.r.Notes), true
}

type helmetReader struct{ r *Result }

func (c *helmetReader) note(at jsast.Pos, path string, b Became, format string, args ...any) {
	c.r.Notes = append(c.r.Notes, Note{at.File, at.Line, path, b, fmt.Sprintf(format, args...)})
}

// calls puts the options of all calls together; of two the later one holds, as the
// header is set twice.
func (c *helmetReader) calls(name string, calls []*jsast.Call) node {
	all := node{kind: objectNode, at: jsast.Pos{File: name}}
	for _, call := range calls {
		at := call.Pos
		if name != "" {
			at.File = name
		}
		if call.Maybe {
			c.note(at, call.Callee, SetAs, "taken as if it is always called: a condition that could not be told decides on it")
		}
		part := strings.Split(strings.ReplaceAll(call.Callee, ".default", ""), ".")
		options := c.node(call.Arg(0), name, strings.Join(part[1:], "."))
		switch {
		case len(part) == 2:
			if options.kind != objectNode {
				options = node{kind: scalarNode, json: "true", yaml: draft.Plain("true"), at: at}
			}
			all.set(part[1], options)
		case options.kind == objectNode:
			for _, m := range options.members {
				all.set(m.name, m.node)
			}
		}
	}
	return all
}

// node reads a value of the source.
func (c *helmetReader) node(v *jsast.Value, file, path string) node {
	at := v.Pos
	if file != "" && at.Line > 0 {
		at.File = file
	}
	switch v.Kind {
	case jsast.Undefined:
		return node{}
	case jsast.Null:
		return node{kind: scalarNode, json: "null", yaml: draft.Plain("null"), at: at}
	case jsast.Bool:
		return node{kind: scalarNode, json: v.Text, yaml: draft.Plain(v.Text), at: at}
	case jsast.String:
		return textNode(v.Text, at)
	case jsast.Number:
		if n, ok := v.Int(); ok {
			text := fmt.Sprint(n)
			return node{kind: scalarNode, json: text, yaml: draft.Plain(text), at: at}
		}
	case jsast.Array:
		n := node{kind: arrayNode, at: at}
		for i, o := range v.List {
			if one := c.node(o, file, fmt.Sprintf("%s[%d]", path, i)); one.kind != noNode {
				n.items = append(n.items, one)
			}
		}
		if v.Open {
			c.note(at, path, NotCarried, "it has more elements than can be told: add them")
		}
		return n
	case jsast.Object:
		n := node{kind: objectNode, at: at}
		for _, p := range v.Props {
			where := p.Pos
			if file != "" && where.Line > 0 {
				where.File = file
			}
			one := c.node(p.Value, file, strings.TrimPrefix(path+"."+p.Name, "."))
			if one.kind == noNode {
				continue
			}
			if one.at.Line == 0 {
				one.at = where
			}
			n.set(p.Name, one)
		}
		if v.Open {
			c.note(at, path, NotCarried, "it has more options than can be told: add them")
		}
		return n
	case jsast.Ref:
		if strings.HasSuffix(v.Text, "."+disableDefaultSrc) {
			n := node{kind: objectNode, at: at}
			n.set("$symbol", textNode(disableDefaultSrc, at))
			return n
		}
		c.note(at, path, NotCarried, "%s is not known here: write its value", strings.TrimPrefix(v.Text, "?"))
		return node{}
	case jsast.Function:
		c.note(at, path, NotCarried, "the door runs no JavaScript: a nonce or another value of each request stays with the app")
		return node{}
	}
	c.note(at, path, NotCarried, "its value is made at run time: write it")
	return node{}
}

const disableDefaultSrc = "dangerouslyDisableDefaultSrc"

// judge takes out what Helmet would refuse, and notes what it accepts by mistake.
func (c *helmetReader) judge(options *node) {
	for range 100 {
		o, err := headers.FromHelmet([]byte(options.text()))
		if err == nil {
			for _, w := range o.Lint() {
				// What harms some sites only is said where the site is known.
				if w.When == "" && options.at.File != "" {
					text := strings.TrimPrefix(w.String(), w.Field+": ")
					c.r.Notes = append(c.r.Notes, Note{File: options.at.File, Directive: w.Field, Became: SetAs, Text: "written, as Helmet accepts it by mistake: " + text})
				}
			}
			return
		}
		removed := false
		for _, e := range guard.OptionErrors(err) {
			if at, path, ok := options.remove(e.Field); ok {
				removed = true
				c.note(at, path, NotCarried, "%s", e.Error())
			}
		}
		if !removed {
			break
		}
	}
	c.note(options.at, "helmet", NotCarried, "its options are refused together: start from Helmet's defaults")
	*options = node{kind: objectNode, at: options.at}
}
