package cookie_test

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/cookie"
)

// secret is a JavaScript string, or a Buffer written as {"$hex": …}.
type secret []byte

func (s *secret) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*s = secret(text)
		return nil
	}
	var buffer struct {
		Hex string `json:"$hex"`
	}
	if err := json.Unmarshal(b, &buffer); err != nil {
		return err
	}
	raw, err := hex.DecodeString(buffer.Hex)
	*s = raw
	return err
}

func secrets(all []secret) [][]byte {
	var out [][]byte
	for _, s := range all {
		out = append(out, s)
	}
	return out
}

// keys are those of a Keygrip: a list, or {"$keygrip": {keys, algorithm, encoding}}.
type keys struct{ cookie.KeygripOptions }

func (k *keys) UnmarshalJSON(b []byte) error {
	var list []secret
	if json.Unmarshal(b, &list) == nil {
		k.Keys = secrets(list)
		return nil
	}
	var full struct {
		Keygrip struct {
			Keys                []secret
			Algorithm, Encoding string
		} `json:"$keygrip"`
	}
	if err := json.Unmarshal(b, &full); err != nil {
		return err
	}
	k.KeygripOptions = cookie.KeygripOptions{Keys: secrets(full.Keygrip.Keys),
		Algorithm: full.Keygrip.Algorithm, Encoding: full.Keygrip.Encoding}
	return nil
}

// nodeVectors were recorded from the npm packages that the file names.
type nodeVectors struct {
	CookieParse []struct {
		Header string
		V07    map[string]string `json:"cookie_0_7_2"`
		V1     map[string]string `json:"cookie_1_1_1"`
	}
	SignedCookie struct {
		Sign []struct {
			Sid         string
			Secret      secret
			Signed      string
			CookieValue string
		}
		Verify []struct {
			Note, CookieName string
			Secrets          []secret
			CookieHeader     string
			Accepted         bool
			Sid              string
		}
	}
	Keygrip struct {
		Sign []struct {
			Keys                []secret
			Algorithm, Encoding string
			Data, Signature     string
		}
		Index []struct {
			Keys         []secret
			Data, Digest string
			Index        int
		}
	}
	CookieSessionVerify []struct {
		Note    string
		Keys    keys
		Options struct {
			Name   string
			Signed *bool
		}
		CookieHeader string
		Accepted     bool
	}
	SetCookieLines []string
}

func vectors(t testing.TB) nodeVectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/node.json")
	if err != nil {
		t.Fatal(err)
	}
	var v nodeVectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.CookieParse) == 0 || len(v.SignedCookie.Sign) == 0 || len(v.SignedCookie.Verify) == 0 || len(v.Keygrip.Sign) == 0 ||
		len(v.Keygrip.Index) == 0 || len(v.CookieSessionVerify) == 0 || len(v.SetCookieLines) == 0 {
		t.Fatal("testdata/node.json: a group is empty")
	}
	return v
}

// firsts reads a header as an application does: the first of each name, decoded.
func firsts(header string, decode func(string) string) map[string]string {
	got := map[string]string{}
	for name, value := range cookie.Pairs([]string{header}) {
		if _, taken := got[name]; !taken {
			got[name] = decode(value)
		}
	}
	// A JavaScript object has no own member of this name.
	delete(got, "__proto__")
	return got
}

func TestPairsAsNode(t *testing.T) {
	for _, c := range vectors(t).CookieParse {
		if got := firsts(c.Header, cookie.Decode); !maps.Equal(got, c.V07) {
			t.Errorf("Pairs(%q) decoded = %q, want %q as cookie 0.7.2", c.Header, got, c.V07)
		}
		// cookie 1.x keeps the quotes and is otherwise the same.
		if strings.Contains(c.Header, `"`) {
			continue
		}
		if got := firsts(c.Header, cookie.Decode); !maps.Equal(got, c.V1) {
			t.Errorf("Pairs(%q) decoded = %q, want %q as cookie 1.1.1", c.Header, got, c.V1)
		}
	}
}

