// Command tlsfleet measures what panoply audit needs for the scan of a thousand TLS
// servers on loopback: its time and its memory. The servers run in another process; both
// share the machine, and so its processors.
//
//	cd bench && go run ./tlsfleet
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/panoplysec/panoply/bench/internal/proc"
	"github.com/panoplysec/panoply/bench/internal/tlsserve"
)

const (
	servers = 1000
	rounds  = 3
)

func main() {
	err := error(nil)
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		err = serve(os.Args[2])
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// serve starts the servers, writes their addresses, and ends with its standard input.
func serve(dir string) error {
	configs, err := tlsserve.Configs(filepath.Join(dir, "root.pem"))
	if err != nil {
		return err
	}
	var list strings.Builder
	for i := range servers {
		addr, err := tlsserve.Serve(configs[i%len(configs)])
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%s %s # %s\n", addr, tlsserve.Name, tlsserve.Kinds[i%len(configs)])
	}
	if err := os.WriteFile(filepath.Join(dir, "targets"), []byte(list.String()), 0o600); err != nil {
		return err
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadByte()
	return nil
}

func run() error {
	dir, err := os.MkdirTemp("", "panoply-fleet-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := proc.BuildPanoply(dir)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	others := exec.Command(self, "serve", dir)
	in, err := others.StdinPipe()
	if err != nil {
		return err
	}
	out, err := others.StdoutPipe()
	if err != nil {
		return err
	}
	others.Stderr = os.Stderr
	if err := others.Start(); err != nil {
		return err
	}
	defer func() { in.Close(); others.Wait() }()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return fmt.Errorf("the servers did not start: %w", err)
	}
	fmt.Printf("# %s\n# median (lowest–highest) of %d runs over %d servers in another process, %s in turn\n\n", proc.Machine(), rounds, servers, strings.Join(tlsserve.Kinds, "; "))
	fmt.Println("| run | seconds | peak memory | processor seconds | connections of the scans | complete |\n|---|---|---|---|---|---|")
	var took, memory, cpu []float64
	for _, how := range []struct {
		name string
		args []string
	}{{"JSON lines", nil}, {"JSON lines and a journal", []string{"--resume"}}, {"the same again", []string{"--resume"}}} {
		took, memory, cpu = nil, nil, nil
		var seen census
		for i := range rounds {
			args := []string{"audit", "--only", "tls", "--targets", filepath.Join(dir, "targets"), "--root", filepath.Join(dir, "root.pem"), "--format", "jsonl"}
			for _, a := range how.args {
				args = append(args, a, filepath.Join(dir, fmt.Sprint("journal", i)))
			}
			cmd := exec.Command(bin, args...)
			cmd.Stderr = os.Stderr
			file, err := os.Create(filepath.Join(dir, "out"))
			if err != nil {
				return err
			}
			cmd.Stdout = file
			start := time.Now()
			if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 {
				return fmt.Errorf("panoply audit: %w", err)
			}
			took = append(took, time.Since(start).Seconds())
			used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
			memory = append(memory, float64(used.Maxrss)/1024)
			cpu = append(cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
			file.Close()
			if seen, err = count(file.Name()); err != nil {
				return err
			}
		}
		t, tl, th := proc.Median(took)
		m, ml, mh := proc.Median(memory)
		c, _, _ := proc.Median(cpu)
		fmt.Printf("| %s | %.1f (%.1f–%.1f) | %.0f MB (%.0f–%.0f) | %.1f | %d | %d of %d |\n", how.name, t, tl, th, m, ml, mh, c, seen.connections, seen.complete, servers)
	}
	return nil
}

// A census is what the reports say.
type census struct{ connections, complete int }

func count(name string) (census, error) {
	var c census
	f, err := os.Open(name)
	if err != nil {
		return c, err
	}
	defer f.Close()
	for dec := json.NewDecoder(f); dec.More(); {
		var l struct {
			Gaps   []string
			Report struct {
				Practices []struct {
					Scans []struct {
						Connections int
						Incomplete  []string
					}
				}
			}
		}
		if err := dec.Decode(&l); err != nil {
			return c, err
		}
		for _, p := range l.Report.Practices {
			for _, s := range p.Scans {
				c.connections += s.Connections
				if len(s.Incomplete) == 0 && len(l.Gaps) == 0 {
					c.complete++
				}
			}
		}
	}
	return c, nil
}
