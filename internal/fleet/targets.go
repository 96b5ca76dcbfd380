package fleet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a list. What is beyond them is an error and not a shorter list.
const (
	MaxTargets = 100_000
	MaxLine    = 4096
	// maxTold is how many lines with a fault are named; the rest is counted.
	maxTold = 20
)

// A Target is one line of a list.
type Target struct {
	// Line is its number in the list, from 1.
	Line int
	// Address is a URL of http or https, or HOST:PORT.
	Address string
	// Name is the server name to ask for; empty for the host of the address.
	Name string
}

// Host is the name or the IP address of the target, in lower case.
func (t Target) Host() string {
	host := t.Address
	if u, err := url.Parse(t.Address); err == nil && strings.Contains(t.Address, "://") {
		host = u.Hostname()
	} else if h, _, err := net.SplitHostPort(t.Address); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// URL is the address with a scheme, https where the line says none.
func (t Target) URL() string {
	if strings.Contains(t.Address, "://") {
		return t.Address
	}
	return "https://" + t.Address
}

// Canonical is equal for two targets that lead to the same place for certain.
func (t Target) Canonical() string { return canonical(t.Address) }

// A List is what was read.
type List struct {
	Targets []Target
	// Twice are the lines left out because an earlier one says the same.
	Twice []int
}

// Read reads a list: one target a line, an address and after it, if another than the
// address's own is to be asked for, a server name. Empty lines and what follows a # at
// the start of a word are left out. The error names every line that is wrong, up to
// twenty; a list without targets is wrong too.
func Read(r io.Reader) (*List, error) {
	list := new(List)
	seen := make(map[[2]string]bool)
	var bad []error
	wrong, n := 0, 0
	tell := func(format string, args ...any) {
		if wrong++; wrong <= maxTold {
			bad = append(bad, fmt.Errorf("line %d: %s", n, fmt.Sprintf(format, args...)))
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, MaxLine+2), MaxLine+2)
	for lines.Scan() {
		n++
		text := lines.Bytes()
		if n == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		fields, err := split(text)
		if err != nil {
			tell("%v", err)
			continue
		}
		if len(fields) == 0 {
			continue
		}
		t, err := parse(fields)
		if err != nil {
			tell("%v", err)
			continue
		}
		t.Line = n
		key := [2]string{canonical(t.Address), strings.ToLower(t.Name)}
		if seen[key] {
			list.Twice = append(list.Twice, n)
			continue
		}
		seen[key] = true
		if list.Targets = append(list.Targets, t); len(list.Targets) > MaxTargets {
			return nil, fmt.Errorf("line %d: more than %d targets: split the list", n, MaxTargets)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		n++
		tell("longer than %d bytes", MaxLine)
	} else if err != nil {
		return nil, err
	}
	if wrong > maxTold {
		bad = append(bad, fmt.Errorf("and %d lines more", wrong-maxTold))
	}
	if len(bad) == 0 && len(list.Targets) == 0 {
		bad = append(bad, errors.New("no target: one HOST:PORT or https address a line"))
	}
	return list, errors.Join(bad...)
}

// split returns the words of a line without its comment.
func split(text []byte) ([]string, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	fields := strings.Fields(string(text))
	for i, f := range fields {
		if strings.HasPrefix(f, "#") {
			return fields[:i], nil
		}
		if strings.ContainsFunc(f, func(c rune) bool { return !unicode.IsPrint(c) }) {
			return nil, fmt.Errorf("%q: not printable", f)
		}
	}
	return fields, nil
}

func parse(fields []string) (Target, error) {
	t := Target{Address: fields[0]}
	if len(fields) > 2 {
		return t, fmt.Errorf("%d words, want an address and perhaps a server name", len(fields))
	}
	if len(fields) == 2 {
		t.Name = fields[1]
		if !hostName(t.Name) {
			return t, fmt.Errorf("%q: no server name", t.Name)
		}
	}
	if strings.Contains(t.Address, "://") {
		return t, checkURL(t.Address)
	}
	if info, err := os.Stat(t.Address); err == nil && info.IsDir() {
		return t, fmt.Errorf("%q: a folder: a list holds addresses, and each folder has an audit of its own", t.Address)
	}
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil || !validPort(port) || host != "" && !hostName(host) && net.ParseIP(unzoned(host)) == nil {
		return t, fmt.Errorf("%q: want HOST:PORT or an address that begins with https://", t.Address)
	}
	if host == "" {
		t.Address = net.JoinHostPort("localhost", port)
	}
	return t, nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("%q: want an http or https address", s)
	case u.User != nil:
		return errors.New("an address with a user name or password, which must not be in it")
	case u.Port() != "" && !validPort(u.Port()):
		return fmt.Errorf("%q: want a port from 1 to 65535", s)
	}
	return nil
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func unzoned(host string) string { host, _, _ = strings.Cut(host, "%"); return host }

// hostName says whether a name of a host could be asked for. Names with letters beyond
// ASCII have to be given in their ASCII form, as DNS has them.
func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
		}) {
			return false
		}
	}
	return true
}

// canonical is equal for two addresses that lead to the same place for certain.
func canonical(address string) string {
	u, err := url.Parse(address)
	if err != nil || !strings.Contains(address, "://") {
		return strings.ToLower(address)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port) + path
}
