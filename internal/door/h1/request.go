package h1

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/panoplysec/panoply/internal/door/wire"
)

// framing is how a request's body is delimited.
type framing struct {
	chunked  bool
	length   int64 // -1 when chunked
	expect   bool  // the client waits for 100
	close    bool  // nothing follows on this connection
	keep10   bool  // HTTP/1.0 that asks to be kept
	trailers bool
}

var chunkedOnly = []string{"chunked"}

// fill makes the request of a parsed head. s holds the head's bytes. r has its Header
// (empty) and its URL set; values is grown and cut up for the header.
func (h *head) fill(r *http.Request, s string, values *[]string) (framing, *fault) {
	fr := framing{}
	cut := func(p span) string { return s[p.from:p.to] }
	r.Method, r.RequestURI = method(cut(h.method)), cut(h.target)
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, h.minor
	if h.minor == 0 {
		r.Proto = "HTTP/1.0"
	}
	if f := setURL(r); f != nil {
		return fr, f
	}
	header := r.Header
	if cap(*values) < len(h.fields) {
		*values = make([]string, 0, max(16, 2*len(h.fields)))
	}
	all := (*values)[:0]
	var host, length, coding, expect string
	var hosts, lengths, codings, expects int
	for _, f := range h.fields {
		name, value := cut(f.name), cut(f.value)
		switch name {
		case "Host":
			host = value
			hosts++
			continue
		case "Transfer-Encoding":
			coding = value
			codings++
			continue
		case "Content-Length":
			length = value
			lengths++
		case "Expect":
			expect = value
			expects++
		case "Trailer":
			fr.trailers = true
		}
		if have, ok := header[name]; ok {
			header[name] = append(have, value) // the capacity is one
			continue
		}
		all = append(all, value)
		header[name] = all[len(all)-1 : len(all) : len(all)]
	}
	*values = all
	if f := setHost(r, host, hosts); f != nil {
		return fr, f
	}
	if f := fr.body(h.minor, length, lengths, coding, codings); f != nil {
		return fr, f
	}
	if expects > 0 && h.minor > 0 {
		if expects > 1 || !wire.EqualFold(expect, "100-continue") {
			return fr, errExpect
		}
		fr.expect = fr.length != 0
	}
	connection := header["Connection"]
	fr.close = wire.HasToken(connection, "close")
	if h.minor == 0 {
		fr.keep10 = !fr.close && wire.HasToken(connection, "keep-alive")
		fr.close = !fr.keep10
	}
	// As net/http does for the handlers behind it.
	if p := header["Pragma"]; len(p) > 0 && p[0] == "no-cache" {
		if _, ok := header["Cache-Control"]; !ok {
			header["Cache-Control"] = []string{"no-cache"}
		}
	}
	r.ContentLength, r.Close = fr.length, fr.close
	if fr.chunked {
		r.TransferEncoding = chunkedOnly[:1:1]
		if fr.trailers {
			return fr, announce(r)
		}
	}
	return fr, nil
}

// body reads the framing of RFC 9112 section 6. One length, or one coding, or none.
func (fr *framing) body(minor int, length string, lengths int, coding string, codings int) *fault {
	if codings > 0 {
		if codings > 1 || lengths > 0 || minor == 0 {
			return errFraming
		}
		if !wire.EqualFold(coding, "chunked") {
			return errCoding
		}
		fr.chunked, fr.length = true, -1
		return nil
	}
	if lengths == 0 {
		return nil
	}
	n, ok := wire.Length(length)
	if !ok || lengths > 1 {
		return errFraming
	}
	fr.length = n
	return nil
}

// setURL reads the target: the usual path without a parser, everything else by package
// url (RFC 9112 section 3.2).
func setURL(r *http.Request) *fault {
	target := r.RequestURI
	path, query, asked := strings.Cut(target, "?")
	rooted := target[0] == '/'
	plain := rooted
	for i := 0; plain && i < len(path); i++ {
		plain = isPath[path[i]]
	}
	if plain && (query != "" || !asked) {
		*r.URL = url.URL{Path: path, RawQuery: query}
		return nil
	}
	bare := r.Method == http.MethodConnect && !rooted
	if bare {
		target = "http://" + target
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return errTarget
	}
	if bare {
		u.Scheme = ""
	}
	*r.URL = *u
	return nil
}

// setHost wants one Host in HTTP/1.1, and it to be the one that the target names where
// the target names one. The caller takes Host out of the header.
func setHost(r *http.Request, host string, hosts int) *fault {
	switch {
	case hosts > 1:
		return errHost
	case hosts == 0 && r.ProtoMinor > 0:
		return errNoHost
	}
	for i := range len(host) {
		if !isHost[host[i]] {
			return errHost
		}
	}
	r.Host = host
	if named := r.URL.Host; named != "" {
		if hosts > 0 && !wire.EqualFold(named, host) {
			return errMismatch
		}
		r.Host = named
	} else if r.URL.Scheme != "" {
		return errTarget // "http:///x", "mailto:x"
	}
	return nil
}

// announce moves the Trailer field to the request.
func announce(r *http.Request) *fault {
	names := r.Header["Trailer"]
	delete(r.Header, "Trailer")
	for _, line := range names {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
			switch {
			case name == "":
				continue
			case forbiddenTrailer(name):
				return errTrailer
			}
			if r.Trailer == nil {
				r.Trailer = http.Header{}
			}
			r.Trailer[name] = nil
		}
	}
	return nil
}

// forbiddenTrailer tells the fields that must not come after the body, because they say
// where it ends or whom it is for (RFC 9110 section 6.5.1).
func forbiddenTrailer(name string) bool {
	switch name {
	case "Transfer-Encoding", "Content-Length", "Trailer", "Host":
		return true
	}
	return false
}

// method returns the constant for the usual ones, so that comparing them is cheap.
func method(s string) string {
	switch s {
	case http.MethodGet:
		return http.MethodGet
	case http.MethodPost:
		return http.MethodPost
	case http.MethodHead:
		return http.MethodHead
	}
	return s
}
