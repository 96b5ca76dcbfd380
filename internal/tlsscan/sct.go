package tlsscan

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Log of certificate transparency signs timestamps.
type Log struct {
	ID  [32]byte
	Key crypto.PublicKey
}

// ReadLogs reads a list of logs: an array of {"log_id", "key"}, or the list that
// browsers use, with operators that have logs.
func ReadLogs(r io.Reader) ([]Log, error) {
	type entry struct {
		ID  string `json:"log_id"`
		Key string `json:"key"`
	}
	text, err := io.ReadAll(io.LimitReader(r, 8<<20))
	if err != nil {
		return nil, err
	}
	var plain []entry
	if err := json.Unmarshal(text, &plain); err != nil {
		var list struct {
			Operators []struct {
				Logs  []entry `json:"logs"`
				Tiled []entry `json:"tiled_logs"`
			} `json:"operators"`
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("tlsscan: log list: %w", err)
		}
		for _, o := range list.Operators {
			plain = append(append(plain, o.Logs...), o.Tiled...)
		}
	}
	if len(plain) == 0 {
		return nil, errors.New("tlsscan: log list: it names no log")
	}
	var logs []Log
	for i, e := range plain {
		der, err := base64.StdEncoding.DecodeString(e.Key)
		if err != nil {
			return nil, fmt.Errorf("tlsscan: log list: key of log %d: %w", i+1, err)
		}
		key, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, fmt.Errorf("tlsscan: log list: key of log %d: %w", i+1, err)
		}
		logs = append(logs, Log{sha256.Sum256(der), key})
	}
	return logs, nil
}

var (
	oidSCTs = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
)

// An sct is one signed certificate timestamp.
type sct struct {
	log        [32]byte
	at         uint64 // milliseconds since 1970
	extensions []byte
	hash, sign byte
	signature  []byte
}

var errSCT = errors.New("malformed list of timestamps")

// readSCTs reads a SignedCertificateTimestampList of RFC 6962 section 3.3.
func readSCTs(list []byte) ([]sct, error) {
	body, rest, ok := vector(list)
	if !ok || len(rest) > 0 {
		return nil, errSCT
	}
	var all []sct
	for len(body) > 0 {
		var one []byte
		if one, body, ok = vector(body); !ok || len(one) < 43 || one[0] != 0 {
			return nil, errSCT
		}
		s := sct{log: [32]byte(one[1:33]), at: binary.BigEndian.Uint64(one[33:41])}
		if s.extensions, one, ok = vector(one[41:]); !ok || len(one) < 4 {
			return nil, errSCT
		}
		s.hash, s.sign = one[0], one[1]
		if s.signature, one, ok = vector(one[2:]); !ok || len(one) > 0 {
			return nil, errSCT
		}
		all = append(all, s)
	}
	return all, nil
}

func vector(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil, nil, false
	}
	return b[2:n], b[n:], true
}

// listIn returns the list of timestamps in an extension: nil where there is none, empty
// where it cannot be read.
func listIn(extensions []pkix.Extension, id asn1.ObjectIdentifier) []byte {
	for _, x := range extensions {
		if x.Id.Equal(id) {
			var list []byte
			if rest, err := asn1.Unmarshal(x.Value, &list); err != nil || len(rest) > 0 {
				return []byte{}
			}
			return list
		}
	}
	return nil
}

// embedded returns the timestamps in a certificate, and what they sign: the
// certificate's body without them (RFC 6962 section 3.2).
func embedded(leaf *x509.Certificate) (list []byte, tbs []byte) {
	if list = listIn(leaf.Extensions, oidSCTs); list == nil {
		return nil, nil
	}
	tbs, err := withoutExtension(leaf.RawTBSCertificate, oidSCTs)
	if err != nil {
		return list, nil
	}
	return list, tbs
}

// withoutExtension takes one extension out of a TBSCertificate, byte for byte.
func withoutExtension(tbs []byte, id asn1.ObjectIdentifier) ([]byte, error) {
	var outer asn1.RawValue
	if rest, err := asn1.Unmarshal(tbs, &outer); err != nil || len(rest) > 0 {
		return nil, errors.New("malformed certificate")
	}
	var body []byte
	for in := outer.Bytes; len(in) > 0; {
		var field asn1.RawValue
		rest, err := asn1.Unmarshal(in, &field)
		if err != nil {
			return nil, err
		}
		in = rest
		if field.Class != asn1.ClassContextSpecific || field.Tag != 3 {
			body = append(body, field.FullBytes...)
			continue
		}
		var list asn1.RawValue
		if _, err := asn1.Unmarshal(field.Bytes, &list); err != nil {
			return nil, err
		}
		var kept []byte
		for xs := list.Bytes; len(xs) > 0; {
			var x asn1.RawValue
			if xs, err = asn1.Unmarshal(xs, &x); err != nil {
				return nil, err
			}
			var oid asn1.ObjectIdentifier
			if _, err := asn1.Unmarshal(x.Bytes, &oid); err != nil {
				return nil, err
			}
			if !oid.Equal(id) {
				kept = append(kept, x.FullBytes...)
			}
		}
		if len(kept) == 0 {
			continue
		}
		inner, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: kept})
		if err != nil {
			return nil, err
		}
		whole, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 3, IsCompound: true, Bytes: inner})
		if err != nil {
			return nil, err
		}
		body = append(body, whole...)
	}
	return asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body})
}

// signed is what a log signs: for a timestamp in the certificate its precertificate,
// for one beside it the certificate itself.
func (s sct) signed(leaf, issuer *x509.Certificate, tbs []byte) []byte {
	b := []byte{0, 0}
	b = binary.BigEndian.AppendUint64(b, s.at)
	body := leaf.Raw
	if tbs != nil {
		b = append(b, 0, 1)
		sum := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
		b = append(b, sum[:]...)
		body = tbs
	} else {
		b = append(b, 0, 0)
	}
	b = append(b, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
	b = append(b, body...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.extensions)))
	return append(b, s.extensions...)
}

// verify says whether the log is known, and whether it signed.
func (s sct) verify(logs []Log, signed []byte, now time.Time) (known bool, err error) {
	i := slices.IndexFunc(logs, func(l Log) bool { return bytes.Equal(l.ID[:], s.log[:]) })
	if i < 0 {
		return false, nil
	}
	if s.at > uint64(now.Add(time.Hour).UnixMilli()) {
		return true, errors.New("it is of the future")
	}
	sum := sha256.Sum256(signed)
	ok := false
	switch key := logs[i].Key.(type) {
	case *ecdsa.PublicKey:
		ok = s.hash == 4 && s.sign == 3 && ecdsa.VerifyASN1(key, sum[:], s.signature)
	case *rsa.PublicKey:
		ok = s.hash == 4 && s.sign == 1 && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], s.signature) == nil
	}
	if !ok {
		return true, errors.New("the log did not sign it")
	}
	return true, nil
}
