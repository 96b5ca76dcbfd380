package shield

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/internal/body"
)

// A kind is how a body may be read.
type kind uint8

const (
	isOther kind = iota // by nobody, unless it begins like JSON
	isText              // as JSON or as a form, by an application that is not strict
	isForm
	isJSON
	isMultipart
	isUnclear // its Content-Type says two things
)

// A media is what the header says of a body.
type media struct {
	kind     kind
	charset  string
	boundary string
	encoded  bool // by a content coding
}

// mediaOf reads Content-Type as the most lenient of readers do, and takes it for unclear
// where the strict ones would see another body.
func mediaOf(h http.Header) (m media) {
	for _, line := range h["Content-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				m.encoded = true
			}
		}
	}
	lines := h["Content-Type"]
	if len(lines) == 0 || len(lines) == 1 && strings.TrimSpace(lines[0]) == "" {
		m.kind = isText
		return m
	}
	lower := strings.ToLower(lines[0])
	base, params, err := mime.ParseMediaType(lines[0])
	m.charset, m.boundary = strings.ToLower(params["charset"]), params["boundary"]
	if strings.HasPrefix(base, "multipart/") && strings.Contains(strings.ToLower(m.boundary), "json") {
		lower = strings.ReplaceAll(lower, "json", "") // chance makes boundaries
	}
	found := 0
	for _, one := range [...]struct {
		word string
		is   kind
	}{{"multipart", isMultipart}, {"urlencoded", isForm}, {"json", isJSON}} {
		if strings.Contains(lower, one.word) {
			m.kind = one.is
			found++
		}
	}
	if found == 0 && (err != nil || strings.HasPrefix(base, "text/")) {
		m.kind = isText
	}
	plain := len(lines) == 1 && found < 2 && (err == nil || found == 0 && !strings.Contains(lower, "charset"))
	if m.kind == isMultipart {
		plain = plain && strings.HasPrefix(base, "multipart/") && strings.Count(lower, "boundary") == 1 && m.boundary != "" && !strings.Contains(lower, "boundary*")
	}
	if !plain {
		m.kind = isUnclear
	}
	return m
}

// places are where fields and parts may be found in a body of the kind.
func (k kind) places() place {
	switch k {
	case isForm, isText:
		return inForm | inJSON
	case isJSON, isOther:
		return inJSON
	case isMultipart:
		return ofParts
	}
	return inForm | inJSON | ofParts
}

// Why a body is refused that is not judged.
const (
	whyEncoded   = "cannot be looked for: the body comes in a content coding"
	whyUnclear   = "cannot be looked for: the Content-Type can be read in two ways"
	whyCharset   = "cannot be looked for: the body is in another character set than UTF-8"
	whyLong      = "cannot be looked for: the body is longer than what is looked at"
	whyUnread    = "cannot be looked for: the body ended before it was whole"
	whyMalformed = "cannot be looked for: the body is not what its Content-Type says"
	whyDeep      = "cannot be looked for: the body nests deeper than is looked at"
	whyFound     = "is what it refuses"
	whyTooLong   = "is longer than it lets pass"
)

// bodies goes on with what is about bodies, for the shields of pending.
func (g *Guard) bodies(r *http.Request, pending uint64, all []Refusal) []Refusal {
	m := mediaOf(r.Header)
	look := int64(-1)
	for i, s := range g.shields {
		if pending&(1<<i) == 0 {
			continue
		}
		if s.longest >= 0 && s.tooLong(r) {
			one := s.refuse(g.o.Mode, "body", whyTooLong, http.StatusRequestEntityTooLarge)
			if all = append(all, one); !one.Observed {
				return all
			}
			pending &^= 1 << i
			continue
		}
		if s.asks&(m.kind.places()|inBody) == 0 {
			pending &^= 1 << i
			continue
		}
		if m.kind != isOther || s.asks&inBody != 0 {
			look = max(look, s.look)
		}
	}
	if pending == 0 {
		return all
	}
	if look < 0 { // of another type: only what begins like JSON
		start, err := body.Look(r, 4)
		if err == nil && !m.encoded && likeUTF8(m.charset, m.kind) && !maybeJSON(string(start.Bytes)) {
			return all
		}
		for i, s := range g.shields {
			if pending&(1<<i) != 0 {
				look = max(look, s.look)
			}
		}
	}
	b, err := body.Look(r, look)
	if err == nil && b.Whole && len(b.Bytes) == 0 {
		return all
	}
	return g.judge(b, err, m, pending, all)
}

