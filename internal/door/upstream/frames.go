package upstream

import "encoding/binary"

// frames follows the frames of one direction of a WebSocket, so that a control frame is
// only ever put between two of them. It looks at headers and skips payloads.
//
// Source: RFC 6455 section 5.2 (base framing), 5.4 (control frames may stand between
// the fragments of a message).
type frames struct {
	head    [14]byte // the header at hand
	have    int      // bytes of it
	payload uint64   // bytes of the payload to skip
	closed  bool     // a Close frame has passed; nothing may follow it
}

const opClose = 8

// between tells whether the stream stands between two frames.
func (f *frames) between() bool { return f.have == 0 && f.payload == 0 }

// feed follows p.
func (f *frames) feed(p []byte) {
	for len(p) > 0 {
		if f.payload > 0 {
			n := min(f.payload, uint64(len(p)))
			f.payload -= n
			p = p[n:]
			continue
		}
		f.head[f.have] = p[0]
		f.have++
		p = p[1:]
		if f.have == 1 || f.have < f.headLen() {
			continue
		}
		f.payload = f.payloadLen()
		f.closed = f.closed || f.head[0]&0x0f == opClose
		f.have = 0
	}
}

// headLen is known from the second byte on.
func (f *frames) headLen() int {
	n := 2
	switch f.head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if f.head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

func (f *frames) payloadLen() uint64 {
	switch n := f.head[1] & 0x7f; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		return binary.BigEndian.Uint64(f.head[2:])
	default:
		return uint64(n)
	}
}
