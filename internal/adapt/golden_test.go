package adapt_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/adapt"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/testcert"
)

var update = flag.Bool("update", false, "write the golden files again")

// pairFor writes a certificate and its key as cert.pem and key.pem.
func pairFor(t *testing.T, dir string, names ...string) {
	t.Helper()
	certificate, key := testcert.SelfSigned(t, time.Now().Add(24*time.Hour), names...)
	for name, text := range map[string][]byte{"cert.pem": certificate, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// workplace is a copy of a folder of testdata, with certificates and pages.
func workplace(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	pairFor(t, dir, "shop.example", "a.example", "b.example", "b2.example", "www.shop.example", "api.example")
	for name, text := range map[string]string{"tls/pair.conf": "ssl_certificate cert.pem;\nssl_certificate_key key.pem;\n", "pages/404.html": "<title>not here</title>"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// golden compares what an adapter made of a file with what is recorded: the YAML, then the
// notes. It returns the YAML.
func golden(t *testing.T, dir, file string, r *adapt.Result) []byte {
	t.Helper()
	var b strings.Builder
	b.Write(r.YAML())
	b.WriteString("--- notes\n")
	for _, n := range r.Notes {
		fmt.Fprintln(&b, n)
	}
	got := strings.ReplaceAll(b.String(), dir, "DIR")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./internal/adapt -update):\n%s", file, got)
	}
	return r.YAML()
}

// loads says what the configuration finds wrong with a file, nil when nothing.
func loads(t *testing.T, text []byte) error {
	t.Helper()
	name := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(name, nil)
	return err
}
