package formtoken

// Browsers do not see every tag of a form. One within another is none. In a select neither
// its begin nor its end is, in SVG and MathML it is another element, a template has forms of
// its own, and what is in noscript is text to a browser that runs scripts. If the end of a
// form that leads elsewhere were believed where a browser does not see it, the next form's
// token would go along with it.

// A nesting follows the forms of a page, and what they are in.
type nesting struct {
	in     []element // elements that make a difference, the outermost first
	markup int       // how many of them are SVG or MathML
	open   bool      // within a form
	at     int       // where in the stack that form began
}

type element struct {
	name string
	open bool // within a form, around it
	at   int
}

// start enters an element.
func (n *nesting) start(name string, closed bool) {
	switch name {
	case "svg", "math":
		if closed {
			return
		}
		n.markup++
	case "template", "noscript", "select":
	default:
		return
	}
	n.in = append(n.in, element{name, n.open, n.at})
	if name == "template" {
		n.open, n.at = false, len(n.in)
	}
}

// form enters a form. It is false where browsers do not agree that it is one.
func (n *nesting) form() bool {
	if k := len(n.in); n.markup > 0 || k > 0 && n.in[k-1].name == "select" {
		return false
	}
	if !n.open {
		n.open, n.at = true, len(n.in)
	}
	return true
}

// end leaves an element, or a form. It is false where browsers do not agree on where the
// form ends.
func (n *nesting) end(name string) bool {
	switch name {
	case "form":
		agreed := !n.open || n.at == len(n.in)
		n.open = false
		return agreed
	case "svg", "math", "template", "noscript", "select":
	default:
		return true
	}
	for i := len(n.in) - 1; i >= 0; i-- {
		if n.in[i].name != name {
			continue
		}
		for _, e := range n.in[i:] {
			if e.name == "svg" || e.name == "math" {
				n.markup--
			}
		}
		around := n.in[i]
		n.in = n.in[:i]
		if name == "template" {
			n.open, n.at = around.open, around.at
			return true
		}
		return n.open == around.open // no form began within it and goes on behind
	}
	return true
}
