package tlsscan_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

// A gate decides what becomes of a connection to a good server behind it.
type gate struct {
	behind []string
	// open is asked for each connection, and told how many came before.
	open func(n int) verdict
	n    atomic.Int64
}

type verdict int

const (
	pass   verdict = iota
	hangUp         // without a word
	reset
	stall // take the hello, and say nothing
	cut   // in the middle of the first flight
	other // pass to the second server
)

func (g *gate) serve(c net.Conn) {
	to := g.behind[0]
	switch v := g.open(int(g.n.Add(1)) - 1); v {
	case hangUp:
		return
	case reset:
		c.(*net.TCPConn).SetLinger(0)
		return
	case stall:
		io.Copy(io.Discard, c)
		return
	case cut:
		up, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer up.Close()
		go io.Copy(up, c)
		io.CopyN(c, up, 40)
		return
	case other:
		to = g.behind[1]
	}
	up, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer up.Close()
	go func() { io.Copy(up, c); up.(*net.TCPConn).CloseWrite() }()
	io.Copy(c, up)
}

// told is what a report says of a server, to be held against what it has.
func told(r *tlsscan.Report) map[string]any {
	return map[string]any{
		"protocols": r.Protocols, "suites": r.Suites, "groups": r.Groups, "findings": r.Findings, "certificates": len(r.Certificates),
		"not tested": slices.Sorted(maps.Keys(r.NotTested)), "fallback": r.Features.FallbackSCSV, "HSTS": r.Features.HSTS, "ALPN": r.Features.ALPN,
	}
}

// TestNeverLessInSilence holds that a server that sheds load, breaks off, stalls or goes
// away is told of as a whole, or the report is marked as incomplete: with less than the
// server has it never looks whole.
func TestNeverLessInSilence(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	good := leaf{rsa: 2048}.make(t, root)
	config := &tls.Config{Certificates: []tls.Certificate{good}, CipherSuites: append(slices.Clone(intermediate), 0xc013, 0xc014, 0x009c), CurvePreferences: groups, NextProtos: []string{"h2", "http/1.1"}}
	behind := serve(t, config)
	whole := told(scan(t, behind, root.cert))
	randomly := func(seed uint64, share float64, v verdict) func(int) verdict {
		r := rand.New(rand.NewPCG(seed, 8))
		var mu sync.Mutex
		return func(int) verdict {
			mu.Lock()
			defer mu.Unlock()
			if r.Float64() < share {
				return v
			}
			return pass
		}
	}
	after := func(most int, v verdict) func(int) verdict {
		return func(n int) verdict {
			if n < most {
				return pass
			}
			return v
		}
	}
	limited := func(rate, burst float64) func(int) verdict {
		var mu sync.Mutex
		tokens, last := burst, time.Now()
		return func(int) verdict {
			mu.Lock()
			defer mu.Unlock()
			now := time.Now()
			tokens, last = min(burst, tokens+rate*now.Sub(last).Seconds()), now
			if tokens < 1 {
				return hangUp
			}
			tokens--
			return pass
		}
	}
	type trouble struct {
		name string
		open func(int) verdict
		must bool // it cannot be seen as a whole
	}
	all := []trouble{{"25 a second", limited(25, 5), false}, {"5 a second", limited(5, 2), false}, {"cuts a fifth", randomly(3, 0.2, cut), false}, {"stalls a tenth", randomly(4, 0.1, stall), false}}
	for _, n := range []int{1, 3, 8, 15, 22, 26} {
		all = append(all, trouble{fmt.Sprintf("answers the first %d, then hangs up", n), after(n, hangUp), true},
			trouble{fmt.Sprintf("answers the first %d, then is silent", n), after(n, stall), true})
	}
	for seed := range uint64(12) {
		all = append(all, trouble{fmt.Sprintf("resets 30 %%, %d", seed), randomly(seed, 0.3, reset), false})
	}
	var wg sync.WaitGroup // they mostly wait: all at once, whatever -parallel says
	for _, x := range all {
		g := &gate{behind: []string{behind}, open: x.open}
		addr := raw(t, g.serve)
		wg.Go(func() {
			r, err := tlsscan.Scan(t.Context(), addr, tlsscan.Options{ServerName: "app.test", Roots: []*x509.Certificate{root.cert}, Timeout: time.Second})
			if err != nil {
				t.Errorf("%s: %v", x.name, err)
				return
			}
			if r.Connections > 400 || r.Took > 20*time.Second {
				t.Errorf("%s: %d connections in %v", x.name, r.Connections, r.Took)
			}
			if why := r.Notes["target.several-servers"]; why != "" {
				t.Errorf("%s: it is taken for several servers: %s", x.name, why)
			}
			if len(r.Incomplete) > 0 || !r.Reachable {
				return
			}
			if x.must {
				t.Errorf("%s: the report is not marked as incomplete", x.name)
			}
			if got := told(r); !reflect.DeepEqual(got, whole) {
				t.Errorf("%s: it looks whole, and tells %v,\nof %v", x.name, got, whole)
			}
		})
	}
	wg.Wait()
}
