package proxy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/panoplysec/panoply/bench/internal/proc"
)

// caddyVersion is the peer measured against.
const caddyVersion = "v2.11.9"

// buildCaddy builds the stock program outside the tree, once: its modules never enter
// ours.
func buildCaddy(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "panoply", "bench", "caddy-"+caddyVersion)
	bin := filepath.Join(dir, "caddy")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	files := map[string]string{
		"go.mod": "module caddybuild\n\ngo 1.26\n",
		"main.go": `package proxy

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
`,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	for _, args := range [][]string{{"get", "github.com/caddyserver/caddy/v2@" + caddyVersion}, {"mod", "tidy", "-e"}, {"build", "-o", bin, "."}} {
		fmt.Fprintln(os.Stderr, "bench: caddy: go", args[0])
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go %s: %v\n%s", args[0], err, out)
		}
	}
	return bin, nil
}

// Caddy runs a plain reverse_proxy with the same headers set and the same banner
// removed.
func Caddy(ctx context.Context, dir, bin, upstream, cert, key string) (*Proxy, error) {
	if bin == "" {
		var err error
		if bin, err = buildCaddy(ctx); err != nil {
			return nil, err
		}
	}
	addr := proc.FreeAddr()
	_, port, _ := splitPort(addr)
	file := filepath.Join(dir, "Caddyfile")
	var add strings.Builder
	for _, h := range headers {
		fmt.Fprintf(&add, "\t\t%s %q\n", h[0], h[1])
	}
	text := fmt.Sprintf(`{
	admin off
	auto_https off
}
https://localhost:%s {
	bind 127.0.0.1
	tls %s %s
	log {
		output file %s
	}
	header {
%s		-X-Powered-By
		-Server
		defer
	}
	reverse_proxy %s
}
`, port, cert, key, filepath.Join(dir, "caddy.log"), add.String(), upstream)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	home := []string{"XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
	p, err := proc.Start("caddy", addr, home, bin, "run", "--config", file, "--adapter", "caddyfile")
	if err != nil {
		return nil, err
	}
	return &Proxy{Name: "caddy", Proc: p, URL: "https://localhost:" + port + "/"}, nil
}
