package sanity

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/clientip"
)

// Check is the bare decision: nil, or a *[Refusal]. It changes nothing, reads no body,
// and for an ordinary request allocates nothing.
func (s *Step) Check(r *http.Request) error {
	if err := s.check(r); err != nil {
		return err
	}
	return nil
}

func (s *Step) check(r *http.Request) *Refusal {
	if err := checkMethod(r.Method); err != nil {
		return err
	}
	if err := checkFraming(r); err != nil {
		return err
	}
	if err := checkTarget(r); err != nil {
		return err
	}
	if err := s.checkHost(r); err != nil {
		return err
	}
	if r.Context().Value(http.ServerContextKey) == nil {
		// net/http's server has looked at each of these bytes; others may not have.
		return checkHeader(r.Header)
	}
	return nil
}

func bad(rule string) *Refusal { return &Refusal{Status: http.StatusBadRequest, Rule: rule} }

// checkMethod lets every registered method pass, and those made like them. Methods are
// compared with case, so "get" is none that any guard would know for a GET.
func checkMethod(method string) *Refusal {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return nil
	case "TRACE", "TRACK", "CONNECT":
		return &Refusal{Status: http.StatusMethodNotAllowed, Rule: RuleMethod}
	case "PRI", "": // HTTP/2's preface in the wrong place
		return bad(RuleMethod)
	}
	if len(method) > 32 {
		return &Refusal{Status: http.StatusNotImplemented, Rule: RuleMethod}
	}
	for i := 0; i < len(method); i++ {
		c := method[i]
		switch {
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case c <= ' ', c >= 0x7f, strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0:
			return bad(RuleMethod) // no token at all
		default:
			return &Refusal{Status: http.StatusNotImplemented, Rule: RuleMethod}
		}
	}
	return nil
}

// checkFraming looks for what a server left of two lengths for one body. net/http
// removes Transfer-Encoding from the header once it has understood it.
func checkFraming(r *http.Request) *Refusal {
	if _, ok := r.Header["Transfer-Encoding"]; ok {
		return bad(RuleFraming)
	}
	lengths := r.Header["Content-Length"]
	if te := r.TransferEncoding; len(te) != 0 {
		if len(te) != 1 || te[0] != "chunked" || len(lengths) != 0 || !r.ProtoAtLeast(1, 1) {
			return bad(RuleFraming)
		}
		return nil
	}
	switch len(lengths) {
	case 0:
		return nil
	case 1:
	default:
		return bad(RuleFraming)
	}
	n, err := strconv.ParseInt(lengths[0], 10, 64)
	if err != nil || n != r.ContentLength || lengths[0][0] < '0' { // not "+1", not "-1"
		return bad(RuleFraming)
	}
	return nil
}

// checkTarget allows the origin form, the absolute form of this server's own schemes,
// and "*" for OPTIONS (RFC 9112 section 3.2).
func checkTarget(r *http.Request) *Refusal {
	u := r.URL
	for i := range len(u.RawQuery) {
		// HTTP/2 carries these, and in HTTP/1.1 a blank ends the target: "/?x HTTP/1.1".
		if c := u.RawQuery[i]; c <= ' ' || c == 0x7f || c == '#' {
			return bad(RuleTarget)
		}
	}
	if r.RequestURI == "*" || u.Path == "*" {
		if r.Method != http.MethodOptions {
			return bad(RuleTarget)
		}
		return nil
	}
	if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" || u.User != nil {
		return bad(RuleTarget)
	}
	if u.Host != "" && u.Host != r.Host {
		return bad(RuleHostMismatch)
	}
	if u.Path == "" && u.Host != "" {
		return nil // http://shop.example
	}
	if u.Path == "" || u.Path[0] != '/' {
		return bad(RuleTarget)
	}
	return checkPath(u)
}

func (s *Step) checkHost(r *http.Request) *Refusal {
	if more, ok := r.Header["Host"]; ok && (len(more) != 1 || !strings.EqualFold(more[0], r.Host)) {
		return bad(RuleHostMismatch)
	}
	host := r.Host
	if host == "" {
		return bad(RuleMissingHost)
	}
	name, _, ok := clientip.SplitHost(host)
	if ok && s.host != nil {
		// The Host that a proxy wrote only has to be well formed: it is passed on.
		name, _, ok = clientip.SplitHost(s.host(r))
	}
	if !ok {
		return bad(RuleMalformedHost)
	}
	if !s.hosts.known(name) {
		return &Refusal{Status: http.StatusMisdirectedRequest, Rule: RuleUnknownHost}
	}
	return nil
}

// checkHeader refuses names and values that would end the line they are written in.
func checkHeader(h http.Header) *Refusal {
	for name, values := range h {
		if name == "" || strings.ContainsAny(name, "\x00\r\n :") {
			return bad(RuleHeader)
		}
		for _, v := range values {
			if strings.IndexByte(v, '\n') >= 0 || strings.IndexByte(v, '\r') >= 0 || strings.IndexByte(v, 0) >= 0 {
				return bad(RuleHeader)
			}
		}
	}
	return nil
}
