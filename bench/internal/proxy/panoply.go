// Package proxy starts the proxies under measurement: Panoply, nginx and Caddy, with the same
// certificate, the same headers and an access log in a file.
package proxy

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/panoplysec/panoply/bench/internal/proc"
)

// A Proxy runs.
type Proxy struct {
	Name string
	Proc *proc.Process
	URL  string
}

func splitPort(addr string) (host, port string, err error) { return net.SplitHostPort(addr) }

// A Variant is a way to run the door.
type Variant struct{ Name, http1, exchange string }

// Variants are those that are measured.
var Variants = []Variant{{"panoply", "own", "own"}, {"panoply-nethttp", "nethttp", "proxy"}}

// Panoply starts the door with everything on, its access log in a file.
func Panoply(dir, bin string, v Variant, upstream, cert, key string) (*Proxy, error) {
	addr := proc.FreeAddr()
	_, port, _ := splitPort(addr)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "panoply.yaml")
	text := fmt.Sprintf(`upstream: %s
listen: 127.0.0.1:%s
redirect: off
sites: [localhost]
state: %s
http1: %s
exchange: %s
tls:
  certificates:
    - cert: %s
      key: %s
admin:
  listen: off
`, upstream, port, filepath.Join(dir, "state"), v.http1, v.exchange, cert, key)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	// A shell puts the log into a file, as the peers' are, and is gone.
	run := fmt.Sprintf("exec %q serve --config %q >%q", bin, file, filepath.Join(dir, "access.log"))
	p, err := proc.Start(v.Name, addr, nil, "sh", "-c", run)
	if err != nil {
		return nil, err
	}
	return &Proxy{Name: v.Name, Proc: p, URL: "https://localhost:" + port + "/"}, nil
}
