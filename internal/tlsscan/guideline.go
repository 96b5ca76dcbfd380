package tlsscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// maxProfile bounds the file of a profile.
const maxProfile = 1 << 20

// ReadProfile reads a profile in the shape of Mozilla's guideline: its document, whose
// "configurations" hold one configuration or the one that pick names, or one
// configuration by itself. A key that is left out or null demands nothing. Everything
// that is wrong is told at once, by field and value. The name stands in the errors and,
// with that of the configuration, in the verdict.
//
// The keys "ciphers" for other programs than by the registry's names,
// "recommended_certificate_lifespan" and "oldest_clients" are read and judge nothing.
func ReadProfile(name string, text []byte, pick string) (*Profile, error) {
	r := &profileReader{file: name}
	var p *Profile
	if len(text) > maxProfile {
		r.fault("", "has %d bytes, more than %d", len(text), maxProfile)
	} else if doc := r.object("", text); doc != nil {
		p = r.document(doc, pick)
	}
	if len(r.faults) > 0 {
		return nil, errors.Join(r.faults...)
	}
	return p, nil
}

type profileReader struct {
	file   string
	faults []error
}

func (r *profileReader) fault(field, format string, args ...any) {
	where := r.file
	if field != "" {
		where += ": " + field
	}
	r.faults = append(r.faults, fmt.Errorf("%s %s", where, fmt.Sprintf(format, args...)))
}

// object reads an object whose keys stand in it once; nil after a fault.
func (r *profileReader) object(field string, text []byte) map[string]json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		r.fault(field, "is no JSON object")
		return nil
	}
	out := map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			r.fault(field, "cannot be read: %v", err)
			return nil
		}
		k := fmt.Sprint(key)
		if _, twice := out[k]; twice {
			r.fault(under(field, k), "stands there twice")
		}
		out[k] = value
	}
	if _, err := d.Token(); err != nil {
		r.fault(field, "cannot be read: %v", err)
		return nil
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		r.fault(field, "has something behind its end")
	}
	return out
}

func under(field, key string) string {
	if field == "" {
		return key
	}
	return field + "." + key
}

// known complains about keys that are not among those.
func (r *profileReader) known(field string, got map[string]json.RawMessage, keys ...string) {
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if !has(keys, k) {
			r.fault(under(field, k), "is not known; known are %s", strings.Join(keys, ", "))
		}
	}
}

func (r *profileReader) document(doc map[string]json.RawMessage, pick string) *Profile {
	base := filepath.Base(r.file)
	text, whole := doc["configurations"]
	if !whole {
		if pick != "" {
			r.fault("", "has no configurations, so none is called %q", pick)
		}
		return r.configuration("", base, doc)
	}
	r.known("", doc, "version", "href", "configurations")
	all := r.object("configurations", text)
	names := slices.Sorted(maps.Keys(all))
	switch {
	case all == nil:
		return nil
	case pick == "" && len(names) != 1:
		r.fault("configurations", "holds %s; name one: %s#NAME", listed(names), r.file)
		return nil
	case pick == "":
		pick = names[0]
	case all[pick] == nil:
		r.fault("configurations", "has no %q; it holds %s", pick, listed(names))
		return nil
	}
	field := "configurations." + pick
	got := r.object(field, all[pick])
	if got == nil {
		return nil
	}
	return r.configuration(field, base+"#"+pick, got)
}

