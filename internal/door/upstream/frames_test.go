package upstream

import (
	"bytes"
	"testing"
)

// FuzzFrames: however a stream is cut into pieces, the same places are between frames,
// and a reference that has the whole stream agrees.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0x81, 2, 'h', 'i', 0x89, 0}, byte(1))
	f.Add([]byte{0x82, 126, 0, 3, 1, 2, 3, 0x88, 0x80, 1, 2, 3, 4}, byte(3))
	f.Add([]byte{0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 9, 0x81, 0}, byte(5))
	f.Fuzz(func(t *testing.T, stream []byte, step byte) {
		var pieces, whole frames
		for at := 0; at < len(stream); {
			n := min(int(step%7)+1, len(stream)-at)
			pieces.feed(stream[at : at+n])
			at += n
		}
		whole.feed(stream)
		if pieces.between() != whole.between() || pieces.closed != whole.closed || pieces.payload != whole.payload {
			t.Fatalf("pieces = %+v, whole = %+v", pieces, whole)
		}
		between, closed := reference(stream)
		if whole.between() != between || whole.closed != closed {
			t.Fatalf("between, closed = %v, %v, want %v, %v", whole.between(), whole.closed, between, closed)
		}
	})
}

func reference(s []byte) (between, closed bool) {
	for len(s) > 0 {
		if len(s) < 2 {
			return false, closed
		}
		head, n := 2, uint64(s[1]&0x7f)
		extra := map[uint64]int{126: 2, 127: 8}[n]
		head += extra
		if s[1]&0x80 != 0 {
			head += 4
		}
		if len(s) < head {
			return false, closed
		}
		if extra > 0 {
			n = 0
			for _, b := range s[2 : 2+extra] {
				n = n<<8 | uint64(b)
			}
		}
		closed = closed || s[0]&0x0f == 8
		if uint64(len(s)-head) < n {
			return false, closed
		}
		s = s[head+int(n):]
	}
	return true, closed
}

func TestFramesFollowsAClose(t *testing.T) {
	var f frames
	f.feed(bytes.Join([][]byte{{0x81, 1, 'x'}, {0x88, 2, 3, 0xe8}}, nil))
	if !f.between() || !f.closed {
		t.Errorf("after a Close frame: between %v, closed %v, want true, true", f.between(), f.closed)
	}
}
