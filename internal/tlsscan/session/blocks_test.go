package session

import (
	"bytes"
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// TestEachSuiteSeals holds, of every suite that is computed and in each version, that one
// side opens what the other sealed, and not what was changed on the way.
func TestEachSuiteSeals(t *testing.T) {
	computed := map[string]bool{}
	for _, s := range wire.SuitesFor(wire.TLS12) {
		if !Computes12(s) {
			continue
		}
		computed[s.Kind().Cipher] = true
		mac, key, iv, _ := sizes(s)
		if n := exported(s); n > 0 {
			key = n
		}
		for _, v := range []wire.Version{wire.SSL3, wire.TLS10, wire.TLS11, wire.TLS12} {
			make2 := func(read bool) protection {
				p, err := newProtection(v, s, make([]byte, mac), bytes.Repeat([]byte{7}, key), make([]byte, iv), read)
				if err != nil {
					t.Fatalf("%v in %v: %v", s, v, err)
				}
				return p
			}
			out, in := make2(false), make2(true)
			for i := range 3 {
				text := bytes.Repeat([]byte{byte(i)}, 20*i)
				got, err := in.open(wire.RecordData, v, out.seal(wire.RecordData, v, text))
				if err != nil || !bytes.Equal(got, text) {
					t.Errorf("%v in %v: record %d: %x, %v, want %x", s, v, i, got, err, text)
				}
			}
			sealed := out.seal(wire.RecordData, v, make([]byte, 30))
			sealed[10] ^= 1
			if _, err := in.open(wire.RecordData, v, sealed); err == nil {
				t.Errorf("%v in %v opens what was changed", s, v)
			}
		}
	}
	for _, want := range []string{"CAMELLIA_256_CBC", "CAMELLIA_128_GCM", "ARIA_128_CBC", "ARIA_256_GCM", "SEED_CBC", "IDEA_CBC", "DES_CBC", "AES_256_CCM_8"} {
		if !computed[want] {
			t.Errorf("no suite with %s is computed", want)
		}
	}
}
