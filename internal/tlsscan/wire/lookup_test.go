package wire_test

import (
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

func TestStrength(t *testing.T) {
	for name, want := range map[string]int{
		"TLS_RSA_WITH_NULL_SHA256": 0, "TLS_SHA256_SHA256": 0, "TLS_RSA_EXPORT_WITH_RC4_40_MD5": 40, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA": 40,
		"TLS_RSA_EXPORT1024_WITH_RC4_56_SHA": 56, "TLS_RSA_WITH_DES_CBC_SHA": 56, "TLS_RSA_WITH_3DES_EDE_CBC_SHA": 168, "TLS_RSA_WITH_RC4_128_MD5": 128,
		"TLS_RSA_WITH_AES_128_CBC_SHA256": 128, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": 256, "TLS_AES_128_GCM_SHA256": 128, "TLS_AES_256_GCM_SHA384": 256,
		"TLS_CHACHA20_POLY1305_SHA256": 256, "TLS_AES_128_CCM_8_SHA256": 128, "TLS_RSA_WITH_AES_256_CCM_8": 256, "TLS_RSA_WITH_SEED_CBC_SHA": 128,
	} {
		s, ok := wire.SuiteNamed(name)
		if !ok {
			t.Errorf("SuiteNamed(%q) finds nothing", name)
		} else if got := s.Strength(); got != want {
			t.Errorf("%s.Strength() = %d, want %d", name, got, want)
		}
	}
	for _, v := range []wire.Version{wire.TLS12, wire.TLS13} {
		for _, s := range wire.SuitesFor(v) {
			if s.Strength() < 0 {
				t.Errorf("%s has no strength", s)
			}
		}
	}
}

func TestGroupNamed(t *testing.T) {
	for name, want := range map[string]wire.Group{"prime256v1": wire.Secp256r1, "X25519": wire.X25519, "x25519mlkem768": wire.X25519MLKEM768, "P-384": wire.Secp384r1, "ffdhe2048": wire.FFDHE2048} {
		if got, ok := wire.GroupNamed(name); !ok || got != want {
			t.Errorf("GroupNamed(%q) = %v, %t, want %v", name, got, ok, want)
		}
	}
	if g, ok := wire.GroupNamed("secp256"); ok {
		t.Errorf("GroupNamed(secp256) = %v, want none", g)
	}
}

func TestAEAD(t *testing.T) {
	for name, want := range map[string]bool{
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": true, "TLS_RSA_WITH_AES_128_CCM_8": true, "TLS_CHACHA20_POLY1305_SHA256": true,
		"TLS_RSA_WITH_AES_128_CBC_SHA256": false, "TLS_RSA_WITH_RC4_128_SHA": false, "TLS_SHA256_SHA256": false,
	} {
		if s, _ := wire.SuiteNamed(name); s.AEAD() != want {
			t.Errorf("%s.AEAD() = %t, want %t", name, s.AEAD(), want)
		}
	}
}
