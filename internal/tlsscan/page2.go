package tlsscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/textproto"
	"strings"

	"golang.org/x/net/http2/hpack"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
)

// The frames of HTTP/2 (RFC 9113 section 6) that a single GET needs.
const (
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	frameGoAway       = 7
	frameContinuation = 9

	flagEnd    = 1 // of a stream, and the acknowledgement of settings
	flagWhole  = 4 // the fields end here
	flagPadded = 8
	flagWeight = 32
)

// page2 asks again by HTTP/2 where the server agrees to nothing else: what it said to
// HTTP/1.1 is then no page that a browser gets to see, unless nothing better comes.
func (s *scan) page2(c *session.Client13) {
	s.mu.Lock()
	only := has(s.features.ALPN, "h2") && !has(s.features.ALPN, "http/1.1")
	s.mu.Unlock()
	if !only || s.features.ClientAuth == "required" {
		return
	}
	head, err := s.get2(c)
	if err != nil {
		return
	}
	s.mu.Lock()
	delete(s.findings, "http.hsts-missing")
	delete(s.findings, "http.hsts-short")
	delete(s.skipped, "http.hsts-missing")
	s.features.AltSvc = nil
	s.mu.Unlock()
	s.headers(head, nil)
}

func (s *scan) get2(c io.ReadWriter) (textproto.MIMEHeader, error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: host}, {Name: ":path", Value: "/"},
		{Name: "user-agent", Value: "panoply"}, {Name: "accept", Value: "*/*"},
	} {
		if err := e.WriteField(f); err != nil {
			return nil, err
		}
	}
	out := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	out = appendFrame(out, frameSettings, 0, 0, nil)
	out = appendFrame(out, frameHeaders, flagEnd|flagWhole, 1, block.Bytes())
	if _, err := c.Write(out); err != nil {
		return nil, err
	}
	return readHead2(c)
}

func appendFrame(b []byte, typ, flags byte, stream uint32, body []byte) []byte {
	b = append(b, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)), typ, flags)
	return append(binary.BigEndian.AppendUint32(b, stream), body...)
}

// maxFrames is how many frames may come before the answer.
const maxFrames = 64

// readHead2 reads the fields of the answer to the first request, and nothing after.
func readHead2(r io.Reader) (textproto.MIMEHeader, error) {
	var block []byte
	d := hpack.NewDecoder(4096, nil)
	r = io.LimitReader(r, maxHead)
	for range maxFrames {
		var h [9]byte
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return nil, err
		}
		body := make([]byte, min(int(h[0])<<16|int(h[1])<<8|int(h[2]), maxHead))
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, err
		}
		typ, flags := h[3], h[4]
		switch typ {
		case frameReset, frameGoAway:
			return nil, errors.New("the server ends the connection of HTTP/2")
		case frameHeaders:
			body = unpadded(body, flags)
		case frameContinuation:
		default:
			continue
		}
		if block = append(block, body...); flags&flagWhole == 0 {
			continue
		}
		head, err := fields(d, block)
		if err != nil || !strings.HasPrefix(head.Get(":status"), "1") {
			return head, err
		}
		block = nil
	}
	return nil, errors.New("no answer came by HTTP/2")
}

// maxFields is how many fields are read: a byte can name one of the table again.
const maxFields = 256

func fields(d *hpack.Decoder, block []byte) (textproto.MIMEHeader, error) {
	head, n := textproto.MIMEHeader{}, 0
	d.SetEmitFunc(func(f hpack.HeaderField) {
		if n++; n <= maxFields {
			head.Add(f.Name, f.Value)
		}
	})
	if _, err := d.Write(block); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(head.Get(":status"), "3") {
		head.Del("Location") // it leads somewhere in a redirect alone
	}
	return head, d.Close()
}

// unpadded is the block of fields in a frame.
func unpadded(body []byte, flags byte) []byte {
	pad := 0
	if flags&flagPadded != 0 && len(body) > 0 {
		pad, body = int(body[0]), body[1:]
	}
	if flags&flagWeight != 0 {
		body = body[min(5, len(body)):]
	}
	return body[:max(0, len(body)-pad)]
}
