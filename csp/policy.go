// Package csp reads, builds and checks Content-Security-Policy.
//
// A [Policy] is an ordered list of directives: order decides nothing for a browser,
// but a policy that comes out as it was written can be compared and reviewed.
//
//	p := csp.Default().
//		With("img-src", "'self'", "https://img.example").
//		Without("upgrade-insecure-requests")
//	fmt.Println(p) // default-src 'self';base-uri 'self';…
//
// Default is Helmet's, byte for byte. [Parse] reads foreign text and tells what is
// wrong with it; [Policy.Validate] refuses what no browser would read as meant;
// [Policy.Lint] names the rest; [Policy.Compile] prepares a policy for being sent.
//
// A policy limits what injected script can do; it does not stop the injection. It says
// nothing about a page that a browser without CSP shows, and one with 'unsafe-inline'
// and neither nonce nor hash says next to nothing about script.
//
// Sources: W3C Content Security Policy Level 3; Helmet 8.3 (directive names, default
// directives, what is refused).
package csp

import (
	"net/http"
	"slices"
	"strings"
)

// A Policy is one Content-Security-Policy: directives in the order sent. Its methods
// never change it; those that return a Policy return a copy.
type Policy []Directive

// A Directive is a name with its sources.
type Directive struct {
	// Name is the directive in lower case, such as "script-src". Normalize makes one
	// of Helmet's camelCase names.
	Name string
	// Sources are the values in the order sent, one source each: "'self'",
	// "https://cdn.example". None makes a directive without a value, such as
	// upgrade-insecure-requests.
	Sources []string
	// Nonce adds 'nonce-…' after Sources, a new one for each request. Handlers read
	// it by the function Nonce.
	Nonce bool
	// Func gives further sources for one request; they follow Sources and the nonce.
	// It must be safe for concurrent use. An error, a source with ';' or ',', or an
	// unquoted keyword make [Compiled.Value] fail. Nil means none.
	Func func(*http.Request) ([]string, error)
}

// Default returns Helmet's default policy. Each call makes a fresh copy.
func Default() Policy {
	return Policy{
		{Name: "default-src", Sources: []string{"'self'"}},
		{Name: "base-uri", Sources: []string{"'self'"}},
		{Name: "font-src", Sources: []string{"'self'", "https:", "data:"}},
		{Name: "form-action", Sources: []string{"'self'"}},
		{Name: "frame-ancestors", Sources: []string{"'self'"}},
		{Name: "img-src", Sources: []string{"'self'", "data:"}},
		{Name: "object-src", Sources: []string{"'none'"}},
		{Name: "script-src", Sources: []string{"'self'"}},
		{Name: "script-src-attr", Sources: []string{"'none'"}},
		{Name: "style-src", Sources: []string{"'self'", "https:", "'unsafe-inline'"}},
		{Name: "upgrade-insecure-requests"},
	}
}

// Clone returns a deep copy of p.
func (p Policy) Clone() Policy {
	clone := slices.Clone(p)
	for i := range clone {
		clone[i].Sources = slices.Clone(clone[i].Sources)
	}
	return clone
}

// Get returns the first directive of that name.
func (p Policy) Get(name string) (Directive, bool) {
	if i := p.index(name); i >= 0 {
		return p[i], true
	}
	return Directive{}, false
}

// With returns p with the named directive set to the sources: in its place when p has
// it, else at the end.
func (p Policy) With(name string, sources ...string) Policy {
	return p.WithDirective(Directive{Name: name, Sources: slices.Clone(sources)})
}

// WithDirective is With for a whole directive.
func (p Policy) WithDirective(d Directive) Policy {
	clone := p.Clone()
	if i := p.index(d.Name); i >= 0 {
		clone[i] = d
		return clone
	}
	return append(clone, d)
}

// Without returns p without the named directive.
func (p Policy) Without(name string) Policy {
	return slices.DeleteFunc(p.Clone(), func(d Directive) bool { return d.Name == name })
}

func (p Policy) index(name string) int {
	return slices.IndexFunc(p, func(d Directive) bool { return d.Name == name })
}

// PerRequest tells whether the policy's text differs from request to request.
func (p Policy) PerRequest() bool {
	return slices.ContainsFunc(p, func(d Directive) bool { return d.Nonce || d.Func != nil })
}

// NeedsNonce tells whether a directive of p asks for a nonce.
func (p Policy) NeedsNonce() bool {
	return slices.ContainsFunc(p, func(d Directive) bool { return d.Nonce })
}

// nonceShown stands for the nonce where a policy is shown and not sent.
const nonceShown = "'nonce-{random}'"

// String returns the policy as Helmet writes it: directives joined by ';' without a
// blank, sources by one blank. A nonce shows as 'nonce-{random}'; the sources of Func
// are left out.
func (p Policy) String() string {
	var b strings.Builder
	for i, d := range p {
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(d.Name)
		for _, s := range d.Sources {
			b.WriteByte(' ')
			b.WriteString(s)
		}
		if d.Nonce {
			b.WriteByte(' ')
			b.WriteString(nonceShown)
		}
	}
	return b.String()
}
