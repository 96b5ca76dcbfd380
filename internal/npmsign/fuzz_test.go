package npmsign_test

import (
	"encoding/json"
	"testing"

	"github.com/panoplysec/panoply/internal/npmsign"
)

// FuzzVerify holds that no packument is verified without a key.
func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"keys":[{"expires":null,"keyid":"a","keytype":"ecdsa-sha2-nistp256","key":"AAAA"}]}`), []byte(`{"name":"qs","time":{"1.0.0":"2024-01-01T00:00:00Z"},"versions":{"1.0.0":{"dist":{"integrity":"sha512-AA==","signatures":[{"keyid":"a","sig":"AAAA"}]}}}}`))
	f.Add([]byte(`{"keys":[]}`), []byte(`{"name":"qs","versions":{"1.0.0":{"dist":{"shasum":"0000000000000000000000000000000000000000","attestations":{}}}}}`))
	f.Fuzz(func(t *testing.T, keys, packument []byte) {
		k, err := npmsign.ParseKeys(keys)
		if err != nil {
			k = nil
		}
		dists, err := npmsign.Dists(packument, "qs", "1.0.0")
		if err != nil {
			return
		}
		for version, d := range dists {
			if d.Attested() && !json.Valid(d.Attestations) {
				t.Errorf("attestations %q", d.Attestations)
			}
			if r := npmsign.Verify("qs", version, d, k); r.State == npmsign.Verified && len(k) == 0 {
				t.Errorf("verified without a key: %q", packument)
			}
		}
	})
}
