package conceal

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
)

// NarrowEncoding takes out of the request's Accept-Encoding every coding but gzip,
// deflate and identity, in place. An error page in another coding could not be
// judged, and a trace in it would leave: the standard library reads no Brotli and no
// Zstandard, and one more dependency for the rare error page would cost every user of
// this package. The price is that the app's good answers come in gzip too; whoever
// wants Brotli towards the client compresses outside of this guard.
//
// A request without the header stays without; where nothing is left, identity is
// asked for, because an absent field would allow all.
//
// Source: RFC 9110 section 12.5.3.
func NarrowEncoding(r *http.Request) {
	lines := r.Header["Accept-Encoding"]
	if len(lines) == 0 || !needsNarrowing(lines) {
		return
	}
	if len(lines) == 1 && (lines[0] == "gzip, deflate, br, zstd" || lines[0] == "gzip, deflate, br") {
		lines[0] = "gzip, deflate" // what browsers send, without an allocation
		return
	}
	var b strings.Builder
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if part = strings.TrimSpace(part); !readable(part) {
				continue
			}
			if b.Len() > 0 {
				b.WriteString(", ")
			}
			b.WriteString(part)
		}
	}
	if b.Len() == 0 {
		b.WriteString("identity")
	}
	lines[0] = b.String()
	r.Header["Accept-Encoding"] = lines[:1:1]
}

func needsNarrowing(lines []string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if part = strings.TrimSpace(part); part != "" && !readable(part) {
				return true
			}
		}
	}
	return false
}

// readable tells whether a member of Accept-Encoding may stay: a coding that decode
// knows, or a refusal of one.
func readable(member string) bool {
	coding, params, _ := strings.Cut(member, ";")
	switch coding = strings.TrimSpace(coding); {
	case coding == "":
		return false
	case strings.EqualFold(coding, "gzip"), strings.EqualFold(coding, "x-gzip"),
		strings.EqualFold(coding, "deflate"), strings.EqualFold(coding, "identity"):
		return true
	}
	return quality(params) == 0
}

// maxDecoded bounds what a compressed error page may grow to for judging.
const maxDecoded = 256 << 10

// decode returns a body as it was before its Content-Encoding, at most maxDecoded of
// it, and whether that is all. It fails for a coding that it does not know and for a
// body that is not what the header says.
func decode(codings []string, body []byte, whole bool) (text []byte, all, ok bool) {
	var coding string
	for _, line := range codings {
		for c := range strings.SplitSeq(line, ",") {
			if c = strings.ToLower(strings.TrimSpace(c)); c == "" || c == "identity" {
				continue
			}
			if coding != "" {
				return nil, false, false // coded twice
			}
			coding = c
		}
	}
	switch coding {
	case "":
		return body, whole, true
	case "gzip", "x-gzip":
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, false, len(body) == 0
		}
		return inflate(reader)
	case "deflate":
		// RFC 9110 means zlib by it; some servers send bare deflate.
		if reader, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			return inflate(reader)
		}
		return inflate(flate.NewReader(bytes.NewReader(body)))
	}
	return nil, false, false
}

// inflate reads up to the bound. A body that was cut short still gives what it holds.
func inflate(reader io.Reader) (text []byte, all, ok bool) {
	text, err := io.ReadAll(io.LimitReader(reader, maxDecoded+1))
	switch {
	case len(text) > maxDecoded:
		return text[:maxDecoded], false, true
	case err == nil:
		return text, true, true
	}
	return text, false, errors.Is(err, io.ErrUnexpectedEOF) && len(text) > 0
}
