package cli_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/panoplysec/panoply/internal/cli"
)

// trap counts who connects.
func trap(t *testing.T) (port string, caught *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	caught = new(atomic.Int32)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			caught.Add(1)
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	return port, caught
}

// hostile is a folder that names addresses, wants variables expanded, points out of
// itself, and excuses itself.
func hostile(t *testing.T, port string) string {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret.js")
	for name, text := range map[string]string{
		filepath.Join(dir, "panoply.yaml"): fmt.Sprintf(`
upstream: 127.0.0.1:%[1]s
listen: 127.0.0.1:%[1]s
redirect: 127.0.0.1:%[1]s
state: ${PANOPLY_TEST_SECRET}
tls: {certificates: [{cert: /etc/passwd, key: /etc/shadow}]}
audit: {key: /etc/shadow}
ignore:
  - {id: fingerprint, scope: '*', reason: '${PANOPLY_TEST_SECRET}', until: 2999-12-31}
`, port),
		filepath.Join(dir, ".npmrc"):       fmt.Sprintf("registry=http://127.0.0.1:%[1]s/\nproxy=http://127.0.0.1:%[1]s/\n//127.0.0.1:%[1]s/:_authToken=${PANOPLY_TEST_SECRET}\n", port),
		filepath.Join(dir, "package.json"): fmt.Sprintf(`{"main":"../../../../etc/passwd","scripts":{"preinstall":"curl 127.0.0.1:%[1]s","start":"PORT=%[1]s node app.js ${PANOPLY_TEST_SECRET}"},"dependencies":{"express":"http://127.0.0.1:%[1]s/x.tgz"}}`, port),
		filepath.Join(dir, "app.js"):       "const app = require('express')()\napp.listen(3000)\n",
		secret:                             "// panoply-ignore: headers s3cret-of-the-machine until=2999-12-31\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(secret, filepath.Join(dir, "link.js")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAuditedFolderIsData(t *testing.T) {
	t.Setenv("PANOPLY_TEST_SECRET", "s3cret-of-the-environment")
	t.Setenv("HTTP_PROXY", "")
	for _, tt := range []struct {
		name    string
		inside  bool
		args    []string
		contact bool
	}{
		{name: "named"},
		{name: "named, as JSON", args: []string{"--format", "json"}},
		{name: "named and trusted", args: []string{"--trust-project"}, contact: true},
		// Whoever stands in a folder and says nothing means its own loopback address.
		{name: "inside", inside: true, contact: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			port, caught := trap(t)
			dir := hostile(t, port)
			args := append([]string{"audit", "--timeout", "20s"}, tt.args...)
			if tt.inside {
				t.Chdir(dir)
			} else {
				args = append(args, dir)
			}
			var out, errs bytes.Buffer
			code := cli.Run(args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "test")
			if got := caught.Load() > 0; got != tt.contact {
				t.Errorf("contacted: %v, want %v\n%s", got, tt.contact, &errs)
			}
			if code == 2 {
				t.Errorf("exit 2: %s", &errs)
			}
			if said := out.String() + errs.String(); strings.Contains(said, "s3cret") {
				t.Errorf("the report holds a secret:\n%s", said)
			}
		})
	}
}

// TestNoArgumentsAndAStranger: a host that is not this machine is named, not contacted.
func TestNoArgumentsAndAStranger(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"panoply.yaml": "upstream: :3000\nlisten: 0.0.0.0:443\nsites: [shop.invalid]\n", "app.js": "const app = require('express')()\napp.listen(3000)\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out, errs bytes.Buffer
	cli.Run([]string{"audit"}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "test")
	if !strings.Contains(errs.String(), "https://shop.invalid") || !strings.Contains(errs.String(), "--trust-project") {
		t.Errorf("stderr = %q, want the address that was not asked", &errs)
	}
	if strings.Contains(out.String(), "shop.invalid") {
		t.Errorf("stdout = %q, want the folder alone", &out)
	}
}

func TestActiveAsksFirst(t *testing.T) {
	port, caught := trap(t)
	production := filepath.Join(t.TempDir(), "panoply.yaml")
	if err := os.WriteFile(production, []byte("upstream: :3000\naudit: {production: true}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"nobody to ask", nil, "--yes"},
		{"production", []string{"--yes", "--config", production}, "production"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"audit", "--active", "http://127.0.0.1:" + port}, tt.args...)
		if code := cli.Run(args, cli.Streams{In: strings.NewReader("y\n"), Out: &out, Err: &errs}, "test"); code != 2 || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%s: exit %d, %s, want 2 and %q", tt.name, code, &errs, tt.want)
		}
		if caught.Load() > 0 {
			t.Errorf("%s: something was sent", tt.name)
		}
	}
}

// TestTheFolderChoosesNobodyForCredentials: what may do harm goes where the person who
// audits says, and not where the folder does.
func TestTheFolderChoosesNobodyForCredentials(t *testing.T) {
	for _, args := range [][]string{{"--active", "--yes"}, {"--header", "Authorization: Bearer abcdefgh"}} {
		port, caught := trap(t)
		t.Chdir(hostile(t, port))
		var out, errs bytes.Buffer
		code := cli.Run(append([]string{"audit"}, args...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "test")
		if code != 2 || caught.Load() > 0 || !strings.Contains(errs.String(), "name the address") {
			t.Errorf("audit %v: exit %d after %d connections: %s, want 2 and none", args, code, caught.Load(), &errs)
		}
	}
}
