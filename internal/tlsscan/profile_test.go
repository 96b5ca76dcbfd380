package tlsscan

import (
	"strings"
	"testing"
)

const ownProfile = `{
  "version": 1,
  "configurations": {
    "strict": {
      "certificate_curves": ["prime256v1"],
      "certificate_signatures": ["ecdsa-with-SHA256", "sha256WithRSAEncryption"],
      "certificate_types": ["ecdsa", "rsa"],
      "ciphers": {"iana": ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"], "openssl": ["ECDHE-RSA-AES256-GCM-SHA384"]},
      "ciphersuites": ["TLS_AES_256_GCM_SHA384"],
      "dh_param_size": 3072,
      "hsts_min_age": 31536000,
      "maximum_certificate_lifespan": 90,
      "ocsp_staple": true,
      "oldest_clients": ["Firefox 128"],
      "recommended_certificate_lifespan": 30,
      "rsa_key_size": 3072,
      "server_preferred_order": true,
      "tls_curves": ["X25519MLKEM768", "X25519"],
      "tls_versions": ["TLSv1.2", "TLSv1.3"]
    },
    "curves": {"ecdh_param_size": 256, "dh_param_size": null}
  }
}`

// TestJudge holds every reason of a profile, and that each says what was seen and what
// is allowed.
func TestJudge(t *testing.T) {
	good := func(change func(*Report)) *Report {
		return graded(func(r *Report) {
			r.Suites = map[string][]string{"TLSv1.2": {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}, "TLSv1.3": {"TLS_AES_256_GCM_SHA384"}}
			r.Groups = map[string][]string{"TLSv1.2": {"x25519"}, "TLSv1.3": {"X25519MLKEM768", "x25519"}}
			r.Preference = map[string]string{"TLSv1.2": "server"}
			r.Certificates = []Certificate{{Subject: "CN=app.test", Names: []string{"app.test"}, Key: "ecdsa", Curve: "secp256r1", Bits: 256,
				Signature: "ecdsa-with-SHA256", Days: 60, Trusted: true, NameOK: true, Staple: "none", Stores: map[string]bool{"system": true}}}
			change(r)
		})
	}
	leaf := func(change func(*Certificate)) func(*Report) {
		return func(r *Report) { change(&r.Certificates[0]) }
	}
	for _, tc := range []struct {
		name, profile string
		change        func(*Report)
		reason, why   string
		untested      string
	}{
		{name: "fits", change: func(*Report) {}},
		{name: "does less", change: only("TLSv1.3", "TLS_AES_256_GCM_SHA384")},
		{name: "protocols", change: accepts("TLSv1.1", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), reason: "protocols", why: "TLSv1.1 spoken; turn off what is not among TLSv1.2, TLSv1.3"},
		{name: "a suite up to TLS 1.2", change: accepts("TLSv1.2", "TLS_RSA_WITH_AES_128_CBC_SHA"), reason: "suites", why: "TLS_RSA_WITH_AES_128_CBC_SHA"},
		{name: "a suite of TLS 1.3", change: accepts("TLSv1.3", "TLS_AES_128_GCM_SHA256"), reason: "suites", why: "TLS_AES_128_GCM_SHA256"},
		{name: "a group", change: func(r *Report) { r.Groups["TLSv1.3"] = append(r.Groups["TLSv1.3"], "secp521r1") }, reason: "groups", why: "set the server's groups to X25519MLKEM768, x25519"},
		{name: "a prime", change: func(r *Report) { r.DHBits = []int{2048, 4096} }, reason: "dh_param_size", why: "2048 bits; take one of at least 3072"},
		{name: "a type", change: leaf(func(c *Certificate) { c.Key, c.Curve = "ed25519", "" }), reason: "certificate_type", why: "ed25519; get a certificate with a key of type ecdsa, rsa"},
		{name: "a curve", change: leaf(func(c *Certificate) { c.Curve = "secp384r1" }), reason: "certificate_curve", why: "secp384r1"},
		{name: "a signature", change: leaf(func(c *Certificate) { c.Signature = "ecdsa-with-SHA1" }), reason: "certificate_signature", why: "authority's choice"},
		{name: "a key size", change: leaf(func(c *Certificate) { c.Key, c.Curve, c.Bits = "rsa", "", 2048 }), reason: "rsa_key_size", why: "2048 bits; make one of at least 3072"},
		{name: "days", change: leaf(func(c *Certificate) { c.Days = 91 }), reason: "certificate_lifespan", why: "91 days; get one for at most 90"},
		{name: "trust", change: leaf(func(c *Certificate) { c.Trusted = false }), reason: "certificate_trust", why: "system"},
		{name: "name", change: leaf(func(c *Certificate) { c.NameOK = false }), reason: "certificate_name", why: "app.test"},
		{name: "must-staple", change: leaf(func(c *Certificate) { c.MustStaple = true }), reason: "ocsp_staple", why: "demands"},
		{name: "one of two certificates fits", change: func(r *Report) {
			c := r.Certificates[0]
			c.Key, c.Bits = "rsa", 1024
			r.Certificates = append([]Certificate{c}, r.Certificates...)
		}},
		{name: "no HSTS", change: hsts(0, false), reason: "hsts", why: "send max-age=31536000"},
		{name: "short HSTS", change: hsts(3600, true), reason: "hsts", why: "3600; send at least 31536000"},
		{name: "the client's order", change: func(r *Report) { r.Preference["TLSv1.2"] = "client" }, reason: "server_preferred_order", why: "TLSv1.2"},
		{name: "no page", change: func(r *Report) { r.Features.HSTS = nil }, untested: "hsts"},
		{name: "no certificate", change: func(r *Report) { r.Certificates = nil }, untested: "certificate"},
		{name: "cut off", change: func(r *Report) { r.Incomplete = []string{"the time ran out"} }, untested: "what the scan could not finish"},
		{name: "a small curve where groups are free", profile: "curves", change: func(r *Report) { r.Groups["TLSv1.2"] = []string{"secp192r1"} }, reason: "ecdh_param_size", why: "secp192r1 has 192 bits"},
		{name: "what is left out demands nothing", profile: "curves", change: func(r *Report) {
			accepts("SSLv3", "TLS_RSA_WITH_NULL_MD5")(r)
			r.DHBits, r.Features.HSTS = []int{512}, nil
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pick := tc.profile
			if pick == "" {
				pick = "strict"
			}
			p, err := ReadProfile("/etc/own.json", []byte(ownProfile), pick)
			if err != nil {
				t.Fatal(err)
			}
			v := p.Judge(good(tc.change))
			if got := strings.Join(v.Reasons, ","); got != tc.reason || v.Pass != (tc.reason == "") || v.Name != "own.json#"+pick {
				t.Errorf("Judge = %+v, want the reason %q", v, tc.reason)
			}
			if !strings.Contains(v.Why[tc.reason], tc.why) {
				t.Errorf("why is %q, want %q in it", v.Why[tc.reason], tc.why)
			}
			if got := strings.Join(v.Untested, ","); got != tc.untested {
				t.Errorf("untested is %q, want %q", got, tc.untested)
			}
		})
	}
}

