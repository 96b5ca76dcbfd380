package source

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsast"
)

// A header is one that a browser's defence needs, with the ways of Express apps to send
// it: helmet's options by their new and old name, packages of its own, lusca's option.
type header struct {
	rule, name string
	helmet     []string
	packages   []string
	lusca      string
}

var contentSecurityPolicy = header{"headers/csp-absent", "Content-Security-Policy", []string{"contentSecurityPolicy"}, []string{"helmet-csp"}, "csp"}

var guarded = []header{
	contentSecurityPolicy,
	{"headers/nosniff", "X-Content-Type-Options", []string{"xContentTypeOptions", "noSniff"}, []string{"dont-sniff-mimetype"}, "nosniff"},
	{"headers/framing", "X-Frame-Options", []string{"xFrameOptions", "frameguard"}, []string{"frameguard"}, "xframe"},
	{"headers/hsts-absent", "Strict-Transport-Security", []string{"strictTransportSecurity", "hsts"}, []string{"hsts"}, "hsts"},
	{"headers/referrer-absent", "Referrer-Policy", []string{"referrerPolicy"}, []string{"referrer-policy"}, "referrerPolicy"},
}

// poweredBy is the header that helmet takes away.
var poweredBy = header{"fingerprint/banner", "X-Powered-By", []string{"xPoweredBy", "hidePoweredBy"}, []string{"hide-powered-by"}, ""}

// gift says whether a handler sends the header, and where an option that says otherwise
// stands.
func gift(v *jsast.Value, h header) (yield, jsast.Pos) {
	if v.Kind != jsast.Result {
		return nothing, jsast.Pos{}
	}
	name := plain(v.Text)
	switch {
	case name == "helmet":
		return helmetGift(arg(v, 0), h)
	case name == "lusca" && h.lusca != "":
		y, at := option(arg(v, 0), h.lusca)
		if y == nothing {
			return nothing, at
		}
		return y, at
	case name == "lusca."+h.lusca && h.lusca != "", slices.Contains(h.packages, name):
		return own(arg(v, 0), h)
	}
	if part, ok := strings.CutPrefix(name, "helmet."); ok && slices.Contains(h.helmet, part) {
		return own(arg(v, 0), h)
	}
	if h.name == "X-Frame-Options" {
		// A policy with its defaults names frame-ancestors too, and then that decides.
		if y, at := gift(v, contentSecurityPolicy); y != nothing {
			return ancestors(arg(v, 0), y), at
		}
	}
	return nothing, jsast.Pos{}
}

func arg(v *jsast.Value, i int) *jsast.Value {
	if i < len(v.List) {
		return v.List[i]
	}
	return &jsast.Value{Kind: jsast.Undefined}
}

// helmetGift reads helmet's options: absent and true are the default, false is off.
func helmetGift(options *jsast.Value, h header) (yield, jsast.Pos) {
	switch options.Kind {
	case jsast.Undefined:
		return on, jsast.Pos{}
	case jsast.Choice:
		first, at := helmetGift(options.List[0], h)
		for _, o := range options.List[1:] {
			if y, _ := helmetGift(o, h); y != first {
				return unclear, at
			}
		}
		return first, at
	case jsast.Object:
		y, at := on, jsast.Pos{}
		for _, name := range h.helmet {
			p, ok := options.Prop(name)
			if !ok {
				continue
			}
			at = p.Pos
			if y = falsehood(p.Value); y == on {
				y, at = own(p.Value, h)
				if y == on {
					at = p.Pos
				}
			}
		}
		if at.Line == 0 && options.Open {
			return unclear, options.Pos
		}
		if h.name == "X-Frame-Options" && y == off {
			if csp, _ := helmetGift(options, contentSecurityPolicy); csp != off {
				policy, _ := options.Prop("contentSecurityPolicy")
				if policy.Value == nil {
					policy.Value = &jsast.Value{Kind: jsast.Undefined}
				}
				return ancestors(policy.Value, csp), at
			}
		}
		return y, at
	}
	return unclear, options.Pos
}

// falsehood reads a switch: false is off, what is not known is unclear.
func falsehood(v *jsast.Value) yield {
	switch v.Kind {
	case jsast.Bool:
		if v.Text == "false" {
			return off
		}
		return on
	case jsast.Undefined, jsast.Object:
		return on
	case jsast.Choice:
		first := falsehood(v.List[0])
		for _, o := range v.List[1:] {
			if falsehood(o) != first {
				return unclear
			}
		}
		return first
	}
	return unclear
}

// option is a switch that is off unless it is given.
func option(options *jsast.Value, name string) (yield, jsast.Pos) {
	if options.Kind != jsast.Object {
		if options.Kind == jsast.Undefined {
			return nothing, jsast.Pos{}
		}
		return unclear, options.Pos
	}
	p, ok := options.Prop(name)
	switch {
	case !ok && options.Open:
		return unclear, options.Pos
	case !ok:
		return nothing, jsast.Pos{}
	case p.Value.Truth() == jsast.True:
		return on, p.Pos
	case p.Value.Truth() == jsast.False:
		return nothing, p.Pos
	}
	return unclear, p.Pos
}

// own reads the options of one header: a policy that is only reported protects nothing,
// nor does a Strict-Transport-Security of no time.
func own(options *jsast.Value, h header) (yield, jsast.Pos) {
	if options.Kind != jsast.Object {
		// A text means something to packages other than helmet, which goes on with its
		// default.
		if options.Known() {
			return on, jsast.Pos{}
		}
		return unclear, options.Pos
	}
	switch h.name {
	case "Content-Security-Policy":
		switch y, at := option(options, "reportOnly"); y {
		case on:
			return off, at
		case unclear:
			return unclear, at
		}
	case "Strict-Transport-Security":
		p, ok := options.Prop("maxAge")
		if !ok {
			break
		}
		if n, known := p.Value.Int(); known && n == 0 {
			return off, p.Pos
		} else if !known {
			return unclear, p.Pos
		}
	}
	return on, options.Pos
}

// ancestors says whether a policy of these options restricts framing.
func ancestors(policy *jsast.Value, y yield) yield {
	if y != on || policy.Kind != jsast.Object {
		return y
	}
	defaults, ok := policy.Prop("useDefaults")
	if !ok || defaults.Value.Truth() == jsast.True {
		return on
	}
	directives, _ := policy.Prop("directives")
	if directives.Value == nil || directives.Value.Kind != jsast.Object || directives.Value.Open || defaults.Value.Truth() == jsast.Unsure {
		return unclear
	}
	for _, name := range []string{"frameAncestors", "frame-ancestors"} {
		if _, ok := directives.Value.Prop(name); ok {
			return on
		}
	}
	return off
}
