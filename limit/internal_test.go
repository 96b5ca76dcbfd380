package limit

import (
	"net/netip"
	"testing"
	"unsafe"
)

func TestStateIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(State{}); size != StateSize {
		t.Errorf("a State takes %d bytes, want %d", size, StateSize)
	}
	if size := unsafe.Sizeof(bucket{}); size != 128 {
		t.Errorf("a bucket takes %d bytes, want two lines of a cache", size)
	}
	if size := unsafe.Sizeof(shard{}); size != 128 {
		t.Errorf("a shard takes %d bytes, want two lines of a cache", size)
	}
}

// TestTable plays insertions, expiries and removals against a map.
func TestTable(t *testing.T) {
	s := &shard{cap: 500}
	want := map[uint64]int64{}
	x := uint64(1)
	for now := int64(1); now < 60_000; now++ {
		x = mix64(x + 0x9e3779b97f4a7c15)
		id := mix64(x%700) | 1
		switch x >> 60 {
		case 0:
			if i := s.find(id); i >= 0 {
				s.remove(i)
				delete(want, id)
			}
		default:
			i := s.find(id)
			if i < 0 {
				i = s.place(id, now, false)
			}
			if i >= 0 {
				s.state(i).Until = now + 400
				want[id] = now + 400
			}
		}
		if now%500 != 0 {
			continue
		}
		for id, until := range want {
			i := s.find(id)
			if until > now && (i < 0 || s.state(i).Until != until) {
				t.Fatalf("at %d key %x is lost", now, id)
			}
			if until <= now {
				delete(want, id)
			}
		}
		if s.used > s.cap {
			t.Fatalf("%d records, cap %d", s.used, s.cap)
		}
		used := 0
		for i := range s.slots() {
			if *s.tag(i) != 0 {
				used++
			}
		}
		if used != s.used {
			t.Fatalf("%d slots used, counted %d", used, s.used)
		}
	}
}

// FuzzNetwork holds that a list entry means the same however it is written.
func FuzzNetwork(f *testing.F) {
	for _, text := range []string{"203.0.113.7", "2001:DB8::1", "::ffff:203.0.113.7", "10.0.0.0/8", "::ffff:10.0.0.0/104", "fe80::1%eth0", "::/0", "1.2.3.4/33", "alice", "::ffff:0:0/90"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := networkOf(text)
		if !ok {
			return
		}
		if p.Addr().Is4In6() || p.Addr().Zone() != "" || p != p.Masked() {
			t.Errorf("networkOf(%q) = %v, want it in one form", text, p)
		}
		if again, ok := networkOf(p.String()); !ok || again != p {
			t.Errorf("networkOf(%q) = %v, %v, want %v", p, again, ok, p)
		}
		if _, err := netip.ParsePrefix(p.String()); err != nil {
			t.Error(err)
		}
	})
}
