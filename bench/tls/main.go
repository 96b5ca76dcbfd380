// Command tls sets the scan of a TLS server beside nmap's scripts, sslscan and testssl.sh:
// the time of each and the connections that it makes, counted by a forwarder in front of
// the server. The tools take turns, so that the load of the machine meets all alike. The
// peers have to be installed (Debian: nmap, sslscan, testssl.sh); who is not there is
// left out.
//
//	cd bench && go run ./tls [-rounds 5] [-limit 20s]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/panoplysec/panoply/bench/internal/proc"
	"github.com/panoplysec/panoply/bench/internal/tlsserve"
)

// nmapScripts are those of nmap 7.93 that look for something wrong with a TLS server.
const nmapScripts = "ssl-enum-ciphers,ssl-cert,ssl-cert-intaddr,ssl-dh-params,ssl-ccs-injection,ssl-heartbleed,ssl-known-key,ssl-poodle,sslv2,sslv2-drown,tls-alpn,tls-ticketbleed"

func main() {
	rounds := flag.Int("rounds", 5, "how often each tool scans each server")
	limit := flag.Duration("limit", 20*time.Second, "time for one scan by a peer; what is longer is ended")
	flag.Parse()
	if err := run(*rounds, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A tool scans host:port.
type tool struct {
	name string
	argv func(host, port string) []string
}

func tools(bin, root string) []tool {
	return []tool{
		{"panoply", func(h, p string) []string {
			return []string{bin, "audit", "--only", "tls", "--sni", tlsserve.Name, "--root", root, "--format", "json", net.JoinHostPort(h, p)}
		}},
		{"nmap, 12 scripts", func(h, p string) []string {
			return []string{"nmap", "-Pn", "-n", "-p", p, "--script", nmapScripts, "--script-args", "tls.servername=" + tlsserve.Name, h}
		}},
		{"sslscan", func(h, p string) []string {
			return []string{"sslscan", "--no-colour", "--sni-name=" + tlsserve.Name, net.JoinHostPort(h, p)}
		}},
		{"testssl.sh", func(h, p string) []string {
			return []string{"testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", h, net.JoinHostPort(tlsserve.Name, p)}
		}},
	}
}

// A tally is what one tool needed for one server.
type tally struct {
	seconds, connections []float64
	cut                  int
	// own are the connections of the whole scan alone, as its report counts them, and the
	// seconds that it took; of panoply.
	own  []float64
	took []float64
}

func run(rounds int, limit time.Duration) error {
	dir, err := os.MkdirTemp("", "panoply-tls-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := proc.BuildPanoply(dir)
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "root.pem")
	configs, err := tlsserve.Configs(root)
	if err != nil {
		return err
	}
	var present []tool
	fmt.Printf("# %s\n", proc.Machine())
	for _, t := range tools(bin, root) {
		if _, err := exec.LookPath(t.argv("", "")[0]); err != nil {
			fmt.Printf("# %s is not installed\n", t.name)
			continue
		}
		present = append(present, t)
	}
	fmt.Printf("# %s\n# median (lowest–highest) of %d rounds, the tools in turn; a peer is ended after %v\n\n", versions(), rounds, limit)
	results := make(map[string]*tally)
	var order []string
	for range rounds {
		for kind, config := range configs {
			name := tlsserve.Kinds[kind]
			if name == "intermediate, RSA" {
				continue // between the other two
			}
			f, err := forward(config)
			if err != nil {
				return err
			}
			for _, t := range present {
				key := name + " | " + t.name
				if results[key] == nil {
					results[key] = new(tally)
					order = append(order, key)
				}
				if err := results[key].add(t, f, limit); err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
			}
			f.ln.Close()
		}
	}
	fmt.Println("| server | tool | seconds | connections | of these the scan itself |\n|---|---|---|---|---|")
	for _, key := range order {
		r := results[key]
		s, sl, sh := proc.Median(r.seconds)
		c, cl, ch := proc.Median(r.connections)
		took := fmt.Sprintf("%.2f (%.2f–%.2f)", s, sl, sh)
		count := fmt.Sprintf("%.0f (%.0f–%.0f)", c, cl, ch)
		if r.cut > 0 {
			took, count = fmt.Sprintf("> %.0f, ended in %d of %d", limit.Seconds(), r.cut, rounds), fmt.Sprintf("> %.0f", c)
		}
		own := ""
		if len(r.own) > 0 {
			n, _, _ := proc.Median(r.own)
			t, _, _ := proc.Median(r.took)
			own = fmt.Sprintf("%.0f in %.3f s", n, t)
		}
		fmt.Printf("| %s | %s | %s | %s |\n", key, took, count, own)
	}
	return nil
}

func (r *tally) add(t tool, f *forwarder, limit time.Duration) error {
	f.n.Store(0)
	host, port, _ := net.SplitHostPort(f.ln.Addr().String())
	argv := t.argv(host, port)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	// testssl.sh has children that would go on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	start := time.Now()
	err := cmd.Run()
	r.seconds = append(r.seconds, time.Since(start).Seconds())
	r.connections = append(r.connections, float64(f.n.Load()))
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		r.cut++
		return nil
	case err != nil && !errors.As(err, &exit):
		return err
	case t.name != "panoply":
		return nil
	}
	var doc struct {
		Practices []struct {
			Scans []struct {
				Connections int
				Took        time.Duration `json:"took_ns"`
				Incomplete  []string
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		return err
	}
	for _, p := range doc.Practices {
		for _, s := range p.Scans {
			if len(s.Incomplete) > 0 {
				return fmt.Errorf("the scan is incomplete: %v", s.Incomplete)
			}
			r.own, r.took = append(r.own, float64(s.Connections)), append(r.took, s.Took.Seconds())
		}
	}
	return nil
}

// versions says who is compared.
func versions() string {
	out, _ := exec.Command("dpkg-query", "-W", "-f", "${Package} ${Version}, ", "nmap", "sslscan", "testssl.sh").Output()
	return strings.TrimSuffix(string(out), ", ")
}
