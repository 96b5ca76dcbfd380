package observatory

import "strings"

// foreignKind says which content model the tags of a place belong to.
type foreignKind int

const (
	notForeign foreignKind = iota
	inSVG
	inMathML
)

// openElements is the stack that htmlparser2 keeps. It decides whether a tag stands in
// SVG or MathML, where <title> and <script> are no raw text and <script/> is closed.
type openElements struct {
	names []string
	// count is how often a name is on the stack, so that an end tag without a start tag
	// costs no walk through it.
	count   map[string]int
	foreign []foreignKind
}

func (o *openElements) inForeign() bool { return o.foreign[len(o.foreign)-1] != notForeign }

// shown returns the name by which the stack knows a tag. In SVG some names have their
// own case; one prefix for all of them keeps the two kinds apart.
func (o *openElements) shown(name string) string {
	if o.foreign[len(o.foreign)-1] == inSVG {
		if svgCased[name] {
			return svgPrefix + name
		}
		return name
	}
	if len(o.foreign) > 1 && svgCased[name] && o.count[svgPrefix+name] > 0 {
		return svgPrefix + name
	}
	if !o.inForeign() && name == "image" {
		return "img"
	}
	return name
}

// push opens an element and returns its name, empty for a form inside a form, which is
// as if it were not there.
func (o *openElements) push(name string) string {
	name = o.shown(name)
	if name == "form" && o.count["form"] > 0 {
		return ""
	}
	for closes := impliedEnd[name]; len(o.names) > 0 && closes[o.names[len(o.names)-1]]; {
		o.pop()
	}
	if void[name] {
		return name
	}
	o.names = append(o.names, name)
	o.count[name]++
	switch {
	case name == "svg":
		o.foreign = append(o.foreign, inSVG)
	case name == "math":
		o.foreign = append(o.foreign, inMathML)
	case integration[name]:
		o.foreign = append(o.foreign, notForeign)
	}
	return name
}

// close closes the innermost element of a name, and all inside it.
func (o *openElements) close(name string) {
	name = o.shown(name)
	if void[name] || o.count[name] == 0 {
		return
	}
	for o.names[len(o.names)-1] != name {
		o.pop()
	}
	o.pop()
}

// closeTop closes the innermost element if it has that name.
func (o *openElements) closeTop(name string) {
	if n := len(o.names); n > 0 && o.names[n-1] == name {
		o.pop()
	}
}

func (o *openElements) pop() {
	last := len(o.names) - 1
	name := o.names[last]
	o.names = o.names[:last]
	o.count[name]--
	if name == "svg" || name == "math" || integration[name] {
		o.foreign = o.foreign[:len(o.foreign)-1]
	}
}

const svgPrefix = "svg:"

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}

// void are the elements without content.
var void = nameSet("area base basefont br col command embed frame hr img input isindex keygen link meta param source track wbr")

// integration are the elements of foreign content that hold HTML again.
var integration = nameSet("mi mo mn ms mtext annotation-xml " + svgPrefix + "foreignobject desc title")

// svgCased are the elements of SVG that are not written in lower case.
var svgCased = nameSet(`altglyph altglyphdef altglyphitem animatecolor animatemotion
	animatetransform clippath feblend fecolormatrix fecomponenttransfer fecomposite
	feconvolvematrix fediffuselighting fedisplacementmap fedistantlight fedropshadow
	feflood fefunca fefuncb fefuncg fefuncr fegaussianblur feimage femerge femergenode
	femorphology feoffset fepointlight fespecularlighting fespotlight fetile feturbulence
	foreignobject glyphref lineargradient radialgradient textpath`)

// impliedEnd lists, for a start tag, which innermost elements it ends.
var impliedEnd = func() map[string]map[string]bool {
	table := map[string]map[string]bool{}
	for _, row := range [][2]string{
		{"tr", "tr th td"},
		{"th", "th"},
		{"td", "thead th td"},
		{"body", "head link script"},
		{"a", "a"},
		{"li", "li"},
		{"option", "option"},
		{"optgroup", "optgroup option"},
		{"dd dt", "dd dt"},
		{"rt rp", "rt rp"},
		{"tbody tfoot", "thead tbody"},
		{"h1 h2 h3 h4 h5 h6", "h1 h2 h3 h4 h5 h6 p"},
		{"select input output button datalist textarea", "input option optgroup select button datalist textarea"},
		{`p address article aside blockquote details div dl fieldset figcaption figure footer
			form header hr main nav ol pre section table ul`, "p"},
	} {
		ends := nameSet(row[1])
		for opener := range strings.FieldsSeq(row[0]) {
			table[opener] = ends
		}
	}
	return table
}()
