package proof_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/proof"
)

var key = []byte("0123456789abcdef0123456789abcdef")

// TestAnswerIsWhatOpenSSLSays holds the formula by another implementation.
func TestAnswerIsWhatOpenSSLSays(t *testing.T) {
	openssl := need.Program(t, "openssl")
	cmd := exec.Command(openssl, "dgst", "-sha256", "-hmac", string(key), "-binary")
	cmd.Stdin = strings.NewReader("panoply-audit/1shop.example8443NONCE")
	mac, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(openssl, "base64", "-A")
	cmd.Stdin = bytes.NewReader(mac)
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(string(text))
	if got := proof.Answer(key, "Shop.Example", "8443", "NONCE"); got != want {
		t.Errorf("Answer() = %s, want openssl's %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	nonce := proof.NewNonce()
	good := proof.Answer(key, "h", "443", nonce)
	text := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	for _, tt := range []struct {
		name   string
		status int
		header http.Header
		body   string
		want   string
	}{
		{"right", 200, text, good, ""},
		{"other status", 404, text, good, "status 404"},
		{"redirect", 302, text, good, "redirects"},
		{"other type", 200, http.Header{"Content-Type": {"text/html"}}, good, "type"},
		{"no type", 200, http.Header{}, good, "type"},
		{"echo of the nonce", 200, text, nonce, "not with what"},
		{"echo of the path", 200, text, proof.Path + "?nonce=" + nonce, "not with what"},
		{"line feed after it", 200, text, good + "\n", "not with what"},
		{"long", 200, text, good + strings.Repeat(" ", 300), "more than 256"},
		{"empty", 200, text, "", "not with what"},
		{"another port's", 200, text, proof.Answer(key, "h", "8443", nonce), "not with what"},
		{"another host's", 200, text, proof.Answer(key, "g", "443", nonce), "not with what"},
		{"another nonce's", 200, text, proof.Answer(key, "h", "443", proof.NewNonce()), "not with what"},
		{"another key's", 200, text, proof.Answer([]byte("x"), "h", "443", nonce), "not with what"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := &http.Response{StatusCode: tt.status, Header: tt.header, Body: io.NopCloser(strings.NewReader(tt.body))}
			err := proof.Verify(key, "h", "443", nonce, resp)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Verify() = %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), good) {
				t.Errorf("Verify() = %v, which tells the right answer", err)
			}
		})
	}
}

func TestNonce(t *testing.T) {
	good := proof.NewNonce()
	for _, tt := range []struct {
		query string
		want  bool
	}{
		{"nonce=" + good, true}, {"", false}, {"nonce=", false}, {"nonce=abc", false}, {"nonce=" + good + "A", false},
		{"nonce=" + good + "&x=1", false}, {"x=1&nonce=" + good, false}, {"nonce=" + strings.Repeat("*", 43), false},
	} {
		got, ok := proof.Nonce(httptest.NewRequest("GET", proof.Path+"?"+tt.query, nil))
		if ok != tt.want || ok && got != good {
			t.Errorf("Nonce(%q) = %q, %v, want %v", tt.query, got, ok, tt.want)
		}
	}
	if good == proof.NewNonce() {
		t.Error("NewNonce() gave the same twice")
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	first, err := proof.OpenKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(proof.KeyFile(dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file has mode %v, %v, want 0600", info.Mode(), err)
	}
	if again, err := proof.OpenKey(dir); err != nil || !bytes.Equal(first, again) {
		t.Errorf("OpenKey() again = %q, %v, want the same key", again, err)
	}
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("  secret \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := proof.ReadKey(short); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("ReadKey(short) = %v, want an error that does not show it", err)
	}
	if _, err := proof.ReadKey(filepath.Join(dir, "none")); err == nil {
		t.Error("ReadKey(absent) gave no error")
	}
}

func ExampleWrite() {
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if nonce, ok := proof.Nonce(r); ok {
			proof.Write(w, key, "shop.example", "443", nonce)
		}
	}))
	defer host.Close()
	nonce := proof.NewNonce()
	resp, err := http.Get(host.URL + proof.Path + "?nonce=" + nonce)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(proof.Verify(key, "shop.example", "443", nonce, resp))
	// Output: <nil>
}
