package headers

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// FromHelmet reads the options of Helmet 8.3 as JSON, with Helmet's names and aliases,
// its meaning of absent, true, false and null, and the order of its CSP directives. What
// Helmet refuses, at start or at a request, is refused here, every reason at once as a
// [guard.OptionError] with Helmet's path; New accepts the rest. What Helmet accepts by
// mistake is accepted too and told by [Options.Lint].
//
// JSON has no symbols: write helmet.contentSecurityPolicy.dangerouslyDisableDefaultSrc as
// {"$symbol": "dangerouslyDisableDefaultSrc"}. It has no functions either: add
// [csp.Directive.Nonce] or Func to the policy of the Options that come back. Three things
// are refused that Helmet takes: a max-age that no header should say (over 292 years), a
// key given twice, and an entry of an array that is not a string.
func FromHelmet(data []byte) (Options, error) {
	h := helmet{o: Options{peer: &peer{}}}
	h.problems.Package = "headers"
	root, err := parse(data)
	switch {
	case err != nil:
		h.problems.Note(fmt.Errorf("headers: Helmet's options are no JSON: %w", err))
	case root.kind != object:
		h.problems.Add("options", root.String(), "an object", "{} is Helmet's default")
	default:
		h.read(root)
	}
	if err := h.problems.Err(); err != nil {
		return Options{}, err
	}
	// What Helmet leaves to each request is refused now.
	if _, err := New(h.o); err != nil {
		return Options{}, err
	}
	return h.o, nil
}

// peer marks Options that FromHelmet made: they are judged as Helmet judges.
type peer struct {
	warnings []Warning
}

type helmet struct {
	o        Options
	problems guard.Problems
}

// option is one of Helmet's, with the older name that still works.
type option struct {
	name, alias string
	// null says what null means under the name and under the alias.
	null, aliasNull nullMeans
	off             func(*Options)
	read            func(h *helmet, path string, n node)
	keys            []string // what Helmet looks at; nil where it takes no options
}

type nullMeans uint8

const (
	nullRefused nullMeans = iota
	nullDefault
	nullIgnored // as any value that is no boolean: on, with a warning
)

var helmetOptions = []option{
	{name: "contentSecurityPolicy", off: func(o *Options) { o.ContentSecurityPolicy.Off = true },
		read: (*helmet).csp, keys: []string{"useDefaults", "directives", "reportOnly"}},
	{name: "crossOriginEmbedderPolicy", off: func(o *Options) { o.CrossOriginEmbedderPolicy.Off = true },
		read: func(h *helmet, path string, n node) {
			h.oneOf(path+".policy", n, "policy", embedderPolicies, &h.o.CrossOriginEmbedderPolicy.Value)
			if h.o.CrossOriginEmbedderPolicy.Value == "" {
				h.o.CrossOriginEmbedderPolicy.Value = "require-corp"
			}
		}, keys: []string{"policy"}},
	{name: "crossOriginOpenerPolicy", off: func(o *Options) { o.CrossOriginOpenerPolicy.Off = true },
		read: func(h *helmet, path string, n node) {
			h.oneOf(path+".policy", n, "policy", openerPolicies, &h.o.CrossOriginOpenerPolicy.Value)
		}, keys: []string{"policy"}},
	{name: "crossOriginResourcePolicy", off: func(o *Options) { o.CrossOriginResourcePolicy.Off = true },
		read: func(h *helmet, path string, n node) {
			h.oneOf(path+".policy", n, "policy", resourcePolicies, &h.o.CrossOriginResourcePolicy.Value)
		}, keys: []string{"policy"}},
	{name: "originAgentCluster", null: nullIgnored, off: func(o *Options) { o.OriginAgentCluster.Off = true }},
	{name: "referrerPolicy", off: func(o *Options) { o.ReferrerPolicy.Off = true },
		read: (*helmet).referrer, keys: []string{"policy"}},
	{name: "strictTransportSecurity", alias: "hsts", null: nullDefault,
		off:  func(o *Options) { o.StrictTransportSecurity.Off = true },
		read: (*helmet).transport, keys: []string{"maxAge", "includeSubDomains", "preload", "maxage", "includeSubdomains"}},
	{name: "xContentTypeOptions", alias: "noSniff", null: nullDefault, aliasNull: nullIgnored,
		off: func(o *Options) { o.XContentTypeOptions.Off = true }},
	{name: "xDnsPrefetchControl", alias: "dnsPrefetchControl", null: nullDefault,
		off: func(o *Options) { o.XDNSPrefetchControl.Off = true },
		read: func(h *helmet, path string, n node) {
			if h.boolean(path, n, "allow", false) {
				h.o.XDNSPrefetchControl.Value = "on"
			}
		}, keys: []string{"allow"}},
	{name: "xDownloadOptions", alias: "ieNoOpen", null: nullDefault, aliasNull: nullIgnored,
		off: func(o *Options) { o.XDownloadOptions.Off = true }},
	{name: "xFrameOptions", alias: "frameguard", null: nullDefault,
		off: func(o *Options) { o.XFrameOptions.Off = true }, read: (*helmet).frame, keys: []string{"action"}},
	{name: "xPermittedCrossDomainPolicies", alias: "permittedCrossDomainPolicies", null: nullDefault,
		off: func(o *Options) { o.XPermittedCrossDomainPolicies.Off = true },
		read: func(h *helmet, path string, n node) {
			h.oneOf(path+".permittedPolicies", n, "permittedPolicies", permittedPolicies, &h.o.XPermittedCrossDomainPolicies.Value)
		}, keys: []string{"permittedPolicies"}},
	{name: "xPoweredBy", alias: "hidePoweredBy", null: nullDefault, aliasNull: nullIgnored,
		off: func(o *Options) { o.KeepPoweredBy = true }},
	{name: "xXssProtection", alias: "xssFilter", null: nullDefault, aliasNull: nullIgnored,
		off: func(o *Options) { o.XXSSProtection.Off = true }},
}

