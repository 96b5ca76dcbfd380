// Command build measures what a clean build of cmd/panoply costs beside an empty
// net/http program: CPU seconds from an empty build cache, in one interleaved run.
//
//	cd bench && go run ./build
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/panoplysec/panoply/bench/internal/proc"
)

const empty = `package main

import "net/http"

func main() { http.ListenAndServe("127.0.0.1:0", nil) }
`

func main() {
	rounds := flag.Int("rounds", 3, "interleaved rounds")
	flag.Parse()
	if err := run(*rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(rounds int) error {
	dir, err := os.MkdirTemp("", "panoply-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	hello := filepath.Join(dir, "empty")
	if err := os.MkdirAll(hello, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(hello, "go.mod"), []byte("module empty\n\ngo 1.26\n"), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(hello, "main.go"), []byte(empty), 0o644); err != nil {
		return err
	}
	var ours, theirs, ratio []float64
	for round := range rounds {
		a, err := build(dir, "..", "./cmd/panoply")
		if err != nil {
			return err
		}
		b, err := build(dir, hello, ".")
		if err != nil {
			return err
		}
		ours, theirs, ratio = append(ours, a), append(theirs, b), append(ratio, a/b)
		fmt.Fprintf(os.Stderr, "round %d: panoply %.1f s, empty %.1f s\n", round+1, a, b)
	}
	fmt.Printf("%s; CPU seconds of go build from an empty cache, medians of %d interleaved rounds (low–high)\n\n", proc.Machine(), rounds)
	fmt.Println("| program | CPU s |\n|---|---|")
	m, l, h := proc.Median(ours)
	fmt.Printf("| cmd/panoply | %.1f (%.1f–%.1f) |\n", m, l, h)
	m, l, h = proc.Median(theirs)
	fmt.Printf("| empty net/http program | %.1f (%.1f–%.1f) |\n", m, l, h)
	m, l, h = proc.Median(ratio)
	fmt.Printf("\nRatio %.2f (%.2f–%.2f).\n", m, l, h)
	return nil
}

// build returns the CPU seconds of one build from an empty cache.
func build(dir, in, pkg string) (float64, error) {
	cache, err := os.MkdirTemp(dir, "cache-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(cache)
	cmd := exec.Command("go", "build", "-o", os.DevNull, pkg)
	cmd.Dir = in
	cmd.Env = append(os.Environ(), "GOCACHE="+cache, "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build %s: %v\n%s", pkg, err, out)
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), nil
}
