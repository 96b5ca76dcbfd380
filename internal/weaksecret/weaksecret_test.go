package weaksecret_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/weaksecret"
)

func ExampleOfToken() {
	token := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
	fmt.Println(weaksecret.OfToken(token))
	// Output: your-256-bit-secret true
}

// TestAgainstTheRealPackages signs with cookie-signature and keygrip on node.
func TestAgainstTheRealPackages(t *testing.T) {
	node := need.Program(t, "node")
	modules := need.Modules(t, "cookie-signature", "keygrip")
	script := `
const s = require(process.argv[1] + '/cookie-signature'), K = require(process.argv[1] + '/keygrip')
const out = {}
for (const secret of ['keyboard cat', 'key1', 'Zq8kw2xJ0pLr5vTb']) {
  out[secret] = { session: 's:' + s.sign('abcdefghijklmnopqrstuvwxyz012345', secret), sig: new K([secret]).sign('session=eyJhIjoxfQ==') }
}
console.log(JSON.stringify(out))`
	text, err := exec.Command(node, "-e", script, filepath.ToSlash(modules)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var signed map[string]struct{ Session, Sig string }
	if err := json.Unmarshal(text, &signed); err != nil {
		t.Fatal(err)
	}
	for secret, made := range signed {
		want := !strings.HasPrefix(secret, "Zq8")
		for _, value := range []string{made.Session, strings.NewReplacer(":", "%3A", "+", "%2B", "/", "%2F").Replace(made.Session)} {
			if got, ok := weaksecret.OfSession(value); ok != want || ok && got != secret {
				t.Errorf("OfSession(%s) = %q, %v, want %q, %v", value, got, ok, secret, want)
			}
		}
		if got, ok := weaksecret.OfKeygrip("session", "eyJhIjoxfQ==", made.Sig); ok != want || ok && got != secret {
			t.Errorf("OfKeygrip(%s) = %q, %v, want %q, %v", made.Sig, got, ok, secret, want)
		}
		if got := weaksecret.Known(secret); got != want {
			t.Errorf("Known(%q) = %v, want %v", secret, got, want)
		}
	}
}

func TestKnown(t *testing.T) {
	for secret, want := range map[string]bool{
		"secret": true, "My-Secret": true, "keyboard cat": true, "KEYBOARD_CAT": true, "": false, "correct horse": false,
		"b7f0c3d2e9a84f5e8a6b7c8d9e0f1a2b": false, strings.Repeat("secret", 100): false,
	} {
		if got := weaksecret.Known(secret); got != want {
			t.Errorf("Known(%q) = %v, want %v", secret, got, want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("session", "s:abc.def", "sig")
	f.Add("session", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "")
	f.Fuzz(func(t *testing.T, name, value, signature string) {
		for _, of := range []func() (string, bool){
			func() (string, bool) { return weaksecret.OfSession(value) },
			func() (string, bool) { return weaksecret.OfToken(value) },
			func() (string, bool) { return weaksecret.OfKeygrip(name, value, signature) },
		} {
			if secret, ok := of(); ok != weaksecret.Known(secret) {
				t.Errorf("found %q, %v: what is found is known", secret, ok)
			}
		}
	})
}

// Keygrip with another algorithm is no harder to guess.
func TestKeygripAlgorithms(t *testing.T) {
	for size, made := range map[string]func() hash.Hash{"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New} {
		mac := hmac.New(made, []byte("keyboard cat"))
		mac.Write([]byte("session=e30="))
		signature := base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		if got, ok := weaksecret.OfKeygrip("session", "e30=", signature); !ok || got != "keyboard cat" {
			t.Errorf("%s: OfKeygrip() = %q, %v, want keyboard cat", size, got, ok)
		}
		if _, ok := weaksecret.OfKeygrip("session", "e31=", signature); ok {
			t.Errorf("%s: a signature of another value is guessed", size)
		}
	}
}
