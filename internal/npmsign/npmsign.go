// Package npmsign verifies the signatures of an npm registry: that the registry itself
// said which checksum a version of a package has.
//
//	keys, err := npmsign.ParseKeys(answer) // of /-/npm/v1/keys
//	r := npmsign.Verify("qs", "6.14.1", dist, keys)
//
// A registry signs "NAME@VERSION:INTEGRITY" with ecdsa-sha2-nistp256. A good signature
// says that the registry vouches for the checksum, not that the package does no harm, and
// not who published it. When a version was published is not signed: a registry that lies
// can date it before the end of a key. Attestations are not verified.
//
// Sources: npm's documentation of registry signatures; the answers of npm 11 audit
// signatures to a local registry (the tests compare with it).
package npmsign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// keyType is the one kind of key that registries have.
const keyType = "ecdsa-sha2-nistp256"

// A Key is one with which a registry signs.
type Key struct {
	ID string
	// Expires is when the key ended: what was published since is not signed by it. The
	// zero time is never.
	Expires time.Time

	public *ecdsa.PublicKey
}

// ParseKeys reads the answer of a registry that is asked for its keys. Keys of a kind that
// npm does not know are left out; one of the known kind that cannot be read is an error.
func ParseKeys(text []byte) ([]Key, error) {
	var doc struct {
		Keys []struct {
			Expires *string `json:"expires"`
			ID      string  `json:"keyid"`
			Type    string  `json:"keytype"`
			Key     string  `json:"key"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("npmsign: the keys are no JSON of a registry: %w", err)
	}
	var keys []Key
	for _, k := range doc.Keys {
		if k.Type != keyType {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(k.Key)
		if err != nil {
			return nil, fmt.Errorf("npmsign: the key %.80q is no base64", k.ID)
		}
		public, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, fmt.Errorf("npmsign: the key %.80q is no public key: %w", k.ID, err)
		}
		curve, ok := public.(*ecdsa.PublicKey)
		if !ok || curve.Curve != elliptic.P256() {
			return nil, fmt.Errorf("npmsign: the key %.80q is none of P-256", k.ID)
		}
		key := Key{ID: k.ID, public: curve}
		if k.Expires != nil {
			if key.Expires, err = time.Parse(time.RFC3339, *k.Expires); err != nil {
				return nil, fmt.Errorf("npmsign: the key %.80q expires at %.80q, which is no time", k.ID, *k.Expires)
			}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// A Dist is what a registry says of the tarball of a version.
type Dist struct {
	Integrity  string `json:"integrity"`
	Shasum     string `json:"shasum"`
	Signatures []struct {
		KeyID string `json:"keyid"`
		Sig   string `json:"sig"`
	} `json:"signatures"`
	// Attestations are there when the publisher attested where the package was built.
	Attestations json.RawMessage `json:"attestations"`
	// Published is when the registry says that the version came; the zero time where it
	// does not, and then it counts as before the end of every key, as with npm.
	Published time.Time `json:"-"`
}

// Attested says that there are attestations.
func (d *Dist) Attested() bool { return len(d.Attestations) > 0 && string(d.Attestations) != "null" }

// Dists reads what a packument says of some versions.
func Dists(packument []byte, name string, versions ...string) (map[string]*Dist, error) {
	var doc struct {
		Name     string                     `json:"name"`
		Time     map[string]json.RawMessage `json:"time"`
		Versions map[string]json.RawMessage `json:"versions"`
	}
	if err := json.Unmarshal(packument, &doc); err != nil {
		return nil, fmt.Errorf("npmsign: is no packument: %w", err)
	}
	if doc.Name != name {
		return nil, fmt.Errorf("npmsign: the packument is that of %.200q, want %s", doc.Name, name)
	}
	all := make(map[string]*Dist)
	for _, version := range versions {
		raw, ok := doc.Versions[version]
		if !ok {
			continue
		}
		var m struct {
			Dist Dist `json:"dist"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, fmt.Errorf("npmsign: %s@%s in the packument: %w", name, version, err)
		}
		var when time.Time
		if json.Unmarshal(doc.Time[version], &when) == nil {
			m.Dist.Published = when
		}
		all[version] = &m.Dist
	}
	return all, nil
}

// A State is what came of a verification.
type State string

// The states.
const (
	// Verified: every signature is good.
	Verified State = "verified"
	// Invalid: a signature by a known key is not of this name, version and checksum.
	Invalid State = "invalid"
	// Missing: there is none.
	Missing State = "missing"
	// KeyExpired: the version was published when the key was over already.
	KeyExpired State = "key expired"
	// KeyUnknown: the registry does not name the key.
	KeyUnknown State = "key unknown"
)

// A Result is a State with the key that it is about, where there is one.
type Result struct {
	State State
	Key   Key
}

// Verify judges the signatures of a version: the first that is not good decides, as npm
// does it, and an invalid one before all others.
func Verify(name, version string, d *Dist, keys []Key) Result {
	if len(d.Signatures) == 0 {
		return Result{State: Missing}
	}
	message := sha256.Sum256([]byte(name + "@" + version + ":" + d.integrity()))
	result := Result{State: Verified}
	for _, s := range d.Signatures {
		r := Result{State: KeyUnknown, Key: Key{ID: s.KeyID}}
		for _, k := range keys {
			if k.ID != s.KeyID {
				continue
			}
			sig, err := base64.StdEncoding.DecodeString(s.Sig)
			switch {
			case err != nil || !ecdsa.VerifyASN1(k.public, message[:], sig):
				return Result{State: Invalid, Key: k}
			case !k.Expires.IsZero() && !d.Published.IsZero() && !d.Published.Before(k.Expires):
				r = Result{State: KeyExpired, Key: k}
			default:
				r = Result{State: Verified, Key: k}
			}
			break
		}
		if result.State == Verified {
			result = r
		}
	}
	return result
}

// integrity is what is signed: the strongest checksum, or that of the first years.
func (d *Dist) integrity() string {
	if d.Integrity != "" {
		return d.Integrity
	}
	return hex1(d.Shasum)
}

// Agrees says whether a lockfile's checksum can be of the same tarball as the registry's:
// false only where both have one of the same kind and they differ.
func (d *Dist) Agrees(integrity string) bool {
	registry := map[string][]string{}
	for part := range strings.FieldsSeq(d.integrity() + " " + hex1(d.Shasum)) {
		kind, sum, _ := strings.Cut(part, "-")
		registry[kind] = append(registry[kind], sum)
	}
	known, same := false, false
	for part := range strings.FieldsSeq(integrity) {
		kind, sum, _ := strings.Cut(part, "-")
		sum, _, _ = strings.Cut(sum, "?")
		for _, other := range registry[kind] {
			known, same = true, same || sum == other
		}
	}
	return same || !known
}

// hex1 writes a SHA-1 in hexadecimal as Subresource Integrity; empty for another text.
func hex1(sum string) string {
	raw, err := hex.DecodeString(sum)
	if err != nil || len(raw) != 20 {
		return ""
	}
	return "sha1-" + base64.StdEncoding.EncodeToString(raw)
}
