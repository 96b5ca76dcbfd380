package cookie_test

import (
	"bytes"
	"testing"
)

// FuzzOpen: what opens is what Seal would write for it, and nothing else does; a
// failure leaves dst alone.
func FuzzOpen(f *testing.F) {
	s := mustSealer(f, "session", newSecret, oldSecret)
	f.Add("sid", string(s.Seal(nil, "sid", []byte(`{"user":7}`))))
	f.Add("", "")
	f.Add("sid", string(bytes.Repeat([]byte("A"), 80)))
	f.Fuzz(func(t *testing.T, name, value string) {
		got, key, ok := s.Open([]byte("kept"), name, value)
		if !ok && (string(got) != "kept" || key != 0) {
			t.Errorf("Open(%q) = %q, %d, false, want the bytes given and 0", value, got, key)
		}
		// Only the seed was ever sealed.
		if ok && (name != "sid" || string(got) != `kept{"user":7}`) {
			t.Errorf("Open(%q, %q) = %q, want a failure", name, value, got)
		}
	})
}

// FuzzSeal: what was sealed opens; with any one byte changed it does not.
func FuzzSeal(f *testing.F) {
	s := mustSealer(f, "session", newSecret, oldSecret)
	f.Add("sid", []byte("x"), uint16(0), byte('A'))
	f.Add("", []byte(nil), uint16(58), byte('\n'))
	f.Add("__Host-a", bytes.Repeat([]byte("ab"), 300), uint16(9), byte('='))
	f.Fuzz(func(t *testing.T, name string, plain []byte, at uint16, to byte) {
		sealed := s.Seal(nil, name, plain)
		if got, key, ok := s.Open(nil, name, string(sealed)); !ok || key != 0 || !bytes.Equal(got, plain) {
			t.Fatalf("Open(Seal(%q)) = %q, %d, %v, want it back", plain, got, key, ok)
		}
		i := int(at) % len(sealed)
		if sealed[i] == to {
			return
		}
		sealed[i] = to
		if got, _, ok := s.Open(nil, name, string(sealed)); ok {
			t.Errorf("Open = %q after byte %d became %q, want a failure", got, i, to)
		}
		if _, _, ok := s.Open(nil, name+"x", string(s.Seal(nil, name, plain))); ok {
			t.Error("Open under another name worked")
		}
	})
}
