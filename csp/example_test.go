package csp_test

import (
	"fmt"

	"github.com/panoplysec/panoply/csp"
)

func ExamplePolicy() {
	p := csp.Policy{
		{Name: "default-src", Sources: []string{"'none'"}},
		{Name: "script-src", Sources: []string{"'strict-dynamic'"}, Nonce: true},
	}.With("img-src", "'self'")
	fmt.Println(p)
	fmt.Println(p.Validate(csp.Strict))
	// Output:
	// default-src 'none';script-src 'strict-dynamic' 'nonce-{random}';img-src 'self'
	// <nil>
}

func ExampleParse() {
	p, problems := csp.Parse("scirpt-src self; Img-Src *")
	fmt.Println(p)
	for _, problem := range problems {
		fmt.Println("-", problem)
	}
	// Output:
	// scirpt-src self;img-src *
	// - scirpt-src: is no directive that browsers know; they ignore it; write script-src
	// - scirpt-src self: is read as a host name; write 'self'
}
