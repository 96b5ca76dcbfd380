package mirror_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"

	"github.com/panoplysec/panoply/internal/osv/mirror"
)

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The files were written by minisign 0.11.
func TestVerify(t *testing.T) {
	key, err := mirror.ParseKey(read(t, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	comment := strings.Fields(read(t, "key.pub"))
	if id := comment[slices.Index(comment, "key")+1]; key.ID() != id {
		t.Errorf("ID = %s, want %s", key.ID(), id)
	}
	if _, err := mirror.ParseKey(comment[len(comment)-1]); err != nil {
		t.Errorf("ParseKey of the key alone = %v", err)
	}
	signed, signature := read(t, "signed.txt"), read(t, "signed.txt.minisig")
	if err := key.Verify(strings.NewReader(signed), signature); err != nil {
		t.Errorf("Verify = %v", err)
	}
	if err := key.Verify(strings.NewReader(signed), strings.ReplaceAll(signature, "\n", "\r\n")); err != nil {
		t.Errorf("Verify with lines of Windows = %v", err)
	}
	for name, c := range map[string][3]string{
		"another text":    {signed + "x", signature, "does not fit"},
		"another comment": {signed, strings.Replace(signature, "file of the mirror", "file of a mirror", 1), "does not fit"},
		"old kind":        {signed, read(t, "signed.txt.old.minisig"), "old kind"},
		"no signature":    {signed, "nothing", "is no signature"},
		"cut short":       {signed, signature[:len(signature)-20], "is no signature"},
		"empty":           {signed, "", "is no signature"},
	} {
		if err := key.Verify(strings.NewReader(c[0]), c[1]); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s: Verify = %v, want %q", name, err, c[2])
		}
	}
	_, _, other := signer(t)
	if err := other.Verify(strings.NewReader(signed), signature); err == nil || !strings.Contains(err.Error(), "was made by the key "+key.ID()) {
		t.Errorf("Verify by another key = %v, want both keys named", err)
	}
	for _, bad := range []string{"", "x", strings.Repeat("x", 10_000), base64.StdEncoding.EncodeToString(make([]byte, 42))} {
		if k, err := mirror.ParseKey(bad); err == nil {
			t.Errorf("ParseKey(%.20q) = %v, want an error", bad, k)
		}
	}
}

// signer makes a key, and what signs with it as minisign does.
func signer(t testing.TB) (sign func(text []byte) string, file string, key *mirror.Key) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	file = "untrusted comment: a key\n" + encode(append([]byte("Ed12345678"), public...)) + "\n"
	if key, err = mirror.ParseKey(file); err != nil {
		t.Fatal(err)
	}
	return func(text []byte) string {
		sum := blake2b.Sum512(text)
		made := ed25519.Sign(private, sum[:])
		global := ed25519.Sign(private, append(slices.Clone(made), "of today"...))
		return "untrusted comment: x\n" + encode(append([]byte("ED12345678"), made...)) + "\ntrusted comment: of today\n" + encode(global) + "\n"
	}, file, key
}

func TestPinnedAndSigned(t *testing.T) {
	text, other := zipOf(t, 10, "2026-01-01"), zipOf(t, 11, "2026-01-01")
	sign, _, key := signer(t)
	l, o := serve(t)
	signature := sign(text)
	l.says(func(w http.ResponseWriter, r *http.Request, _ int) {
		if strings.HasSuffix(r.URL.Path, ".minisig") {
			_, _ = w.Write([]byte(signature))
			return
		}
		honest(w, r, text)
	})
	refused := func(o mirror.Options, want string) {
		t.Helper()
		if results, err := mirror.Update(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Update = %+v, %v, want %q", results, err, want)
		}
	}
	sum := func(text []byte) map[string]string {
		s := sha256.Sum256(text)
		return map[string]string{"npm": strings.ToUpper(hex.EncodeToString(s[:]))}
	}
	o.SHA256 = sum(other)
	refused(o, "has the SHA-256 ")
	o.SHA256 = sum(text)
	update(t, o)
	asked := len(l.asked())
	if r := update(t, o); !r.Unchanged || len(l.asked()) != asked {
		t.Errorf("Update = %+v, want that what is pinned is there, and nobody asked", r)
	}
	// What was fetched without a signature is no answer where one is asked for.
	o.SHA256, o.Key = nil, key
	if r := update(t, o); r.Unchanged || r.Meta.Fetched.Signed != key.ID() {
		t.Errorf("Update = %+v with %+v, want it fetched again, and signed", r, r.Meta.Fetched)
	}
	if r := update(t, o); !r.Unchanged {
		t.Errorf("Update = %+v, want nothing new", r)
	}
	name := filepath.Join(t.TempDir(), "sig")
	if err := os.WriteFile(name, []byte(sign(other)), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := o
	fresh.Dir, fresh.Signatures = t.TempDir(), map[string]string{"npm": name}
	refused(fresh, "does not fit")
	signature = "no signature"
	fresh.Signatures = nil
	refused(fresh, "is no signature")
	holds(t, o.Dir, 10)
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := mirror.Update(t.Context(), mirror.Options{Source: "http://mirror.example", Ecosystems: []string{"../npm"},
		SHA256: map[string]string{"Go": "12"}, Signatures: map[string]string{"npm": "x"}, MinRecords: -1, MaxBytes: -1, Stall: -1})
	for _, want := range []string{"Dir", "Source", "Ecosystems", "64 hex digits", "of an ecosystem that is fetched", "with the key", "MinRecords", "MaxBytes", "Stall"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Update = %v, want %s told", err, want)
		}
	}
	for _, source := range []string{"ftp://mirror.example", "https://u:secret@mirror.example", "mirror.example", "https://mirror.example/?a=b", "http://10.0.0.1", "://"} {
		if _, err := mirror.Update(t.Context(), mirror.Options{Dir: t.TempDir(), Source: source}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Update from %s = %v, want it refused", source, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	key, err := mirror.ParseKey(read(f, "key.pub"))
	if err != nil {
		f.Fatal(err)
	}
	signed, signature := read(f, "signed.txt"), read(f, "signed.txt.minisig")
	f.Add(signature, signed)
	f.Add(read(f, "signed.txt.old.minisig"), signed)
	f.Fuzz(func(t *testing.T, s, text string) {
		if key.Verify(strings.NewReader(text), s) == nil && text != signed {
			t.Errorf("Verify takes %q with %q", text, s)
		}
		if k, err := mirror.ParseKey(s); err == nil && len(k.ID()) != 16 {
			t.Errorf("ParseKey(%q) has the id %s", s, k.ID())
		}
	})
}