func TestReadProfile(t *testing.T) {
	one := `{"tls_versions": ["TLSv1.3"]}`
	for _, tc := range []struct {
		name, text, pick string
		want             []string // of the error, all of them
	}{
		{name: "one configuration by itself", text: one},
		{name: "a document with one", text: `{"configurations": {"a": ` + one + `}}`},
		{name: "Mozilla's number and address", text: `{"version": 6.0, "href": "https://x.example", "configurations": {"a": ` + one + `}}`},
		{name: "one of two", text: ownProfile, pick: "curves"},
		{name: "two and none named", text: ownProfile, want: []string{"own.json: configurations holds curves, strict; name one: own.json#NAME"}},
		{name: "none of that name", text: ownProfile, pick: "old", want: []string{`configurations has no "old"; it holds curves, strict`}},
		{name: "no configurations to choose from", text: one, pick: "old", want: []string{`none is called "old"`}},
		{name: "no JSON", text: `modern`, want: []string{"own.json is no JSON object"}},
		{name: "cut off", text: `{"tls_versions": [`, want: []string{"cannot be read"}},
		{name: "everything at once", text: `{"tls_versions": ["TLSv1.4", 3], "tls_version": [], "ciphers": {"iana": ["TLS_AES_128_GCM_SHA256"], "gnutls": []}, "hsts_min_age": -1,
			"ocsp_staple": "yes", "rsa_key_size": 512, "rsa_key_size": 2048.5, "certificate_types": "ecdsa", "tls_curves": ["secp256"], "ciphersuites": ["AES"],
			"certificate_curves": ["X25519"], "certificate_signatures": ["SHA256"], "oldest_clients": [1]} {}`, want: []string{
			`tls_versions[0] is "TLSv1.4", want one of SSLv2`, `tls_versions[1] is 3`, `tls_version is not known; known are certificate_curves`,
			`ciphers.iana[0] is "TLS_AES_128_GCM_SHA256", want the registry's name of a suite up to TLS 1.2`, "ciphers.gnutls is not known", "hsts_min_age is -1, want a whole number of at least 0",
			`ocsp_staple is "yes", want true or false`, "rsa_key_size stands there twice", "rsa_key_size is 2048.5", `certificate_types is "ecdsa", want a list`,
			`tls_curves[0] is "secp256"`, `ciphersuites[0] is "AES"`, `certificate_curves[0] is "X25519"`, `certificate_signatures[0] is "SHA256"`, "oldest_clients[0] is 1", "behind its end"}},
		{name: "no names of the registry", text: `{"ciphers": {"openssl": []}}`, want: []string{"ciphers.iana is missing"}},
		{name: "a key outside", text: `{"configurations": {"a": {}}, "hsts_min_age": 1}`, want: []string{"hsts_min_age is not known; known are version, href, configurations"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := ReadProfile("own.json", []byte(tc.text), tc.pick)
			if (err == nil) != (len(tc.want) == 0) || (p == nil) != (err != nil) {
				t.Fatalf("ReadProfile = %+v, %v", p, err)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("the error lacks %q:\n%v", w, err)
				}
			}
		})
	}
}

// FuzzReadProfile holds that no file of a profile panics, and that what is read judges.
func FuzzReadProfile(f *testing.F) {
	f.Add([]byte(ownProfile), "strict")
	f.Add([]byte(`{"ciphers": null}`), "")
	r := graded(func(*Report) {})
	f.Fuzz(func(t *testing.T, text []byte, pick string) {
		p, err := ReadProfile("own.json", text, pick)
		if (p == nil) == (err == nil) {
			t.Fatalf("ReadProfile = %v, %v", p, err)
		}
		if p != nil {
			if v := p.Judge(r); v.Pass != (len(v.Reasons) == 0) || len(v.Why) != len(v.Reasons) {
				t.Errorf("Judge = %+v", v)
			}
		}
	})
}

func TestMozillaLevel(t *testing.T) {
	for word, want := range map[string]string{"modern": "6.0/modern", "intermediate": "6.0/intermediate", "old": "5.8/old", "5.8/old": "5.8/old"} {
		if p, ok := MozillaLevel(word); !ok || p.Name != want {
			t.Errorf("MozillaLevel(%q) = %v, %t", word, p, ok)
		}
	}
	if _, ok := MozillaLevel("new"); ok {
		t.Error("MozillaLevel(new) exists")
	}
}
