package observatory

import "strings"

// element is a start tag with the attributes that some test looks at.
type element struct {
	name string
	attr attributes
}

// scanTags calls found for each start tag of a page, in order, as htmlparser2 reports
// them: no tree is built, but raw text, comments and foreign content are known.
func scanTags(body string, found func(element)) {
	s := tagScanner{body: body, found: found}
	s.open.foreign = []foreignKind{notForeign}
	s.open.count = map[string]int{}
	for s.pos < len(body) {
		lt := strings.IndexByte(body[s.pos:], '<')
		if lt < 0 {
			return
		}
		s.pos += lt + 1
		s.afterLess()
	}
}

type tagScanner struct {
	body  string
	pos   int
	open  openElements
	found func(element)
}

// afterLess reads what follows a '<'. What begins no tag is text, and is looked at again.
func (s *tagScanner) afterLess() {
	if s.pos >= len(s.body) {
		return
	}
	switch c := s.body[s.pos]; {
	case c == '!':
		s.pos++
		s.declaration()
	case c == '?':
		s.pos++
		s.skipPast(">")
	case c == '/':
		s.pos++
		s.closeTag()
	case isAlpha(c):
		s.openTag()
	}
}

// skipPast moves behind the next occurrence of end, or to the end of the page.
func (s *tagScanner) skipPast(end string) {
	i := strings.Index(s.body[min(s.pos, len(s.body)):], end)
	if i < 0 {
		s.pos = len(s.body)
		return
	}
	s.pos += i + len(end)
}

func (s *tagScanner) declaration() {
	rest := s.body[s.pos:]
	switch {
	case strings.HasPrefix(rest, "--"):
		s.pos += len("--")
		s.comment()
	case strings.HasPrefix(rest, "[CDATA["):
		s.pos += len("[CDATA[")
		s.skipPast("]]>")
	default:
		s.skipPast(">")
	}
}

// comment ends at -->, at --!>, or at once with > or ->.
func (s *tagScanner) comment() {
	for _, empty := range []string{">", "->"} {
		if strings.HasPrefix(s.body[s.pos:], empty) {
			s.pos += len(empty)
			return
		}
	}
	for {
		s.skipPast("--")
		if s.pos >= len(s.body) {
			return
		}
		for s.pos < len(s.body) && s.body[s.pos] == '-' {
			s.pos++
		}
		rest := s.body[s.pos:]
		if strings.HasPrefix(rest, ">") || strings.HasPrefix(rest, "!>") {
			s.skipPast(">")
			return
		}
	}
}

// name reads a tag's name, which ends at a blank, a slash or '>'; ok is false when the
// page ends before.
func (s *tagScanner) name() (name string, ok bool) {
	start := s.pos
	for s.pos < len(s.body) && !endsTagSection(s.body[s.pos]) {
		s.pos++
	}
	return lower(s.body[start:s.pos]), s.pos < len(s.body)
}

func (s *tagScanner) closeTag() {
	if s.pos >= len(s.body) {
		return
	}
	if !isAlpha(s.body[s.pos]) {
		s.skipPast(">")
		return
	}
	if name, ok := s.name(); ok {
		s.open.close(name)
		s.skipPast(">")
	}
}

func (s *tagScanner) openTag() {
	foreign := s.open.inForeign()
	name, ok := s.name()
	if !ok {
		return
	}
	shown := s.open.push(name)
	e := element{name: shown, attr: attributes{}}
	selfClosing, ok := s.attributes(e.attr)
	if !ok {
		return
	}
	if shown != "" {
		s.found(e)
	}
	if selfClosing && s.open.inForeign() {
		s.open.closeTop(shown)
	}
	switch {
	case foreign || !rawText[name]:
	case name == "plaintext":
		s.pos = len(s.body)
	default:
		s.skipRawText(name)
	}
}

// rawText are the elements whose content is not markup.
var rawText = map[string]bool{
	"iframe": true, "noembed": true, "noframes": true, "plaintext": true, "script": true,
	"style": true, "textarea": true, "title": true, "xmp": true,
}

// skipRawText moves behind the end tag of an element with raw text. Setting bit 5 is how
// the original folds case, so that control characters can stand for '<' and '/'.
func (s *tagScanner) skipRawText(name string) {
	end := "</" + name
	matched := 0
	for ; s.pos < len(s.body); s.pos++ {
		c := s.body[s.pos]
		if matched == len(end) {
			if endsTagSection(c) {
				s.open.close(name)
				s.skipPast(">")
				return
			}
			matched = 0
		}
		switch {
		case c|0x20 == end[matched]:
			matched++
		case matched > 0 && c == '<':
			matched = 1
		case matched == 0 && c|0x20 != '<' && name != "title" && name != "textarea":
			// The original jumps to the next '<' here and counts it as matched, which
			// passes over the control characters that would have.
			next := strings.IndexByte(s.body[s.pos:], '<')
			if next < 0 {
				s.pos = len(s.body)
				return
			}
			s.pos += next
			matched = 1
		default:
			matched = 0
		}
	}
}

// attributes reads the rest of a start tag. It reports whether a slash stands right
// before its '>', and whether the '>' was found.
func (s *tagScanner) attributes(into attributes) (selfClosing, ok bool) {
	slash := false
	for s.pos < len(s.body) {
		switch c := s.body[s.pos]; {
		case c == '>':
			s.pos++
			return slash, true
		case c == '/':
			slash = true
			s.pos++
		case isTagBlank(c):
			s.pos++
		default:
			slash = false
			s.attribute(into)
		}
	}
	return false, false
}

// attribute reads one attribute, whose name may begin with any character, '=' included.
func (s *tagScanner) attribute(into attributes) {
	start := s.pos
	for s.pos++; s.pos < len(s.body) && s.body[s.pos] != '=' && !endsTagSection(s.body[s.pos]); {
		s.pos++
	}
	name := lower(s.body[start:s.pos])
	s.skipBlanks()
	if s.pos >= len(s.body) || s.body[s.pos] != '=' {
		into.add(name, "")
		return
	}
	s.pos++
	s.skipBlanks()
	if s.pos >= len(s.body) {
		return
	}
	quote := s.body[s.pos]
	if quote != '"' && quote != '\'' {
		start = s.pos
		for s.pos < len(s.body) && s.body[s.pos] != '>' && !isTagBlank(s.body[s.pos]) {
			s.pos++
		}
		into.add(name, decodeAttribute(s.body[start:s.pos]))
		return
	}
	value, _, closed := strings.Cut(s.body[s.pos+1:], string(quote))
	s.pos += len(value) + 2
	if closed {
		into.add(name, decodeAttribute(value))
	}
}

func (s *tagScanner) skipBlanks() {
	for s.pos < len(s.body) && isTagBlank(s.body[s.pos]) {
		s.pos++
	}
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isTagBlank(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\f' || c == '\r'
}

func endsTagSection(c byte) bool { return c == '/' || c == '>' || isTagBlank(c) }
