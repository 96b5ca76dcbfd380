package observatory

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// readTree reads a page as algorithm 4 does: the scripts from a document without
// scripting, the meta elements from a fragment with it, so that those in a noscript are
// none. A page too deep for the tree is read tag by tag.
func readTree(body string) page {
	document, err := html.ParseWithOptions(strings.NewReader(body), html.ParseOptionEnableScripting(false))
	if err != nil {
		return readTags(body)
	}
	template := &html.Node{Type: html.ElementNode, Data: "template", DataAtom: atom.Template}
	fragment, err := html.ParseFragment(strings.NewReader(body), template)
	if err != nil {
		return readTags(body)
	}
	var p page
	for _, n := range fragment {
		walk(n, false, func(n *html.Node) {
			if n.Data == "meta" {
				p.addMeta(attributesOf(n))
			}
		})
	}
	base := address{scheme: "about", opaque: true}
	based := false
	var found []*html.Node
	walk(document, false, func(n *html.Node) {
		switch n.Data {
		case "base":
			if href, has := attributesOf(n)["href"]; has && !based {
				based = true
				if a, ok := parseAddress(href, &base); ok {
					base = a
				}
			}
		case "script":
			found = append(found, n)
		}
	})
	for _, n := range found {
		p.scripts = append(p.scripts, scriptOf(n, &base))
	}
	return p
}

// scriptOf reads a script with its address as the property src has it: resolved against
// the base, or as written when it cannot be. A script of SVG has no such property.
func scriptOf(n *html.Node, base *address) script {
	attr := attributesOf(n)
	src, has := attr["src"]
	if !has || n.Namespace != "" {
		return script{}
	}
	if a, ok := parseAddress(src, base); ok {
		src = a.String()
	}
	return script{src: src, integrity: attr["integrity"]}
}

// walk visits the elements below and including n, but for the content of templates. Of
// what stands in a select, the parser of algorithm 4 keeps only the scripts, and those as
// scripts of HTML even where they are in SVG.
func walk(n *html.Node, inSelect bool, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		if inSelect && n.Data == "script" {
			n.Namespace = ""
		}
		if !inSelect || n.Data == "script" {
			visit(n)
		}
		if n.Data == "template" && n.Namespace == "" {
			return
		}
		inSelect = inSelect || n.Data == "select" && n.Namespace == ""
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, inSelect, visit)
	}
}

func attributesOf(n *html.Node) attributes {
	attr := attributes{}
	for _, a := range n.Attr {
		if a.Namespace == "" {
			attr.add(a.Key, a.Val)
		}
	}
	return attr
}
