package conceal

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// stackMembers are names of members that hold a trace, in lower case without "_",
// "-" and blanks. A member goes only when a trace is in it: a "trace" may be an id.
var stackMembers = []string{
	"stack", "stacks", "stacktrace", "stacktraces", "stackframes", "stacktracestring", "remotestacktracestring",
	"rawstack", "rawstacktrace", "errorstack", "exceptionstack", "exceptionstacktrace", "originalstack",
	"componentstack", "trace", "traces", "fulltrace", "applicationtrace", "frameworktrace", "backtrace",
	"traceback", "tracebacks", "callstack", "calltrace", "exception", "exceptions", "exceptiondetails",
	"debug", "debuginfo", "frames",
}

// mender takes the traces out of one JSON text. The text must be valid.
type mender struct {
	traces *tracer
	phrase []byte // stands in for a trace in a member that no name gives away
	src    []byte
	pos    int
	out    []byte
	taken  []string
}

// maxNamed is the depth to which names are heeded: each looks at all that is below
// it, so that without a bound the work would be the square of the text.
const maxNamed = 64

// mendJSON returns text without its stack traces, and these. Members of stackMembers
// that hold one go whole; any other string that holds one becomes the reason phrase,
// and an array whose strings are one, line by line, becomes empty. All else keeps its
// bytes and its order. Nothing taken means nothing changed.
func (t *tracer) mendJSON(text []byte, status int) (mended []byte, taken []string) {
	phrase, err := json.Marshal(title(status))
	if err != nil {
		return text, nil // unreachable: a string
	}
	m := mender{traces: t, phrase: phrase, src: text, out: make([]byte, 0, len(text))}
	m.space()
	m.value(0)
	m.out = append(m.out, m.src[m.pos:]...)
	if len(m.taken) == 0 {
		return text, nil
	}
	return m.out, m.taken
}

// space copies blanks.
func (m *mender) space() {
	start := m.pos
	for m.pos < len(m.src) && strings.IndexByte(" \t\r\n", m.src[m.pos]) >= 0 {
		m.pos++
	}
	m.out = append(m.out, m.src[start:m.pos]...)
}

// value copies the value at pos, mended.
func (m *mender) value(depth int) {
	switch start := m.pos; m.src[start] {
	case '{':
		m.object(depth)
	case '[':
		m.array(depth)
	case '"':
		m.skip()
		if text := unquote(m.src[start:m.pos]); m.traces.inString(text) {
			m.taken = append(m.taken, text)
			m.out = append(m.out, m.phrase...)
			return
		}
		m.out = append(m.out, m.src[start:m.pos]...)
	default:
		m.skip()
		m.out = append(m.out, m.src[start:m.pos]...)
	}
}

func (m *mender) object(depth int) {
	m.out = append(m.out, '{')
	m.pos++
	for kept := 0; ; {
		// A member is first copied with its comma, then cut off again if it goes.
		before := len(m.out)
		if kept > 0 {
			m.out = append(m.out, ',')
		}
		m.space()
		if m.src[m.pos] == '}' {
			break // empty object
		}
		key := m.pos
		m.skip()
		name := unquote(m.src[key:m.pos])
		m.out = append(m.out, m.src[key:m.pos]...)
		m.space()
		m.out = append(m.out, ':')
		m.pos++
		m.space()
		if depth < maxNamed && isStackMember(name) && m.holdsTrace() {
			m.out = m.out[:before]
			start := m.pos
			m.skip()
			m.taken = append(m.taken, plain(m.src[start:m.pos]))
			blank := len(m.out)
			m.space()
			if m.src[m.pos] != '}' {
				m.out = m.out[:blank]
			}
		} else {
			m.value(depth + 1)
			m.space()
			kept++
		}
		if m.src[m.pos] == '}' {
			break
		}
		m.pos++ // ','
	}
	m.out = append(m.out, '}')
	m.pos++
}