func (h *helmet) read(root node) {
	var known []string
	for _, opt := range helmetOptions {
		known = append(known, opt.name)
		n, given := root.get(opt.name)
		path, means := opt.name, opt.null
		if opt.alias != "" {
			known = append(known, opt.alias)
			if aliased, both := root.get(opt.alias); both {
				if given {
					h.problems.Add(opt.alias, "", "absent beside "+opt.name, "they are two names of one option; remove one")
				}
				n, given, path, means = aliased, true, opt.alias, opt.aliasNull
			}
		}
		if given {
			h.option(opt, path, means, n)
		}
	}
	for _, key := range root.keys {
		if !slices.Contains(known, key) {
			h.warn("unknown-option", key, "is no option of Helmet, which ignores it", spellingOr(key, known))
		}
	}
}

// option reads one option by the kind of its value.
func (h *helmet) option(opt option, path string, means nullMeans, n node) {
	if n.kind == null {
		switch means {
		case nullDefault:
			return
		case nullRefused:
			h.problems.Add(path, "null", "an object, true or false", "remove it for the default")
			return
		}
	}
	switch {
	case n.kind == boolFalse:
		opt.off(&h.o)
		return
	case n.kind == boolTrue:
		n = node{kind: object}
	case opt.read == nil:
		h.warn("ignored-value", path, "takes no options; Helmet ignores the value and keeps the header on", "write true or false")
		return
	case n.kind != object:
		if path == "hsts" || path == "strictTransportSecurity" {
			if n.kind != array { // Helmet looks for misspelt keys, which only objects have
				h.problems.Add(path, n.String(), "an object, true or false", "")
				return
			}
		}
		h.warn("bare-value", path, fmt.Sprintf("is %s and no object; Helmet ignores it and sends the default", n),
			"write an object, such as {\""+opt.keys[0]+"\": …}")
		n = node{kind: object}
	}
	for _, key := range n.keys {
		if !slices.Contains(opt.keys, key) {
			h.warn("unknown-option", path+"."+key, "is no option of Helmet, which ignores it", spellingOr(key, opt.keys))
		}
	}
	if opt.read != nil {
		opt.read(h, path, n)
	}
}

