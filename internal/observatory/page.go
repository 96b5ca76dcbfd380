package observatory

// page is what the tests want of a body.
type page struct {
	// policies are the contents of the meta elements that set a CSP, in order.
	policies []string
	// referrer is the content of the last meta element that names a referrer policy.
	referrer string
	scripts  []script
}

// script is one script element.
type script struct {
	// src is empty when the element has none, or one that is not looked at.
	src       string
	integrity string
}

// readPage finds the elements the way the version does: algorithm 4 builds a tree as a
// browser does, algorithm 6 reads tags one after another.
func readPage(body string, v Version) page {
	if body == "" {
		return page{}
	}
	if v == V4 {
		return readTree(body)
	}
	return readTags(body)
}

// readTags reads a page as algorithm 6 does.
func readTags(body string) page {
	var p page
	scanTags(body, func(e element) {
		switch e.name {
		case "meta":
			p.addMeta(e.attr)
		case "script":
			p.scripts = append(p.scripts, script{src: e.attr["src"], integrity: e.attr["integrity"]})
		}
	})
	return p
}

// attributes are the wanted ones of an element; of two with one name the first counts.
type attributes map[string]string

// wanted are the attributes that some test looks at.
var wanted = map[string]bool{"http-equiv": true, "content": true, "name": true, "src": true, "integrity": true, "href": true}

func (a attributes) add(name, value string) {
	if _, seen := a[name]; !seen && wanted[name] {
		a[name] = value
	}
}

// addMeta keeps what a meta element says. One with both http-equiv and content is never
// looked at for its name.
func (p *page) addMeta(attr attributes) {
	equiv, hasEquiv := attr["http-equiv"]
	content := attr["content"]
	switch {
	case content == "":
	case hasEquiv:
		if trimBlank(lower(equiv)) == "content-security-policy" {
			p.policies = append(p.policies, content)
		}
	case trimBlank(lower(attr["name"])) == "referrer":
		p.referrer = content
	}
}