func (m *mender) array(depth int) {
	begin := len(m.out)
	m.out = append(m.out, '[')
	m.pos++
	m.space()
	var lines []byte // the strings among the elements, as they leave
	for m.src[m.pos] != ']' {
		element := len(m.out)
		m.value(depth + 1)
		if m.out[element] == '"' {
			lines = append(append(lines, unquote(m.out[element:])...), '\n')
		}
		m.space()
		if m.src[m.pos] == ',' {
			m.out = append(m.out, ',')
			m.pos++
			m.space()
		}
	}
	m.out = append(m.out, ']')
	m.pos++
	if m.traces.trace(lines, true) != "" {
		m.taken = append(m.taken, string(lines))
		m.out = append(m.out[:begin], "[]"...)
	}
}

// skip moves pos behind the value that it stands at.
func (m *mender) skip() {
	for depth := 0; m.pos < len(m.src); {
		switch c := m.src[m.pos]; c {
		case '"':
			for m.pos++; m.src[m.pos] != '"'; m.pos++ {
				if m.src[m.pos] == '\\' {
					m.pos++
				}
			}
			m.pos++
		case '{', '[':
			depth++
			m.pos++
			continue
		case '}', ']':
			depth--
			m.pos++
		case ',', ':', ' ', '\t', '\r', '\n':
			m.pos++
			continue
		default:
			for m.pos < len(m.src) && strings.IndexByte(",]} \t\r\n", m.src[m.pos]) < 0 {
				m.pos++
			}
		}
		if depth == 0 {
			return
		}
	}
}

// holdsTrace tells whether the value at pos, which a member named like a stack has,
// is one: a frame stands in a string of it, or it lists frames as objects.
func (m *mender) holdsTrace() bool {
	start := m.pos
	m.skip()
	raw := m.src[start:m.pos]
	m.pos = start
	var value any
	if raw[0] != '"' && raw[0] != '[' && raw[0] != '{' || json.Unmarshal(raw, &value) != nil {
		return false
	}
	return m.traces.within(value)
}

func (t *tracer) within(value any) bool {
	switch v := value.(type) {
	case string:
		return t.trace([]byte(v), false) != "" || t.inString(v)
	case []any:
		return slices.ContainsFunc(v, t.within)
	case map[string]any:
		if isFrame(v) {
			return true
		}
		for _, member := range v {
			if t.within(member) {
				return true
			}
		}
	}
	return false
}

// isFrame tells an object that stands for one call, as PHP's frameworks and Java's
// serialisers write it.
func isFrame(object map[string]any) bool {
	file, line, method := false, false, false
	for name, value := range object {
		text, isText := value.(string)
		switch foldName(name) {
		case "file", "filename", "path", "abspath", "absolutepath":
			file = file || isText && strings.ContainsAny(text, `./\`)
		case "line", "lineno", "linenumber":
			_, isNumber := value.(float64)
			line = line || isNumber
		case "method", "methodname", "function", "class", "classname", "declaringclass":
			method = method || isText
		}
	}
	return line && (file || method)
}

// inString looks for a trace in a JSON string.
func (t *tracer) inString(text string) bool {
	return len(text) >= minTrace && t.inBody([]byte(text), strings.Contains(text, "<")) != ""
}

// minTrace is less than the shortest trace.
const minTrace = 12

func isStackMember(name string) bool {
	name = foldName(name)
	return slices.Contains(stackMembers, name) || strings.HasSuffix(name, "stacktrace") ||
		strings.HasSuffix(name, "backtrace") || strings.HasSuffix(name, "traceback")
}

// foldName makes one of stackTrace, stack_trace, stack-trace and "Stack Trace".
func foldName(name string) string {
	if len(name) > 2*maxBanner {
		return ""
	}
	return strings.ToLower(strings.Map(func(c rune) rune {
		if c == '_' || c == '-' || c == ' ' {
			return -1
		}
		return c
	}, name))
}

// unquote returns what a JSON string literal stands for.
func unquote(literal []byte) string {
	if bytes.IndexByte(literal, '\\') < 0 {
		return string(literal[1 : len(literal)-1])
	}
	var text string
	if json.Unmarshal(literal, &text) != nil {
		return "" // unreachable: the whole text is valid
	}
	return text
}

// plain makes a taken value readable in a log.
func plain(raw []byte) string {
	if raw[0] == '"' {
		return unquote(raw)
	}
	return string(breakLines(raw))
}
