package npmsemver

import "strings"

// collapse makes runs of spaces one, and keeps one at each end.
func collapse(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

// cutOperator splits "<=1" into "<=" and "1".
func cutOperator(s string) (op, rest string) {
	n := 0
	if n < len(s) && (s[n] == '<' || s[n] == '>') {
		n++
	}
	if n < len(s) && s[n] == '=' {
		n++
	}
	return s[:n], s[n:]
}

// withoutBuild drops every "+build" of s.
func withoutBuild(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "+")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n := listEnd(after, 0)
		if n == 0 {
			b.WriteByte('+')
		}
		s = after[n:]
	}
}

// listEnd is where the identifiers with dots between them end that begin at from.
func listEnd(s string, from int) int {
	n := from
	for {
		start := n
		for n < len(s) && isIdentifier(s[n]) {
			n++
		}
		if n == start {
			if n > from {
				n-- // the dot before nothing
			}
			return n
		}
		if n == len(s) || s[n] != '.' {
			return n
		}
		n++
	}
}

// closeUp joins an operator with the version after it: "> 1.2.3".
func closeUp(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		start := i
		if s[i] == '<' || s[i] == '>' {
			i++
		}
		for i < len(s) && isPrefix(rune(s[i])) {
			i++
		}
		if i < len(s) && (isX(s[i:i+1]) || digits(s[i:]) > 0) {
			gap := start
			if s[gap] == ' ' {
				gap++
			}
			op, _ := cutOperator(s[gap:])
			if gap += len(op); gap < len(s) && s[gap] == ' ' {
				b.WriteString(s[start:gap])
				start = gap + 1
			}
			i = versionEnd(s, i)
		}
		if i == start {
			i++
		}
		b.WriteString(s[start:i])
	}
	return b.String()
}

// versionEnd is where the version ends that begins at i, whatever follows it.
func versionEnd(s string, i int) int {
	if end := numbersEnd(s, i); end > i {
		return prereleaseEnd(s, end, true)
	}
	for part := range 3 {
		end := i
		if part > 0 {
			if end == len(s) || s[end] != '.' {
				return i
			}
			end++
		}
		n := digits(s[end:])
		switch {
		case n > 0 && s[end] == '0':
			n = 1
		case n == 0 && end < len(s) && isX(s[end:end+1]):
			n = 1
		case n == 0:
			return i
		}
		i = end + n
	}
	return prereleaseEnd(s, i, false)
}

// numbersEnd is where three numbers with dots between them end, or i.
func numbersEnd(s string, i int) int {
	end := i
	for part := range 3 {
		n := digits(s[end:])
		if end += n; n == 0 {
			return i
		}
		if part == 2 {
			break
		}
		if end == len(s) || s[end] != '.' {
			return i
		}
		end++
	}
	return end
}

func prereleaseEnd(s string, i int, loose bool) int {
	from := i
	if from < len(s) && s[from] == '-' {
		from++
	} else if !loose {
		return i
	}
	if end := listEnd(s, from); end > from {
		return end
	}
	if loose {
		return listEnd(s, i)
	}
	return i
}

// afterSign drops the space after a tilde or caret; "~>" is a tilde.
func afterSign(s, sign string) string {
	if sign == "~" {
		s = strings.ReplaceAll(s, "~> ", "~")
	}
	return strings.ReplaceAll(s, sign+" ", sign)
}

// withoutStar drops the first star of s with its operator: it holds everything.
func withoutStar(s string) string {
	star := strings.IndexByte(s, '*')
	if star < 0 {
		return s
	}
	from := star
	if from > 0 && s[from-1] == ' ' {
		from--
	}
	if from > 0 && s[from-1] == '=' {
		from--
	}
	if from > 0 && (s[from-1] == '<' || s[from-1] == '>') {
		from--
	}
	return s[:from] + s[star+1:]
}
