package crawl

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// The bounds on a recording.
const (
	maxHAR     = 64 << 20
	maxEntries = 50000
	maxSkip    = 100
)

// ReadHAR reads the pages and routes of one origin from a HAR file, as browsers save it.
// What was asked of other origins comes with its absolute address, so that a walk can
// count it. Answers are not kept; one entry is held at a time. The error says that it
// is no HAR file, that it is too large, or that nothing in it went to the origin.
func ReadHAR(r io.Reader, origin *url.URL) ([]Seed, error) {
	var all []Seed
	entries, own := 0, false
	seen := make(map[Seed]bool)
	err := eachEntry(r, func(method, address string) {
		entries++
		u, err := parse(origin, address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || len(address) > maxPath || len(all) == maxSeeds {
			return
		}
		s := Seed{Method: method, From: "har"}
		switch {
		case !sameOrigin(u, origin):
			u.User = nil
			s.Method, s.Path = http.MethodGet, u.String()
		case method == http.MethodHead, method == http.MethodOptions, method == http.MethodConnect:
			return
		default:
			own = true
			s.Path = target(u)
		}
		if !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("har: %w", err)
	case !own:
		return nil, fmt.Errorf("har: none of its %d requests went to %s://%s; record it there", entries, origin.Scheme, origin.Host)
	}
	return all, nil
}

var errNotHAR = errors.New("not a HAR file: no entries in a log")

// eachEntry calls f for every request of a HAR file.
func eachEntry(r io.Reader, f func(method, address string)) error {
	limited := &io.LimitedReader{R: r, N: maxHAR + 1}
	text := bufio.NewReader(limited)
	if mark, _, err := text.ReadRune(); err == nil && mark != '\ufeff' {
		_ = text.UnreadRune() // cannot fail after ReadRune
	}
	d := json.NewDecoder(text)
	err := within(d, "log", func() error {
		return within(d, "entries", func() error { return entries(d, f) })
	})
	if limited.N <= 0 {
		return fmt.Errorf("larger than %d MiB", maxHAR>>20)
	}
	return err
}

// within finds a member of the object that comes next, and reads the object to its end.
func within(d *json.Decoder, name string, read func() error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errNotHAR
	}
	found := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if key == name && !found {
			found = true
			err = read()
		} else {
			err = skip(d)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if !found {
		return errNotHAR
	}
	return nil
}

// skip reads over a value. The depth is bounded since the decoder remembers it.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxSkip {
				return errors.New("nested too deep")
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func entries(d *json.Decoder, f func(method, address string)) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errNotHAR
	}
	for n := 0; d.More(); n++ {
		if n == maxEntries {
			return fmt.Errorf("more than %d entries", maxEntries)
		}
		var entry struct {
			Request struct{ Method, URL string }
		}
		var mismatch *json.UnmarshalTypeError
		if err := d.Decode(&entry); err != nil && !errors.As(err, &mismatch) {
			return err
		}
		f(entry.Request.Method, entry.Request.URL)
	}
	_, err := d.Token()
	return err
}
