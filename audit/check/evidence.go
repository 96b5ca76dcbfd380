package check

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"sort"
	"strings"
)

// Evidence shows the exchange: the answer's status and those of its headers that are
// named, or their absence.
func (x *Exchange) Evidence(names ...string) Evidence {
	var seen strings.Builder
	fmt.Fprintf(&seen, "%d %s", x.Status, http.StatusText(x.Status))
	for _, name := range names {
		values := x.Header.Values(name)
		if len(values) == 0 {
			fmt.Fprintf(&seen, "\n%s is absent", name)
		}
		for _, v := range values {
			fmt.Fprintf(&seen, "\n%s: %s", name, v)
		}
	}
	where := x.method() + " " + x.URL
	if x.Request.As == User {
		where += " (logged in)"
	}
	return Evidence{Kind: Answer, Where: where, Sent: x.sent(), Seen: seen.String(), Command: x.Command()}
}

// SourceLine is the evidence of a line in the audited folder. The excerpt is the line,
// and what of its neighbours makes it understood.
func SourceLine(file string, line int, excerpt string) Evidence {
	return Evidence{
		Kind: Line, Where: fmt.Sprintf("%s:%d", file, line), File: file, Line: line, Seen: excerpt,
		Command: fmt.Sprintf("sed -n %dp %s", line, quote(file)),
	}
}

// Excerpt shows the exchange with the part of its body around [from, to).
func (x *Exchange) Excerpt(from, to int) Evidence {
	const around = 120
	lo, hi := max(0, from-around), min(len(x.Body), max(to, from)+around)
	e := x.Evidence()
	e.Seen += "\n\n" + strings.ToValidUTF8(string(x.Body[lo:hi]), "")
	return e
}

func (x *Exchange) method() string {
	if x.Request.Method == "" {
		return http.MethodGet
	}
	return x.Request.Method
}

func (x *Exchange) sent() string {
	if x.Request.Secret {
		return "(credentials)"
	}
	sent := x.Request.Headers
	if x.Request.Body != "" {
		sent = strings.TrimPrefix(sent+"\n\n"+x.Request.Body, "\n\n")
	}
	return sent
}

// Command is a curl line that repeats the exchange.
func (x *Exchange) Command() string {
	args := []string{"curl", "-si"}
	if x.TLS != nil && !x.Public {
		args[1] = "-sik"
	}
	if x.TLS != nil && (x.TLS.Version == tls.VersionTLS10 || x.TLS.Version == tls.VersionTLS11) {
		args = append(args, "--http1.1", "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0")
	}
	switch m := x.method(); m {
	case http.MethodGet:
	case http.MethodHead:
		args = append(args, "-I")
	default:
		args = append(args, "-X", quote(m))
	}
	if strings.Contains(x.Request.Path, "..") {
		args = append(args, "--path-as-is")
	}
	if strings.ContainsAny(x.Request.Path, "[]{}") {
		args = append(args, "-g")
	}
	// What is secret is named as a file, which curl reads and no report holds.
	if x.Request.As == User || x.Request.Secret {
		args = append(args, "-H", "@credentials")
	}
	for line := range strings.SplitSeq(x.Request.Headers, "\n") {
		if line != "" && !x.Request.Secret {
			args = append(args, "-H", quote(line))
		}
	}
	switch {
	case x.Request.Body == "":
	case x.Request.Secret:
		args = append(args, "--data-binary", "@body")
	default:
		args = append(args, "--data-binary", quote(x.Request.Body))
	}
	return strings.Join(append(args, quote(x.URL)), " ")
}

// quote makes one word of s for a POSIX shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Headers writes header lines for [Request].Headers from names and values, sorted so
// that equal sets are equal requests.
func Headers(h map[string]string) string {
	lines := make([]string, 0, len(h))
	for name, value := range h {
		lines = append(lines, name+": "+value)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
