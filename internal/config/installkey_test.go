package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
)

func TestReadInstallKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "install.key")
	raw := append([]byte(" \n"), bytes.Repeat([]byte{9}, 30)...) // of a state folder, whatever its bytes
	for _, tt := range []struct{ text, want string }{
		{"0123456789abcdef0123456789abcdef0123\n", "0123456789abcdef0123456789abcdef0123"},
		{"0123456789abcdef0123456789abcdef0123", "0123456789abcdef0123456789abcdef0123"},
		{string(raw), string(raw)},
		{"", ""}, {"short\n", ""}, {strings.Repeat(" ", 40) + "x", ""}, {strings.Repeat("a", 5000), ""},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.ReadInstallKey(path)
		if (err == nil) != (tt.want != "") || string(got) != tt.want {
			t.Errorf("ReadInstallKey of %q = %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestInstallKeyAndPublicPort(t *testing.T) {
	_, problems := load(t, "install_key: gone.key\npublic_port: 70000\n", nil)
	for _, want := range []string{"panoply.yaml:1:14: install_key: stat ", "(umask 077; head -c 32 /dev/urandom | base64 > ", `panoply.yaml:2:14: public_port: is "70000", must be 1 to 65535, or 0 for the port of listen`} {
		if !strings.Contains(problems, want) {
			t.Errorf("Load = %s, want %s", problems, want)
		}
	}
	cfg, problems := load(t, "listen: 0.0.0.0:8443\nsites: [a.localhost]\npublic_port: 443\n", nil)
	if problems != "" {
		t.Fatal(problems)
	}
	if url, _ := cfg.Address(); url != "https://a.localhost" || cfg.PortSeen("8443") != "443" {
		t.Errorf("Address() = %s, PortSeen = %s, want 443", url, cfg.PortSeen("8443"))
	}
	// A secret of all doors is enough to count together.
	dir := t.TempDir()
	key := filepath.Join(dir, "install.key")
	if err := os.WriteFile(key, []byte("0123456789abcdef0123456789abcdef0123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems := load(t, "install_key: "+key+"\nlimits: {redis: [\"127.0.0.1:6379\"]}\n", nil); problems != "" {
		t.Errorf("Load = %s, want no need of limits.secret", problems)
	}
}
