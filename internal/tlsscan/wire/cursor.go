package wire

import "errors"

// ErrMalformed is returned for a message that does not follow its grammar.
var ErrMalformed = errors.New("malformed message")

// A cursor takes a message apart. After a read past the end it is bad and gives zeros.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n < 0 || n > len(c.b) {
		c.bad = true
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u8() int {
	if b := c.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (c *cursor) u16() int {
	if b := c.take(2); b != nil {
		return int(b[0])<<8 | int(b[1])
	}
	return 0
}

func (c *cursor) u24() int {
	if b := c.take(3); b != nil {
		return int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	}
	return 0
}

func (c *cursor) u32() uint32 { return uint32(c.u16())<<16 | uint32(c.u16()) }

func (c *cursor) vec8() []byte  { return c.take(c.u8()) }
func (c *cursor) vec16() []byte { return c.take(c.u16()) }
func (c *cursor) vec24() []byte { return c.take(c.u24()) }

// done is nil when all was read and nothing too much.
func (c *cursor) done() error {
	if c.bad || len(c.b) > 0 {
		return ErrMalformed
	}
	return nil
}

// Putters for what we write; the lengths are ours and fit.

func put16(b []byte, n int) []byte { return append(b, byte(n>>8), byte(n)) }
func put24(b []byte, n int) []byte { return append(b, byte(n>>16), byte(n>>8), byte(n)) }

func putVec8(b, v []byte) []byte  { return append(append(b, byte(len(v))), v...) }
func putVec16(b, v []byte) []byte { return append(put16(b, len(v)), v...) }
func putVec24(b, v []byte) []byte { return append(put24(b, len(v)), v...) }