func TestSignAsNode(t *testing.T) {
	for _, c := range vectors(t).SignedCookie.Sign {
		if got := cookie.Sign(c.Sid, c.Secret); got != c.Signed {
			t.Errorf("Sign(%q, %q) = %q, want %q", c.Sid, c.Secret, got, c.Signed)
		}
		if got := cookie.EncodeSigned(c.Sid, c.Secret); got != c.CookieValue {
			t.Errorf("EncodeSigned(%q, %q) = %q, want %q", c.Sid, c.Secret, got, c.CookieValue)
		}
		if got, _, ok := cookie.DecodeSigned(c.CookieValue, c.Secret); got != c.Sid || !ok {
			t.Errorf("DecodeSigned(%q) = %q, %t, want %q", c.CookieValue, got, ok, c.Sid)
		}
	}
}

func TestDecodeSignedAsExpressSession(t *testing.T) {
	for _, c := range vectors(t).SignedCookie.Verify {
		raw, _ := cookie.Lookup([]string{c.CookieHeader}, c.CookieName)
		sid, _, ok := cookie.DecodeSigned(raw, secrets(c.Secrets)...)
		// express-session takes an empty session id for none.
		if accepted := ok && sid != ""; accepted != c.Accepted || accepted && sid != c.Sid {
			t.Errorf("%s: DecodeSigned(%q) = %q, %t, want %q, %t", c.Note, raw, sid, ok, c.Sid, c.Accepted)
		}
	}
}

func TestKeygripAsNode(t *testing.T) {
	v := vectors(t)
	for _, c := range v.Keygrip.Sign {
		k, err := cookie.NewKeygrip(cookie.KeygripOptions{Keys: secrets(c.Keys), Algorithm: c.Algorithm, Encoding: c.Encoding})
		if err != nil {
			t.Fatalf("NewKeygrip(%s, %s) = %v, want no error", c.Algorithm, c.Encoding, err)
		}
		if got := k.Sign(c.Data); got != c.Signature {
			t.Errorf("%s %s: Sign(%q) = %q, want %q", c.Algorithm, c.Encoding, c.Data, got, c.Signature)
		}
		if !k.Verify(c.Data, c.Signature) || k.Verify(c.Data+"x", c.Signature) {
			t.Errorf("%s %s: Verify(%q) does not tell the true signature from another", c.Algorithm, c.Encoding, c.Data)
		}
	}
	for _, c := range v.Keygrip.Index {
		k, err := cookie.NewKeygrip(cookie.KeygripOptions{Keys: secrets(c.Keys)})
		if err != nil {
			t.Fatal(err)
		}
		if got := k.Index(c.Data, c.Digest); got != c.Index {
			t.Errorf("Index(%q, %q) = %d, want %d", c.Data, c.Digest, got, c.Index)
		}
	}
}

func TestKeygripAsCookieSession(t *testing.T) {
	checked := 0
	for _, c := range vectors(t).CookieSessionVerify {
		switch {
		case c.Options.Signed != nil && !*c.Options.Signed, len(c.Keys.Keys) == 0:
			continue // nothing is signed there
		case strings.HasPrefix(c.Note, "not JSON"):
			continue // signed well; refused for what it holds
		}
		name := c.Options.Name
		if name == "" {
			name = "session"
		}
		k, err := cookie.NewKeygrip(c.Keys.KeygripOptions)
		if err != nil {
			t.Fatal(err)
		}
		value, ok1 := cookie.Lookup([]string{c.CookieHeader}, name)
		sig, ok2 := cookie.Lookup([]string{c.CookieHeader}, name+".sig")
		value = strings.Trim(value, `"`) // the package cookies takes quotes off and decodes nothing
		if got := ok1 && ok2 && k.Verify(name+"="+value, sig); got != c.Accepted {
			t.Errorf("%s: Verify(%s=%s) = %t, want %t", c.Note, name, value, got, c.Accepted)
		}
		checked++
	}
	if checked < 40 {
		t.Errorf("checked %d cases, want 40 or more", checked)
	}
}

func TestSetCookieRoundTripAsNode(t *testing.T) {
	for _, line := range vectors(t).SetCookieLines {
		c, err := cookie.ParseSetCookie(line)
		if err != nil {
			t.Errorf("ParseSetCookie(%q) = %v, want no error", line, err)
			continue
		}
		if got := c.String(); got != line {
			t.Errorf("ParseSetCookie(%q).String() = %q, want the same bytes", line, got)
		}
	}
}
