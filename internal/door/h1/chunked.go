package h1

import (
	"bytes"
	"errors"
	"io"

	"github.com/panoplysec/panoply/internal/door/wire"
)

var (
	errChunk    = errors.New("h1: malformed chunk")
	errTrailers = errors.New("h1: malformed trailer")
)

const (
	// sizeLine bounds a chunk's first line, extensions included.
	sizeLine = 256
	// trailerBytes bounds the trailer section.
	trailerBytes = 4 << 10
	// framingBytes bounds what is framing and not content, beyond 16 bytes a chunk and
	// as much as there is content: many tiny chunks cost more than they carry.
	framingBytes = 16 << 10
)

// step is where the reader of a chunked body stands.
type step uint8

const (
	atSize step = iota
	inData
	afterData
	atTrailer
)

// readChunked decodes RFC 9112 section 7.1: line ends are CRLF, a size is hexadecimal
// digits alone, extensions are passed over.
func (b *body) readChunked(p []byte) (int, error) {
	for {
		switch b.step {
		case atSize:
			if err := b.size(); err != nil {
				return 0, err
			}
		case inData:
			n, err := b.data(p)
			if b.left == 0 && err == nil {
				b.step = afterData
				if bytes.HasPrefix(b.c.buf[b.c.r:b.c.w], lastChunk) {
					b.c.r += len(lastChunk)
					return n, io.EOF // told along with the last bytes
				}
			}
			return n, err
		case afterData:
			line, err := b.line(0)
			if err != nil {
				return 0, err
			}
			b.c.r += len(line) + 2
			b.step = atSize
		case atTrailer:
			if err := b.readTrailer(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
	}
}

var lastChunk = []byte("\r\n0\r\n\r\n")

// line returns the next line of at most limit bytes, without its CRLF, which it leaves in
// the buffer.
func (b *body) line(limit int) ([]byte, error) {
	c := b.c
	for {
		have := c.buf[c.r:c.w]
		i := bytes.IndexByte(have, '\n')
		switch {
		case i > limit+1, i < 0 && len(have) > limit+1, i == 0:
			return nil, errChunk
		case i > 0:
			if have[i-1] != '\r' {
				return nil, errChunk
			}
			return have[:i-1], nil
		case len(have) > 0 && limit == 0 && have[0] != '\r':
			return nil, errChunk
		}
		if _, err := c.fill(); err != nil {
			return nil, cutOff(err)
		}
	}
}

// size reads the first line of a chunk.
func (b *body) size() error {
	line, err := b.line(sizeLine)
	if err != nil {
		return err
	}
	n, ok := wire.ChunkSize(line)
	if !ok {
		return errChunk
	}
	b.c.r += len(line) + 2
	b.over = max(b.over+len(line)+2-16-2*int(min(n, framingBytes)), 0)
	if b.over > framingBytes {
		return errChunk
	}
	b.left, b.step = n, inData
	if n == 0 {
		b.step = atTrailer
	}
	return nil
}

// readTrailer reads the fields after the last chunk. Those that the head announced are kept.
func (b *body) readTrailer() error {
	c := b.c
	if len(c.buf)-c.r < trailerBytes && c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	for {
		have := c.buf[c.r:c.w]
		if len(have) >= 2 && have[0] == '\r' && have[1] == '\n' {
			c.r += 2
			return nil
		}
		var s scanner
		n, bad := s.end(have)
		if bad != nil || n > trailerBytes || n == 0 && len(have) >= trailerBytes {
			return errTrailers
		}
		if n > 0 {
			return b.fields(n)
		}
		if _, err := c.fill(); err != nil {
			return cutOff(err)
		}
	}
}

func (b *body) fields(n int) error {
	c := b.c
	section := c.buf[c.r : c.r+n]
	s := ""
	for at := 0; at < n-2; {
		f, next, bad := parseField(section, at)
		if bad != nil {
			return errTrailers
		}
		if s == "" {
			s = string(section) // names become canonical one by one; values do not change
		}
		name, value := string(section[f.name.from:f.name.to]), s[f.value.from:f.value.to]
		if forbiddenTrailer(name) {
			return errTrailers
		}
		if have, ok := b.trailer[name]; ok {
			b.trailer[name] = append(have, value)
		}
		at = next
	}
	c.r += n
	return nil
}
