package session

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	for _, tt := range []struct{ base, mine, theirs, want string }{
		{`{"a":1}`, `{"a":1}`, `{"a":2}`, `{"a":2}`},
		{`{"a":1}`, `{"a":2}`, `{"a":1}`, `{"a":2}`},
		{`{"a":1}`, `{"a":1,"b":2}`, `{"a":1,"c":3}`, `{"a":1,"b":2,"c":3}`},
		{`{"a":1,"b":2}`, `{"a":1}`, `{"a":5,"b":2}`, `{"a":5}`},
		{`{"n":{"x":1}}`, `{"n":{"x":1,"y":2}}`, `{"n":{"x":1,"z":3}}`, `{"n":{"x":1,"y":2,"z":3}}`},
		{`{"l":[1]}`, `{"l":[1,2]}`, `{"l":[1,3]}`, `{"l":[1,2]}`},
		{``, `{"a":1}`, `{"b":2}`, `{"a":1,"b":2}`},
		{`{"a":1}`, ``, `{"a":2}`, ``},
		{`null`, `7`, `{"a":2}`, `7`},
	} {
		if got := string(merge([]byte(tt.base), []byte(tt.mine), []byte(tt.theirs))); got != tt.want {
			t.Errorf("merge(%s, %s, %s) = %s, want %s", tt.base, tt.mine, tt.theirs, got, tt.want)
		}
	}
}

// Whatever the three are, the outcome is JSON when they are, and nobody's change alone is
// lost.
func FuzzMerge(f *testing.F) {
	f.Add(`{"a":1}`, `{"a":2}`, `{"b":1}`)
	f.Add(strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40), `{"a":1}`, `{"a":{"a":2}}`)
	f.Fuzz(func(t *testing.T, base, mine, theirs string) {
		got := merge([]byte(base), []byte(mine), []byte(theirs))
		if json.Valid([]byte(mine)) && json.Valid([]byte(theirs)) && !json.Valid(got) {
			t.Errorf("merge(%q, %q, %q) = %q, which is no JSON", base, mine, theirs, got)
		}
		if same := merge([]byte(base), []byte(mine), []byte(base)); base != mine && string(same) != mine {
			if _, ok := object([]byte(mine)); !ok {
				t.Errorf("merge(%q, %q, base) = %q, want mine", base, mine, same)
			}
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	e := envelope{created: 1, renewed: 2, authenticated: 3, ends: 4, idle: 5, absolute: 6, shape: 7, user: []byte("u"), flash: []byte("{}"), data: []byte("[]")}
	f.Add(e.append(nil))
	f.Add([]byte{envelopeForm})
	f.Fuzz(func(t *testing.T, b []byte) {
		var e, again envelope
		if e.parse(b) != nil {
			return
		}
		if got, want := e.size(), len(e.append(nil)); got != want {
			t.Errorf("size of %+v = %d, want %d", e, got, want)
		}
		if err := again.parse(e.append(nil)); err != nil || again.created != e.created || again.shape != e.shape ||
			string(again.user) != string(e.user) || string(again.flash) != string(e.flash) || string(again.data) != string(e.data) {
			t.Errorf("%+v came back as %+v, %v", e, again, err)
		}
	})
}

func FuzzToken(f *testing.F) {
	ring := []*ringKey{newRingKey([]byte("an example's key, to be 32 random"))}
	id := newID()
	good := string(ring[0].appendToken(nil, &id, new([macLen]byte)))
	f.Add(good)
	f.Add(strings.Repeat("A", tokenLen))
	f.Fuzz(func(t *testing.T, value string) {
		var got [idLen]byte
		if _, ok := openToken(ring, value, &got, new([macLen]byte)); ok && string(ring[0].appendToken(nil, &got, new([macLen]byte))) != value {
			t.Errorf("%q opens, and is not what its id is written as", value)
		}
	})
}

// The sums are those of openssl, for the key and the message of NIST SP 800-38B, D.3.
func TestCMAC(t *testing.T) {
	key, _ := hex.DecodeString("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
	id, _ := hex.DecodeString("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
	m := newCMAC(key)
	var mac [macLen]byte
	m.sum(&mac, (*[idLen]byte)(id))
	if got, want := hex.EncodeToString(mac[:]), "5a722d2d8516f854b8677a537b1b669a"; got != want {
		t.Errorf("sum = %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(m.k1[:]), "cad1ed03299eedac2e9a99808621502f"; got != want {
		t.Errorf("K1 = %s, want %s (SP 800-38B, D.3)", got, want)
	}
}