// tooLong tells whether the body is longer than a condition lets it be, reading no more of
// it than that takes.
func (s *shield) tooLong(r *http.Request) bool {
	if r.ContentLength >= 0 {
		return r.ContentLength > s.longest
	}
	b, err := body.Look(r, s.longest)
	return err == nil && !b.Whole
}

// judge holds a body against the shields of pending.
func (g *Guard) judge(b *body.Body, err error, m media, pending uint64, all []Refusal) []Refusal {
	var shields []*shield
	for i, s := range g.shields {
		if pending&(1<<i) != 0 {
			shields = append(shields, s)
		}
	}
	c := content{media: m, text: string(b.Bytes), scan: newScan(shields)}
	var whyNot string
	if err == nil && !m.encoded {
		whyNot = c.read()
	}
	for i, s := range shields {
		where, why, status := "body", "", http.StatusBadRequest
		fields := s.asks&m.kind.places() != 0
		switch {
		case err != nil:
			why = whyUnread
		case m.encoded:
			why, status = whyEncoded, http.StatusUnsupportedMediaType
		case !b.Whole && (s.asks&inBody != 0 || fields && c.goesOn()):
			why, status = whyLong, http.StatusRequestEntityTooLarge
		case c.scan.found[i] != nil:
			where, why, status = c.scan.found[i].text, whyFound, http.StatusForbidden
		case fields && whyNot == whyMalformed && s.malformed != nil:
			where, why, status = s.malformed.text, whyFound, http.StatusForbidden
		case fields:
			why = whyNot
		}
		if why == "" {
			continue
		}
		one := s.refuse(g.o.Mode, where, why, status)
		if all = append(all, one); !one.Observed {
			return all
		}
	}
	return all
}

// content is a body that is read once, for all shields.
type content struct {
	media
	text string
	scan *scan
}

// read tests all conditions, and says why what is not found may be there all the same.
func (c *content) read() (why string) {
	for i := range c.scan.tests {
		if t := &c.scan.tests[i]; t.in == inBody && c.scan.found[t.of] == nil && t.value(c.text) {
			c.scan.hit(t)
		}
	}
	text := strings.TrimPrefix(c.text, bom)
	sound := true
	switch {
	case c.kind == isUnclear:
		return whyUnclear
	case c.kind == isMultipart:
		sound = c.scan.multipart(text, c.boundary)
	case !likeUTF8(c.charset, c.kind):
		return whyCharset
	case c.kind == isJSON:
		sound = c.scan.json(text)
	case maybeJSON(text): // it may be read as JSON, whatever it says it is
		c.scan.json(text)
		fallthrough
	default:
		if c.kind != isOther {
			c.scan.form(text)
		}
	}
	switch {
	case c.scan.deep:
		return whyDeep
	case !sound:
		return whyMalformed
	}
	return ""
}

// goesOn tells of a body of which only the beginning was seen whether what follows counts.
// Of a type that says nothing, that is where it may still become a document of JSON.
func (c *content) goesOn() bool {
	if c.kind != isOther && c.kind != isText {
		return true
	}
	text := strings.TrimPrefix(c.text, bom)
	if !maybeJSON(text) {
		return false
	}
	dec := json.NewDecoder(strings.NewReader(text))
	for {
		if _, err := dec.Token(); err != nil {
			return err == io.EOF || err == io.ErrUnexpectedEOF
		}
	}
}

// maybeJSON tells of a body that begins like a document of JSON, or might yet.
func maybeJSON(text string) bool {
	text = strings.TrimLeft(strings.TrimPrefix(text, bom), " \t\r\n\v\f")
	return text == "" || text[0] == '{' || text[0] == '[' || strings.HasPrefix(bom, text)
}

const bom = "\xef\xbb\xbf" // which body parsers strip

// likeUTF8 tells of character sets in which names of ASCII are what they are in UTF-8.
// JSON is decoded by its readers from whatever set the client names.
func likeUTF8(name string, k kind) bool {
	switch name {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return true
	case "iso-8859-1", "latin1", "windows-1252":
		return k != isJSON
	}
	return false
}
