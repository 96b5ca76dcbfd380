package shield

import (
	"mime"
	"regexp"
	"strings"

	"github.com/panoplysec/panoply/internal/body"
)

// multipart reads a body of parts, and says whether it is one to the letter: delimiters
// and ends of lines as RFC 2046 writes them, no folded line, and in each part one
// Content-Disposition with one name. Browsers and the usual clients write no other; what
// a parser makes of any other is its own affair, and has been the end of several.
//
// Sources: RFC 2046 section 5.1.1, RFC 7578 section 4.
func (s *scan) multipart(text, boundary string) bool {
	delimiter := "--" + boundary
	text = strings.TrimPrefix(text, "\r\n") // some clients put one in front
	count := strings.Count(text, delimiter)
	text, ok := strings.CutPrefix(text, delimiter)
	for n := 1; ok; n++ {
		if rest, last := strings.CutPrefix(text, "--"); last {
			return n == count && strings.Trim(rest, "\r\n") == ""
		}
		var head, content string
		if text, ok = strings.CutPrefix(text, "\r\n"); !ok {
			return false
		}
		if content, text, ok = strings.Cut(text, "\r\n"+delimiter); !ok {
			return false
		}
		head, content, headed := strings.Cut(content, "\r\n\r\n")
		if !s.part(head, content, headed) {
			return false
		}
	}
	return false
}

// part tests one part, and says whether it is well formed.
func (s *scan) part(head, content string, headed bool) bool {
	for i := range s.tests {
		t := &s.tests[i]
		if t.in == inPart && s.found[t.of] == nil && (t.asksValue() || t.more > 0) && (!t.asksValue() || t.value(head)) && t.count(&t.n) {
			s.hit(t)
		}
	}
	dispositions, disposition := 0, ""
	for line := range strings.SplitSeq(head, "\r\n") {
		m := headerLine.FindStringSubmatch(line)
		if m == nil {
			return false
		}
		if strings.EqualFold(m[1], "Content-Disposition") {
			if dispositions++; dispositions > 1 {
				return false
			}
			disposition = m[2]
		}
		if strings.EqualFold(m[1], "Content-Type") && !plainType(m[2]) {
			return false
		}
		if strings.EqualFold(m[1], "Content-Transfer-Encoding") && !plainTransfer.MatchString(m[2]) {
			return false // some parsers undo it, others do not
		}
	}
	fieldNames, fileNames, sound := dispositionNames(disposition)
	f := field{in: inMultipart, value: content, valid: strings.Join(fileNames, "") == ""}
	for _, name := range fieldNames {
		s.flat(&f, name)
	}
	f.in, f.valid = inFile, true
	for _, file := range fileNames {
		for _, name := range fieldNames[:min(1, len(fieldNames))] {
			f.value = file
			s.flat(&f, name)
		}
	}
	return headed && sound && dispositions == 1 && parameters.MatchString(disposition)
}

// plainType tells of the type of a part whether its content is text as it is: some parsers
// decode it from the character set that is named.
func plainType(text string) bool {
	if strings.TrimSpace(text) == "" {
		return true
	}
	_, params, err := mime.ParseMediaType(text)
	return err == nil && parameters.MatchString(text) && likeUTF8(strings.ToLower(params["charset"]), isMultipart)
}

var (
	headerLine    = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\\x00-\\x08\\x0a-\\x1f\\x7f]*)$")
	plainTransfer = regexp.MustCompile(`(?i)^\s*(7bit|8bit|binary)\s*$`)
	parameter     = regexp.MustCompile(`(?i)(^|[;\s])(file)?name(\*[0-9]*\*?)?\s*=\s*("(?:[^"\\]|\\.)*"|[^";\r\n]*)`)
	// parameters is a value with parameters to the letter. Busboy before 1.0 drops blanks and
	// quotes wherever they stand, so that na me=a"b" is a name.
	parameters = regexp.MustCompile("^[ \t]*[!#$%&'*+./^_`|~0-9A-Za-z-]+([ \t]*;[ \t]*[!#$%&'+.^_`|~0-9A-Za-z-]+[*]?=(\"(?:[^\"\\\\]|\\\\.)*\"|[^\\s\";]*))*[ \t]*;?[ \t]*$")
	extended   = regexp.MustCompile(`^[A-Za-z0-9_-]*'[^']*'`)
)

// dispositionNames are the names of a field and of a file in a Content-Disposition, in
// every reading; sound says that it has one of the first, not empty, and at most one of the
// second apart from its extended form.
func dispositionNames(text string) (fields, files []string, sound bool) {
	n := [2]int{}
	sound = true
	for _, m := range parameter.FindAllStringSubmatch(text, -1) {
		to, i := &fields, 0
		if m[2] != "" {
			to, i = &files, 1
		}
		value := strings.TrimSpace(m[4])
		sound = sound && (m[3] == "" || m[3] == "*" && i == 1)
		if m[3] == "" {
			n[i]++
		}
		sound = sound && (i == 1 || value != "" && value != `""`)
		if inner, ok := strings.CutPrefix(value, `"`); ok {
			inner = strings.TrimSuffix(inner, `"`)
			*to = append(*to, inner)
			if strings.Contains(inner, `\`) {
				*to = append(*to, backslashes.ReplaceAllString(inner, "$1"))
			}
			continue
		}
		if m[3] != "" {
			value = body.Unescape(extended.ReplaceAllString(value, ""), false)
		}
		*to = append(*to, value)
	}
	return fields, files, sound && n[0] == 1 && n[1] <= 1
}

var backslashes = regexp.MustCompile(`\\(.)`)
