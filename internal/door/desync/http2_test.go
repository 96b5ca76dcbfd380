package desync_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// stream2 is one request on a raw HTTP/2 connection.
type stream2 struct {
	fields, trailers []hpack.HeaderField
	data             []string
	open             bool // the stream is not ended
}

// parse2 reads "name=value" words (the pseudo-fields replace those of an ordinary GET,
// "+name=value" adds one, "!name" takes one away), "DATA=text", "T:name=value", and "OPEN"
// for a stream without an end.
func parse2(c *testCase, text string) *stream2 {
	s := &stream2{fields: []hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "localhost"}, {Name: ":path", Value: "/" + c.id + "p"},
	}}
	for word := range strings.SplitSeq(text, "\x1f") {
		if word == "" {
			continue
		}
		name, value, _ := cutField(word)
		switch {
		case word == "OPEN":
			s.open = true
		case name == "DATA":
			s.data = append(s.data, value)
		case strings.HasPrefix(name, "T:"):
			s.trailers = append(s.trailers, hpack.HeaderField{Name: name[2:], Value: value})
		case strings.HasPrefix(name, "!"):
			for i, f := range s.fields {
				if f.Name == name[1:] {
					s.fields = append(s.fields[:i], s.fields[i+1:]...)
					break
				}
			}
		case strings.HasPrefix(name, "+"):
			s.fields = append(s.fields, hpack.HeaderField{Name: name[1:], Value: value})
		default:
			replaced := false
			for i := range s.fields {
				if name[0] == ':' && s.fields[i].Name == name {
					s.fields[i].Value, replaced = value, true
				}
			}
			if !replaced {
				s.fields = append(s.fields, hpack.HeaderField{Name: name, Value: value})
			}
		}
	}
	return s
}

func cutField(word string) (name, value string, ok bool) { return strings.Cut(word, "=") }

// line2 is a raw HTTP/2 connection.
type line2 struct {
	*http2.Framer
	conn *tls.Conn
	enc  *hpack.Encoder
	buf  bytes.Buffer
}

func (h *house) dial2() (*line2, error) {
	conn, err := tls.Dial("tcp", h.Addr().String(), insecure("h2"))
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	l := &line2{conn: conn, Framer: http2.NewFramer(conn, conn)}
	l.enc = hpack.NewEncoder(&l.buf)
	l.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	l.AllowIllegalWrites = true
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		return nil, err
	}
	return l, l.WriteSettings()
}

func (l *line2) block(fields []hpack.HeaderField) []byte {
	l.buf.Reset()
	for _, f := range fields {
		_ = l.enc.WriteField(f) // into memory
	}
	return bytes.Clone(l.buf.Bytes())
}

func (l *line2) send(id uint32, s *stream2) error {
	last := len(s.data) == 0 && len(s.trailers) == 0 && !s.open
	const most = 16 << 10
	block := l.block(s.fields)
	first := block[:min(most, len(block))]
	err := l.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: last, EndHeaders: len(first) == len(block)})
	for block = block[len(first):]; len(block) > 0 && err == nil; block = block[min(most, len(block)):] {
		err = l.WriteContinuation(id, len(block) <= most, block[:min(most, len(block))])
	}
	for i, d := range s.data {
		if err == nil {
			err = l.WriteData(id, i == len(s.data)-1 && len(s.trailers) == 0 && !s.open, []byte(d))
		}
	}
	if len(s.trailers) > 0 && err == nil {
		err = l.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: l.block(s.trailers), EndStream: true, EndHeaders: true})
	}
	return err
}

// result2 is what became of a stream: a status and its X-Seen, or "reset", or "gone"
// with the connection.
func (l *line2) result(id uint32) (status, seen string) {
	for {
		f, err := l.ReadFrame()
		if err != nil {
			return "gone", ""
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = l.WriteSettingsAck()
			}
		case *http2.GoAwayFrame:
			return "gone", ""
		case *http2.RSTStreamFrame:
			if f.StreamID == id && (status == "" || f.ErrCode != http2.ErrCodeNo) {
				return "reset", ""
			}
		case *http2.MetaHeadersFrame:
			if f.StreamID != id {
				continue
			}
			if s := f.PseudoValue("status"); s != "" && s[0] != '1' {
				status = s
			}
			for _, field := range f.RegularFields() {
				if field.Name == "x-seen" {
					seen = field.Value
				}
			}
			if f.StreamEnded() {
				return status, seen
			}
		case *http2.DataFrame:
			if f.StreamID == id && f.StreamEnded() {
				return status, seen
			}
		}
	}
}

// play2 sends a case over HTTP/2 and tells what was wrong with what came back.
func (h *house) play2(c *testCase, text string, wants []want) error {
	l, err := h.dial2()
	if err != nil {
		return err
	}
	defer l.conn.Close()
	if err := l.send(1, parse2(c, text)); err != nil {
		return err
	}
	w := wants[0]
	status, seen := l.result(1)
	alive := status != "gone"
	if w.status == nil {
		if want := "/" + c.id + w.path; status != "200" || seen != want {
			return fmt.Errorf("the answer is %s of %q, want 200 of %q", status, seen, want)
		}
	} else if !contains(w.status, status) && !(status == "gone" && contains(w.status, "reset")) {
		return fmt.Errorf("the answer is %s of %q, want %v", status, seen, w.status)
	}
	if !alive {
		return nil
	}
	next := &testCase{id: c.id}
	if err := l.send(3, parse2(next, ":path=/"+c.id+"next")); err != nil {
		return err
	}
	status, seen = l.result(3)
	if status == "gone" && w.status != nil {
		return nil // with the malformed stream
	}
	if status != "200" || seen != "/"+c.id+"next" {
		return fmt.Errorf("the next stream gets %s of %q", status, seen)
	}
	return nil
}
