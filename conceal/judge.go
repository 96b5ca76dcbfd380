package conceal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// peekBytes is how much of an error page is held back to judge it.
const peekBytes = 64 << 10

// kind is what an answer's Content-Type makes of its body.
type kind uint8

const (
	other  kind = iota // never looked into: media, streams, gRPC
	absent             // no Content-Type
	isHTML
	isText
	isJSON
	isXML
	isCode // scripts, styles and other text: traces only
)

// kindOf classes a Content-Type.
func kindOf(values []string) kind {
	if len(values) == 0 {
		return absent
	}
	media, _, _ := strings.Cut(values[0], ";")
	main, sub, _ := strings.Cut(strings.TrimSpace(media), "/")
	switch {
	case main == "":
		return absent
	case strings.EqualFold(main, "application"):
		switch {
		case len(sub) >= 4 && strings.EqualFold(sub[:4], "grpc"):
			return other // framed, whatever the suffix says
		case strings.EqualFold(sub, "json"), hasSuffixFold(sub, "+json"):
			return isJSON
		case strings.EqualFold(sub, "xhtml+xml"):
			return isHTML
		case strings.EqualFold(sub, "xml"), hasSuffixFold(sub, "+xml"):
			return isXML
		case strings.EqualFold(sub, "javascript"), strings.EqualFold(sub, "x-javascript"):
			return isCode
		}
		return other
	case !strings.EqualFold(main, "text"):
		return other
	case strings.EqualFold(sub, "html"):
		return isHTML
	case strings.EqualFold(sub, "plain"):
		return isText
	case strings.EqualFold(sub, "xml"):
		return isXML
	case strings.EqualFold(sub, "json"):
		return isJSON
	case strings.EqualFold(sub, "event-stream"):
		return other
	}
	return isCode
}

// judged tells the statuses whose body is looked into: errors, and redirects, whose
// body nobody reads.
func judged(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return status >= 400
}

// verdict is what is to be done about a body.
type verdict struct {
	practice, rule string // empty: nothing
	detail         string
	// contentType and body take the place of what was sent. An empty contentType
	// keeps the one there is, "-" takes it away.
	contentType string
	body        []byte
	negotiated  bool // the body depends on Accept and holds the request's id
	express     bool // finalhandler's template, and so its policy too
}

const noType = "-"

// body judges an error page, or the beginning of one, and acts.
func (g *Guard) body(a *hook.Answer, sent []byte, whole bool) {
	v := g.judge(a, sent, whole)
	if v.rule == "" {
		return
	}
	g.tell(a, v.practice, v.rule, v.detail)
	if g.mode != guard.Enforce {
		return
	}
	a.Replace(a.Status, v.body)
	switch {
	case v.negotiated:
		describe(a.Header, v.contentType)
	case v.contentType == noType:
		delete(a.Header, "Content-Type")
	case v.contentType != "":
		a.Header["Content-Type"] = []string{v.contentType}
	}
	if v.express {
		dropExpressPolicy(a.Header)
	}
}

func (g *Guard) judge(a *hook.Answer, sent []byte, whole bool) verdict {
	k, script := kindOf(a.Header["Content-Type"]), fromScript(a.Request)
	if len(sent) == 0 && whole {
		if a.Status < 400 || script || k == isJSON || k == isXML || k == isCode || isGRPC(a.Request) {
			return verdict{}
		}
		return g.replace(a, verdict{practice: "errors", rule: "empty-body"})
	}
	text, all, ok := decode(a.Header["Content-Encoding"], sent, whole)
	if !ok {
		return verdict{}
	}
	if a.Status < 400 {
		return g.judgeRedirect(a, k, text, all, script)
	}
	if first := firstByte(text); (first == '{' || first == '[' || first == '"') && json.Valid(text) && all {
		mended, taken := g.traces.mendJSON(text, a.Status)
		if len(taken) > 0 {
			return verdict{practice: "errors", rule: "stack", detail: g.redactor.redact(strings.Join(taken, "\n")), body: mended}
		}
		if k == isJSON {
			return verdict{}
		}
	}
	markup := k == isHTML || k == isXML || k == absent && firstByte(text) == '<'
	if language := g.traces.inBody(text, markup || k == isJSON); language != "" {
		return g.judgeTrace(a, k, text, script, language, markup)
	}
	if k == isJSON || k == isXML || k == isCode || script {
		return verdict{}
	}
	stack := recognise(errorLists, text, all, a.Status, a.Request.Method)
	if stack == "" {
		return verdict{}
	}
	return g.replace(a, verdict{practice: "fingerprint", rule: "default-page", detail: stack, express: isExpress(text)})
}

var errorLists = [][]defaultPage{defaultTexts, defaultPages}

// judgeRedirect empties the body that a framework writes beneath a redirect.
func (g *Guard) judgeRedirect(a *hook.Answer, k kind, text []byte, all, script bool) verdict {
	if k != absent && k != isHTML && k != isText || script || !all {
		return verdict{}
	}
	stack := recognise([][]defaultPage{redirectBodies}, text, all, a.Status, a.Request.Method)
	if stack == "" {
		return verdict{}
	}
	return verdict{practice: "fingerprint", rule: "redirect-body", detail: stack, contentType: noType, express: isExpress(text)}
}

// judgeTrace replaces a body that carries a trace: by a page where a person reads it,
// else by one of the same type, because whoever parses it counts on that.
func (g *Guard) judgeTrace(a *hook.Answer, k kind, text []byte, script bool, language string, markup bool) verdict {
	shown := text
	if markup {
		shown = squeeze(flatten(text))
	}
	v := verdict{practice: "errors", rule: "stack", express: isExpress(text)}
	v.detail = g.redactor.redact(language + ": " + string(shown[:min(len(shown), 2*maxDetail)]))
	if !script && k != isJSON && k != isXML {
		return g.replace(a, v)
	}
	id := hook.RequestID(a.Request.Context())
	switch {
	case k == isJSON || k == absent && (firstByte(text) == '{' || firstByte(text) == '['):
		v.body = problemJSON(a.Status, id)
	case k == isXML:
		v.body = xmlPage(a.Status)
	case k == isHTML || k == absent && firstByte(text) == '<':
		v.body = htmlPage(a.Status, id)
	case k == isCode:
		v.body = nil
	default:
		v.body = textPage(a.Status, id)
	}
	return v
}

// replace completes v with an own page by the request's Accept.
func (g *Guard) replace(a *hook.Answer, v verdict) verdict {
	v.negotiated = true
	v.contentType, v.body = g.render(g.negotiate(a.Request), a.Status, hook.RequestID(a.Request.Context()))
	return v
}

// dropExpressPolicy takes away the policy that finalhandler puts on its own page, and
// only that: it was made for a page that is gone, and would keep the headers guard
// from setting the site's.
func dropExpressPolicy(h http.Header) {
	const name = "Content-Security-Policy"
	if policy := h[name]; len(policy) == 1 && policy[0] == "default-src 'none'" {
		delete(h, name)
	}
}

// isGRPC tells a request whose client reads the status from trailers.
func isGRPC(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// firstByte is the first that is no blank, or 0.
func firstByte(text []byte) byte {
	if text = bytes.TrimLeft(text[:min(len(text), 256)], " \t\r\n\ufeff"); len(text) > 0 {
		return text[0]
	}
	return 0
}

// squeeze drops the empty lines that markup leaves.
func squeeze(text []byte) []byte {
	var out []byte
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			out = append(append(out, line...), '\n')
		}
	}
	return out
}
