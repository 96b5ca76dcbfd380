package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
)

// Form returns the fields of an application/x-www-form-urlencoded or
// multipart/form-data body, parsed once. Files of a multipart body are passed over.
// The map is shared between callers: read it, never change it.
//
// Fields are read as Node's parsers read them, because Node is what judges them
// later: "&" alone separates, "+" is a space, and an escape that is none stays as it
// was written. Names are taken as they stand: "user[name]" is one.
//
// With [ErrPartial], [ErrSyntax] and [ErrTooMany] come the fields that could be
// read; with [ErrEncoded] and [ErrType] none.
func (b *Body) Form() (url.Values, error) {
	if !b.form.done {
		b.form.value, b.form.err = b.parseForm()
		b.form.done = true
	}
	return b.form.value, b.form.err
}

// JSON returns those members of the body's top-level JSON object whose values are
// strings, parsed once; of members with equal names the last, as in JavaScript. The
// body must be application/json or of a type that ends in +json. The map is shared
// between callers: read it, never change it. Errors are as for Form; a body that is
// valid JSON but no object has no members.
func (b *Body) JSON() (map[string]string, error) {
	if !b.fields.done {
		b.fields.value, b.fields.err = b.parseJSON()
		b.fields.done = true
	}
	return b.fields.value, b.fields.err
}

// contentType is the body's media type in lower case, with its parameters, or
// ErrEncoded when its bytes are those of a coding.
func (b *Body) contentType() (string, map[string]string, error) {
	for _, line := range b.header["Content-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return "", nil, ErrEncoded
			}
		}
	}
	media, params, err := mime.ParseMediaType(b.header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return "", nil, ErrType
	}
	return media, params, nil
}

func (b *Body) partial() error {
	if b.Whole {
		return nil
	}
	return ErrPartial
}

func (b *Body) parseForm() (url.Values, error) {
	media, params, err := b.contentType()
	switch {
	case err != nil:
		return nil, err
	case media == "application/x-www-form-urlencoded":
		values, err := parseURLEncoded(b.Bytes)
		return values, errors.Join(err, b.partial())
	case media == "multipart/form-data" && params["boundary"] != "":
		values, err := parseMultipart(b.Bytes, params["boundary"])
		if !b.Whole && errors.Is(err, ErrSyntax) {
			err = nil // the cut is the reason
		}
		return values, errors.Join(err, b.partial())
	case media == "multipart/form-data":
		return nil, fmt.Errorf("%w: multipart/form-data without a boundary", ErrSyntax)
	}
	return nil, ErrType
}

func parseURLEncoded(body []byte) (url.Values, error) {
	values := url.Values{}
	for count := 0; len(body) > 0; {
		var pair []byte
		pair, body, _ = bytes.Cut(body, []byte{'&'})
		if len(pair) == 0 {
			continue
		}
		if count++; count > MaxFields {
			return values, ErrTooMany
		}
		name, value, _ := bytes.Cut(pair, []byte{'='})
		key := Unescape(name, true)
		values[key] = append(values[key], Unescape(value, true))
	}
	return values, nil
}

// Unescape turns %XX into its byte, and "+" into a space where plus is true; other percent
// signs stay, as in Node. A text with nothing to undo is returned as it is.
func Unescape[T string | []byte](text T, plus bool) string {
	first := 0
	for first < len(text) && text[first] != '%' && !(plus && text[first] == '+') {
		first++
	}
	if first == len(text) {
		return string(text)
	}
	out := append(make([]byte, 0, len(text)), text[:first]...)
	for i := first; i < len(text); i++ {
		switch c := text[i]; {
		case plus && c == '+':
			out = append(out, ' ')
		case c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			out = append(out, unhex(text[i+1])<<4|unhex(text[i+2]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return (c | 0x20) - 'a' + 10
}

func parseMultipart(body []byte, boundary string) (url.Values, error) {
	values := url.Values{}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for count := 0; ; {
		// Raw, as Node's parsers do: Content-Transfer-Encoding is not undone.
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return values, nil
		}
		if err != nil {
			return values, fmt.Errorf("%w: %v", ErrSyntax, err)
		}
		if count++; count > MaxFields {
			return values, ErrTooMany
		}
		name := part.FormName()
		if name == "" || part.FileName() != "" {
			continue
		}
		value, err := io.ReadAll(part) // bounded: it lies within body
		if err != nil {
			return values, fmt.Errorf("%w: %v", ErrSyntax, err)
		}
		values[name] = append(values[name], string(value))
	}
}

func (b *Body) parseJSON() (map[string]string, error) {
	media, _, err := b.contentType()
	if err != nil {
		return nil, err
	}
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil, ErrType
	}
	if b.Whole && !json.Valid(b.Bytes) {
		return nil, ErrSyntax
	}
	fields, err := stringMembers(b.Bytes)
	if !b.Whole && errors.Is(err, ErrSyntax) {
		err = nil // the cut is the reason
	}
	return fields, errors.Join(err, b.partial())
}

// stringMembers reads an object as far as it goes.
func stringMembers(body []byte) (map[string]string, error) {
	fields := map[string]string{}
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil {
		return fields, ErrSyntax
	} else if open != json.Delim('{') {
		return fields, nil
	}
	for count := 0; dec.More(); {
		key, err := dec.Token()
		if err != nil {
			return fields, ErrSyntax
		}
		name, ok := key.(string)
		if !ok {
			return fields, ErrSyntax
		}
		if count++; count > MaxFields {
			return fields, ErrTooMany
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return fields, ErrSyntax
		}
		delete(fields, name) // the last of equal names counts, string or not
		if len(raw) > 0 && raw[0] == '"' {
			var value string
			if err := json.Unmarshal(raw, &value); err != nil {
				return fields, ErrSyntax
			}
			fields[name] = value
		}
	}
	return fields, nil
}
