package adapt

import (
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/draft"
	"github.com/panoplysec/panoply/internal/jsast"
)

// A headerLine is a header that a peer adds to every answer.
type headerLine struct {
	name, value string
	file        string
	line        int
	directive   string
}

// firstDayDefault are values that the door sends where the application is silent.
var firstDayDefault = map[string][]string{
	"x-frame-options":        {"sameorigin"},
	"x-content-type-options": {"nosniff"},
	"referrer-policy":        {"strict-origin-when-cross-origin"},
	"x-dns-prefetch-control": {"off"},
	"origin-agent-cluster":   {"?1"},
}

// helmetName are the options of Helmet that send a header with a value of its own.
var helmetName = map[string]string{
	"x-frame-options": "xFrameOptions", "referrer-policy": "referrerPolicy", "cross-origin-opener-policy": "crossOriginOpenerPolicy",
	"cross-origin-embedder-policy": "crossOriginEmbedderPolicy", "cross-origin-resource-policy": "crossOriginResourcePolicy",
	"content-security-policy": "contentSecurityPolicy", "content-security-policy-report-only": "contentSecurityPolicy",
	"strict-transport-security": "strictTransportSecurity", "x-permitted-cross-domain-policies": "xPermittedCrossDomainPolicies",
	"x-dns-prefetch-control": "xDnsPrefetchControl",
}

// security writes the headers section: nothing where the first-day set is what was sent, a
// line where HSTS says more, and else Helmet's options with all of it.
func (p *plan) security(lines []headerLine) {
	helmet := node{kind: objectNode}
	needed := false
	for _, l := range lines {
		name, value := strings.ToLower(l.name), strings.TrimSpace(l.value)
		at := jsast.Pos{File: l.file, Line: l.line}
		note := func(b Became, format string, args ...any) { p.note(l.file, l.line, l.directive, b, format, args...) }
		known := helmetName[name]
		if strings.ContainsAny(value, "${\n") {
			note(NotCarried, "its value is made for each answer: let the application send it")
			continue
		}
		switch {
		case slices.Contains(firstDayDefault[name], strings.ToLower(value)):
			note(Done, "sent where the application is silent")
		case name == "x-xss-protection":
			note(Done, "sent as 0, as the filter that it ruled did harm")
		case name == "x-download-options", name == "x-powered-by", name == "server":
			note(Done, "browsers that knew it are gone, and no banner leaves")
		case name == "strict-transport-security":
			helmet.set(known, p.hsts(l, at, note))
		case known == "contentSecurityPolicy":
			if policy := policyNode(value, name != "content-security-policy", at); policy.kind != noNode {
				helmet.set(known, policy)
				needed = true
			} else {
				note(NotCarried, "it is no policy")
			}
		case name == "x-frame-options", name == "x-permitted-cross-domain-policies":
			key := map[bool]string{true: "action", false: "permittedPolicies"}[name == "x-frame-options"]
			helmet.set(known, objectOf(at, key, textNode(strings.ToLower(value), at)))
			needed = true
		case name == "x-dns-prefetch-control":
			helmet.set(known, objectOf(at, "allow", scalar("true", at)))
			needed = true
		case name == "referrer-policy":
			list := node{kind: arrayNode, at: at}
			for one := range strings.SplitSeq(value, ",") {
				list.items = append(list.items, textNode(strings.ToLower(strings.TrimSpace(one)), at))
			}
			helmet.set(known, objectOf(at, "policy", list))
			needed = true
		case known != "":
			helmet.set(known, objectOf(at, "policy", textNode(strings.ToLower(value), at)))
			needed = true
		default:
			note(NotCarried, "let the application send it")
		}
	}
	if needed {
		p.helmet(&helmet)
		return
	}
	p.firstDay(&helmet)
}

func scalar(text string, at jsast.Pos) node {
	return node{kind: scalarNode, json: text, yaml: draft.Plain(text), at: at}
}

func objectOf(at jsast.Pos, name string, v node) node {
	return node{kind: objectNode, at: at, members: []member{{name, v}}}
}

