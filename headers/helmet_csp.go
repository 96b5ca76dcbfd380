package headers

import (
	"fmt"

	"github.com/panoplysec/panoply/csp"
)

// disableDefaultSrc is the symbol by which Helmet allows a policy without default-src.
const disableDefaultSrc = "dangerouslyDisableDefaultSrc"

// csp reads Helmet's contentSecurityPolicy.
func (h *helmet) csp(path string, n node) {
	reader := directiveReader{h: h, path: path + ".directives", policy: csp.Default()}
	if !h.boolean(path, n, "useDefaults", true) {
		reader.policy = csp.Policy{}
	}
	reader.read(n)
	out := CSP{Policy: reader.policy, InsecureNoDefaultSrc: reader.disabled}
	if h.boolean(path, n, "reportOnly", false) {
		h.o.ContentSecurityPolicyReportOnly = out
		h.o.ContentSecurityPolicy.Off = true
		return
	}
	h.o.ContentSecurityPolicy = out
}

// directiveReader applies Helmet's directives to a policy: given ones take the place of
// the default of the same name, new ones follow in the order written, null removes.
type directiveReader struct {
	h        *helmet
	path     string
	policy   csp.Policy
	disabled string // why there is no default-src
	wrong    bool   // a reason is told that may be why something is missing
}

func (r *directiveReader) read(n node) {
	directives, given := n.get("directives")
	if given && directives.kind != null && directives.kind != object {
		r.refuse(r.path, directives.String(), "an object", "")
		return
	}
	seen := map[string]string{}
	for i, key := range directives.keys {
		name, ok := csp.Normalize(key)
		if !ok {
			r.refuse(r.path, key, "names of letters, digits and dashes, beginning with a small letter and not ending with a dash", "")
			continue
		}
		if first, twice := seen[name]; twice {
			r.refuse(r.path+"."+key, "", "absent beside "+first, "both are "+name)
			continue
		}
		seen[name] = key
		r.directive(name, r.path+"."+key, directives.values[i])
	}
	if r.wrong {
		return
	}
	_, has := r.policy.Get("default-src")
	switch {
	case len(r.policy) == 0:
		r.refuse(r.path, "", "at least one directive", "contentSecurityPolicy: false sends none")
	case !has && r.disabled == "":
		r.refuse(r.path, "", "directives with defaultSrc", `write {"$symbol": "`+disableDefaultSrc+`"} for it if you mean none`)
	}
}

func (r *directiveReader) refuse(path, value, allowed, hint string) {
	r.wrong = true
	r.h.problems.Add(path, value, allowed, hint)
}

func (r *directiveReader) directive(name, path string, v node) {
	if symbol, is := v.get("$symbol"); is && v.kind == object {
		if name != "default-src" || symbol.text != disableDefaultSrc {
			r.refuse(path, symbol.text, "a string or an array", disableDefaultSrc+" is for defaultSrc alone")
			return
		}
		r.disabled = disableDefaultSrc
		r.policy = r.policy.Without(name)
		return
	}
	var entries []node
	switch v.kind {
	case null:
		if name == "default-src" {
			r.refuse(path, "null", "a string or an array", `write {"$symbol": "`+disableDefaultSrc+`"} if you mean none`)
		}
		r.policy = r.policy.Without(name)
		return
	case text:
		if v.text != "" {
			entries = []node{v}
		}
	case array:
		entries = v.values
	default:
		r.refuse(path, v.String(), "a string or an array", "null removes a directive")
		return
	}
	sources := make([]string, 0, len(entries))
	for i, entry := range entries {
		at := path
		if v.kind == array {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		if entry.kind != text {
			r.refuse(at, entry.String(), "a string", "")
			continue
		}
		if err := csp.CheckSource(entry.text); err != nil {
			r.refuse(at, entry.text, err.Error(), "")
			continue
		}
		sources = append(sources, entry.text)
	}
	r.policy = r.policy.With(name, sources...)
}