// spellingOr is the mend of a key that Helmet does not know.
func spellingOr(key string, keys []string) string {
	if fix := spelling(key, keys); fix != "" {
		return fix
	}
	return "remove it"
}

func (h *helmet) warn(rule, field, text, fix string) {
	h.o.peer.warnings = append(h.o.peer.warnings, Warning{Rule: rule, Field: field, Text: text, Fix: fix})
}

// oneOf reads a value of a fixed set into to, letter case and all.
func (h *helmet) oneOf(path string, n node, key string, allowed []string, to *string) {
	v, given := n.get(key)
	if !given {
		return
	}
	if v.kind != text || !slices.Contains(allowed, v.text) {
		h.problems.Add(path, v.String(), oneOf(allowed), spelling(v.text, allowed))
		return
	}
	*to = v.text
}

// boolean reads what JavaScript takes for true.
func (h *helmet) boolean(path string, n node, key string, def bool) bool {
	v, given := n.get(key)
	if !given {
		return def
	}
	if !v.isBool() {
		h.warn("not-boolean", path+"."+key, fmt.Sprintf("is %s, which JavaScript takes for %t", v, v.truthy()), "write true or false")
	}
	return v.truthy()
}

func (h *helmet) frame(path string, n node) {
	v, given := n.get("action")
	if !given {
		return
	}
	switch action := strings.ToUpper(v.text); {
	case v.kind == text && (action == "SAMEORIGIN" || action == "SAME-ORIGIN"):
		h.o.XFrameOptions.Value = "SAMEORIGIN"
	case v.kind == text && action == "DENY":
		h.o.XFrameOptions.Value = "DENY"
	default:
		hint := ""
		if strings.HasPrefix(action, "ALLOW-FROM") {
			hint = "browsers have dropped ALLOW-FROM; use the CSP directive frame-ancestors"
		}
		h.problems.Add(path+".action", v.String(), "deny or sameorigin", hint)
	}
}

func (h *helmet) referrer(path string, n node) {
	v, given := n.get("policy")
	if !given {
		return
	}
	path += ".policy"
	tokens := v.values
	switch {
	case v.kind == text:
		tokens = []node{v}
	case v.kind != array:
		h.problems.Add(path, v.String(), "a string or an array", "")
		return
	case len(tokens) == 0:
		h.problems.Add(path, "an empty array", "at least one policy", "")
	}
	for i, token := range tokens {
		at := path
		if v.kind == array {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		switch {
		case token.kind != text || token.text != "" && !slices.Contains(referrerPolicies, token.text):
			h.problems.Add(at, token.String(), oneOf(referrerPolicies), spelling(token.text, referrerPolicies))
		case slices.Contains(h.o.ReferrerPolicy.Policies, token.text):
			h.problems.Add(at, token.text, "given once", "")
		default:
			h.o.ReferrerPolicy.Policies = append(h.o.ReferrerPolicy.Policies, token.text)
		}
	}
}

func (h *helmet) transport(path string, n node) {
	for _, wrong := range [][2]string{{"maxage", "maxAge"}, {"includeSubdomains", "includeSubDomains"}} {
		if _, given := n.get(wrong[0]); given {
			h.problems.Add(path+"."+wrong[0], "", "absent", "write "+wrong[1])
		}
	}
	s := &h.o.StrictTransportSecurity
	s.DisableIncludeSubDomains = !h.boolean(path, n, "includeSubDomains", true)
	s.Preload = h.boolean(path, n, "preload", false)
	v, given := n.get("maxAge")
	if !given {
		return
	}
	seconds, err := strconv.ParseFloat(v.text, 64)
	if v.kind != number || err != nil || seconds < 0 {
		h.problems.Add(path+".maxAge", v.String(), "a number of seconds, zero or more", "")
		return
	}
	if seconds > math.MaxInt64/float64(time.Second) {
		h.problems.Add(path+".maxAge", v.String(), "at most 9223372036 seconds", "a year is 31536000")
		return
	}
	s.MaxAge = time.Duration(math.Floor(seconds)) * time.Second
	if s.MaxAge == 0 {
		s.MaxAge = Forget
	}
}
