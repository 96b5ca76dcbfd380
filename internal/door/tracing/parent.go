package tracing

import (
	"strings"
)

// A Parent is what a traceparent field says.
type Parent struct {
	Trace   [16]byte
	Span    [8]byte
	Sampled bool
}

const parentLen = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")

// ParseParent reads the values of the traceparent field. More than one, capital letters, ids of
// zeros and the version ff are refused, and so is what follows a version 00; of later
// versions the parts that version 00 knows are read.
//
// Source: Trace Context section 3.2.
func ParseParent(values []string) (p Parent, ok bool) {
	if len(values) != 1 || len(values[0]) < parentLen {
		return Parent{}, false
	}
	text := values[0]
	var version, flags [1]byte
	if !unhex(version[:], text[:2]) || !unhex(p.Trace[:], text[3:35]) || !unhex(p.Span[:], text[36:52]) || !unhex(flags[:], text[53:55]) {
		return Parent{}, false
	}
	switch rest := text[parentLen:]; {
	case text[2] != '-' || text[35] != '-' || text[52] != '-',
		version[0] == 0xff,
		version[0] == 0 && rest != "",
		rest != "" && rest[0] != '-',
		p.Trace == [16]byte{} || p.Span == [8]byte{}:
		return Parent{}, false
	}
	p.Sampled = flags[0]&1 != 0
	return p, true
}

// unhex reads lower case digits, two for each byte of dst.
func unhex(dst []byte, text string) bool {
	for i := range dst {
		high, low := digit(text[2*i]), digit(text[2*i+1])
		if high > 15 || low > 15 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

const (
	maxMembers = 32
	// maxState is more than the 512 bytes that everybody has to pass on.
	maxState = 4096
)

// ValidState tells whether the values of the tracestate field are fit to pass on: at most 32
// members with different keys, all of them well formed.
//
// Source: Trace Context section 3.3.
func ValidState(values []string) bool {
	size, keys := 0, make([]string, 0, 4)
	for _, value := range values {
		if size += len(value); size > maxState {
			return false
		}
		for member := range strings.SplitSeq(value, ",") {
			member = strings.Trim(member, " \t")
			if member == "" {
				continue
			}
			key, value, found := strings.Cut(member, "=")
			if !found || !validKey(key) || !validValue(value) || len(keys) == maxMembers {
				return false
			}
			for _, other := range keys {
				if other == key {
					return false
				}
			}
			keys = append(keys, key)
		}
	}
	return true
}

// validKey is a simple key, or tenant@system.
func validKey(key string) bool {
	tenant, system, multi := strings.Cut(key, "@")
	if !multi {
		return keyPart(key, 256, false)
	}
	return keyPart(tenant, 241, true) && keyPart(system, 14, false)
}

func keyPart(part string, most int, digitFirst bool) bool {
	if part == "" || len(part) > most {
		return false
	}
	for i := range len(part) {
		c := part[i]
		switch {
		case c >= 'a' && c <= 'z':
		case c >= '0' && c <= '9':
			if i == 0 && !digitFirst {
				return false
			}
		case i > 0 && strings.IndexByte("_-*/", c) >= 0:
		default:
			return false
		}
	}
	return true
}

func validValue(value string) bool {
	if value == "" || len(value) > 256 || value[len(value)-1] == ' ' {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == ',' || c == '=' {
			return false
		}
	}
	return true
}