func (r *profileReader) configuration(field, name string, got map[string]json.RawMessage) *Profile {
	r.known(field, got, "certificate_curves", "certificate_signatures", "certificate_types", "ciphers", "ciphersuites", "dh_param_size", "ecdh_param_size",
		"hsts_min_age", "maximum_certificate_lifespan", "ocsp_staple", "oldest_clients", "recommended_certificate_lifespan", "rsa_key_size",
		"server_preferred_order", "tls_curves", "tls_versions")
	at := func(key string) (string, json.RawMessage) { return under(field, key), got[key] }
	list := func(key, kind string, read func(string) (string, bool)) []string {
		where, text := at(key)
		return r.list(where, text, kind, read)
	}
	number := func(key string, least int) int {
		where, text := at(key)
		return r.number(where, text, least)
	}
	flag := func(key string) bool {
		where, text := at(key)
		return r.flag(where, text)
	}
	p := &Profile{
		Name:       name,
		Protocols:  list("tls_versions", "one of SSLv2, SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3", protocolNamed),
		Suites13:   list("ciphersuites", "the registry's name of a suite of TLS 1.3", func(s string) (string, bool) { return suiteOf(s, wire.TLS13) }),
		Groups:     list("tls_curves", "the name of a group, such as X25519MLKEM768, X25519 or prime256v1", groupNamed),
		Types:      list("certificate_types", "one of ecdsa, rsa, ed25519, dsa", oneOf("ecdsa", "rsa", "ed25519", "dsa")),
		Curves:     list("certificate_curves", "one of secp224r1, prime256v1, secp384r1, secp521r1", curveNamed),
		Signatures: list("certificate_signatures", "OpenSSL's name of an algorithm, such as ecdsa-with-SHA256 or sha256WithRSAEncryption", oneOf(slices.Sorted(maps.Values(signatureNames))...)),
		Lifespan:   number("maximum_certificate_lifespan", 1),
		RSA:        number("rsa_key_size", 1024), DH: number("dh_param_size", 1024), EC: number("ecdh_param_size", 160),
		HSTS:   number("hsts_min_age", 0),
		Staple: flag("ocsp_staple"), ServerOrder: flag("server_preferred_order"),
	}
	list("oldest_clients", "text", anyText)
	number("recommended_certificate_lifespan", 1)
	if where, text := at("ciphers"); !absent(text) {
		p.Suites = r.ciphers(where, text)
	}
	return p
}

// ciphers reads the suites up to TLS 1.2 by the registry's names; the lists in the names
// of programs say the same.
func (r *profileReader) ciphers(field string, text json.RawMessage) []string {
	got := r.object(field, text)
	if got == nil {
		return nil
	}
	programs := []string{"openssl", "caddy", "go"}
	r.known(field, got, append([]string{"iana"}, programs...)...)
	for _, k := range programs {
		r.list(under(field, k), got[k], "text", anyText)
	}
	if absent(got["iana"]) {
		r.fault(under(field, "iana"), "is missing: it names the suites up to TLS 1.2 as the registry does; [] allows none")
		return nil
	}
	return r.list(under(field, "iana"), got["iana"], "the registry's name of a suite up to TLS 1.2", func(s string) (string, bool) { return suiteOf(s, wire.TLS12) })
}

func absent(text json.RawMessage) bool { return len(text) == 0 || string(text) == "null" }

// list reads names, nil where the key is absent.
func (r *profileReader) list(field string, text json.RawMessage, kind string, read func(string) (string, bool)) []string {
	if absent(text) {
		return nil
	}
	var all []json.RawMessage
	if json.Unmarshal(text, &all) != nil {
		r.fault(field, "is %s, want a list", short(text))
		return nil
	}
	out := []string{}
	for i, item := range all {
		var s string
		name, ok := "", json.Unmarshal(item, &s) == nil && !absent(item)
		if ok {
			name, ok = read(s)
		}
		if !ok {
			r.fault(fmt.Sprintf("%s[%d]", field, i), "is %s, want %s", short(item), kind)
		} else if !has(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (r *profileReader) number(field string, text json.RawMessage, least int) int {
	if absent(text) {
		return 0
	}
	var n int
	if json.Unmarshal(text, &n) != nil || n < least {
		r.fault(field, "is %s, want a whole number of at least %d", short(text), least)
		return 0
	}
	return n
}

func (r *profileReader) flag(field string, text json.RawMessage) bool {
	var b bool
	if !absent(text) && json.Unmarshal(text, &b) != nil {
		r.fault(field, "is %s, want true or false", short(text))
	}
	return b
}

// short is a value for an error.
func short(text json.RawMessage) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(string(text[:most]), "") + "…"
	}
	return string(text)
}

func anyText(s string) (string, bool) { return s, true }

func oneOf(names ...string) func(string) (string, bool) {
	return func(s string) (string, bool) { return s, has(names, s) }
}

func protocolNamed(s string) (string, bool) {
	if s == "TLSv1" {
		s = wire.TLS10.String()
	}
	ok := slices.ContainsFunc([]wire.Version{wire.SSL2, wire.SSL3, wire.TLS10, wire.TLS11, wire.TLS12, wire.TLS13}, func(v wire.Version) bool { return v.String() == s })
	return s, ok
}

func suiteOf(name string, v wire.Version) (string, bool) {
	s, ok := wire.SuiteNamed(name)
	return name, ok && has(wire.SuitesFor(v), s)
}

func groupNamed(s string) (string, bool) {
	g, ok := wire.GroupNamed(s)
	return g.String(), ok
}

func curveNamed(s string) (string, bool) {
	name, ok := groupNamed(s)
	return name, ok && slices.Contains(slices.Collect(maps.Values(curveNames)), name)
}