// hsts reads Strict-Transport-Security.
func (p *plan) hsts(l headerLine, at jsast.Pos, note func(Became, string, ...any)) node {
	n := node{kind: objectNode, at: at}
	age, subdomains, preload := int64(-1), false, false
	for part := range strings.SplitSeq(l.value, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "max-age":
			if v, err := strconv.ParseInt(strings.Trim(strings.TrimSpace(value), `"`), 10, 40); err == nil {
				age = v
			}
		case "includesubdomains":
			subdomains = true
		case "preload":
			preload = true
		}
	}
	if age <= 0 {
		note(SetAs, "headers.hsts: off")
		return scalar("false", at)
	}
	note(SetAs, "headers.hsts: auto: 300 s for the first week of a site, and never for a certificate that browsers do not know")
	n.set("maxAge", scalar(strconv.FormatInt(age, 10), at))
	n.set("includeSubDomains", scalar(strconv.FormatBool(subdomains), at))
	if preload && subdomains {
		n.set("preload", scalar("true", at))
	}
	return n
}

// firstDay writes what of HSTS the first-day set does not say by itself.
func (p *plan) firstDay(helmet *node) {
	for i := range helmet.members {
		v := &helmet.members[i].node
		if v.kind == scalarNode {
			p.r.Draft.Set("headers.hsts", draft.Text("off").By(place(v.at.File, v.at.Line)))
			continue
		}
		for j := range v.members {
			from := place(v.at.File, v.at.Line)
			switch m := v.members[j]; {
			case m.name == "includeSubDomains" && m.json == "true":
				p.r.Draft.Set("headers.include_subdomains", draft.Plain("true").By(from))
			case m.name == "preload":
				p.r.Draft.Set("headers.preload", draft.Plain("true").By(from))
			}
		}
	}
}

// helmet writes Helmet's options: what the peer sent, what the first-day set sends, and
// nothing of Helmet's that neither did.
func (p *plan) helmet(given *node) {
	all := node{kind: objectNode}
	preset := func(name string, v node) {
		for i := range given.members {
			if given.members[i].name == name {
				v = given.members[i].node
			}
		}
		all.set(name, v)
	}
	none := jsast.Pos{}
	ancestors := "'self'"
	for i := range given.members {
		if given.members[i].name == "xFrameOptions" && strings.Contains(given.members[i].text(), "deny") {
			ancestors = "'none'"
		}
	}
	preset("contentSecurityPolicy", policyNode("object-src 'none'; base-uri 'self'; frame-ancestors "+ancestors, false, none))
	preset("crossOriginEmbedderPolicy", scalar("false", none))
	preset("crossOriginOpenerPolicy", scalar("false", none))
	preset("crossOriginResourcePolicy", scalar("false", none))
	preset("referrerPolicy", objectOf(none, "policy", textNode("strict-origin-when-cross-origin", none)))
	transport := objectOf(none, "maxAge", scalar("31536000", none))
	transport.set("includeSubDomains", scalar("false", none))
	preset("strictTransportSecurity", transport)
	for i := range given.members {
		preset(given.members[i].name, node{})
	}
	c := helmetReader{r: p.r}
	c.judge(&all)
	p.r.Draft.Set("headers.helmet", all.value())
}

// policyNode is a policy as Helmet's directives, with nothing of Helmet's own.
func policyNode(policy string, report bool, at jsast.Pos) node {
	directives := node{kind: objectNode, at: at}
	if !hasDirective(policy, "default-src") {
		directives.set("default-src", objectOf(at, "$symbol", textNode(disableDefaultSrc, at)))
	}
	found := false
	for part := range strings.SplitSeq(policy, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		name := strings.ToLower(words[0])
		if slices.ContainsFunc(directives.members, func(m member) bool { return m.name == name }) {
			continue // of two the first one holds
		}
		list := node{kind: arrayNode, at: at}
		for _, w := range words[1:] {
			list.items = append(list.items, textNode(w, at))
		}
		directives.set(name, list)
		found = true
	}
	if !found {
		return node{}
	}
	n := objectOf(at, "useDefaults", scalar("false", at))
	if report {
		n.set("reportOnly", scalar("true", at))
	}
	n.set("directives", directives)
	return n
}

func hasDirective(policy, name string) bool {
	for part := range strings.SplitSeq(policy, ";") {
		if words := strings.Fields(part); len(words) > 0 && strings.EqualFold(words[0], name) {
			return true
		}
	}
	return false
}
