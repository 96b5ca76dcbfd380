package upstream_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/balance"
	"github.com/panoplysec/panoply/internal/door/upstream"
	"github.com/panoplysec/panoply/internal/need"
)

// balanced is a front before a group of addresses.
type balanced struct {
	*front
	group   *upstream.Group
	members []*balance.Member
	keeper  *balance.Keeper
}

func newBalanced(t *testing.T, own bool, policy balance.Policy, addresses ...string) *balanced {
	t.Helper()
	return newBalancedFor(t, own, 30*time.Second, policy, addresses...)
}

// newBalancedFor waits for answers as long as is said.
func newBalancedFor(t *testing.T, own bool, response time.Duration, policy balance.Policy, addresses ...string) *balanced {
	t.Helper()
	b := &balanced{front: &front{streams: upstream.NewStreams()}, keeper: balance.NewKeeper(nil)}
	o := upstream.GroupOptions{
		Options: upstream.Options{
			Connect: 30 * time.Second, Response: response, Idle: 30 * time.Second, Streams: b.streams,
			Fail: func(w http.ResponseWriter, _ *http.Request, f upstream.Failure) {
				b.note(f.Reason)
				http.Error(w, "own page", f.Status)
			},
			Broken: func(_ *http.Request, f upstream.Failure) { b.note(f.Reason) },
		},
		Policy: policy, Own: own,
		Client: func(*http.Request) netip.Prefix { return netip.MustParsePrefix("192.0.2.1/32") },
	}
	var uses []balance.Use
	for _, address := range addresses {
		m := b.keeper.Member("api", address)
		b.members = append(b.members, m)
		o.Targets = append(o.Targets, upstream.Target{Member: m, Address: address})
		uses = append(uses, balance.Use{Member: m, Connect: upstream.Options{Address: address}.Reach})
	}
	g, err := upstream.NewGroup(o)
	if err != nil {
		t.Fatal(err)
	}
	b.keeper.Settle(uses)
	b.group = g
	b.Server = httptest.NewServer(g)
	t.Cleanup(func() { b.Server.Close(); g.CloseIdle(); b.keeper.Close() })
	return b
}

func (b *balanced) ask(t *testing.T, method string, body io.Reader) (int, string) {
	t.Helper()
	req, _ := http.NewRequest(method, b.URL, body)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

func bothWays(t *testing.T, test func(t *testing.T, own bool)) {
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprintf("own exchange %v", own), func(t *testing.T) { test(t, own) })
	}
}

// named is an application that says its name.
func named(t *testing.T, name string) (string, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.Add(1); _, _ = io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return hostOf(s), &n
}

// TestRefusedMember: a request that may be repeated goes to another member; of the others
// one at most fails, and after that none goes there until it is back, a second later at most.
func TestRefusedMember(t *testing.T) {
	bothWays(t, func(t *testing.T, own bool) {
		good, _ := named(t, "good")
		port := need.Port(t)
		b := newBalanced(t, own, balance.LeastConnections, fmt.Sprintf("127.0.0.1:%d", port), good)
		for range 20 {
			if status, body := b.ask(t, "GET", nil); status != 200 || body != "good" {
				t.Fatalf("GET = %d %q, want the good member's", status, body)
			}
		}
		if b.members[0].Reachable() || b.group.Repeated() != 1 || len(b.noted()) != 0 {
			t.Errorf("reachable %v, %d repeated, failures %v, want one repeated", b.members[0].Reachable(), b.group.Repeated(), b.noted())
		}
		for range 20 {
			if status, _ := b.ask(t, "POST", strings.NewReader("x")); status != 200 {
				t.Fatalf("POST = %d, want none to go to a lost member", status)
			}
		}
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Skip("the port is taken by another program: ", err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "back") })}
		go func() { _ = s.Serve(ln) }()
		defer s.Close()
		begin := time.Now()
		for end := begin.Add(10 * time.Second); !b.members[0].Reachable() && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		if took := time.Since(begin); took > 3*time.Second { // 1.1 s on an idle machine
			t.Errorf("back after %v, want about a second", took)
		}
		for range 100 {
			if _, body := b.ask(t, "POST", strings.NewReader("x")); body == "back" {
				return
			}
		}
		t.Error("no request goes to a member that is back")
	})
}

// TestWhatWasSentIsNotRepeated: a member takes requests and closes without an answer.
func TestWhatWasSentIsNotRepeated(t *testing.T) {
	bothWays(t, func(t *testing.T, own bool) {
		var arrived atomic.Int64
		dies := raw(t, func(net.Conn, *bufio.Reader) { arrived.Add(1) })
		good, answered := named(t, "good")
		b := newBalanced(t, own, balance.TwoChoices, dies, good)
		for i := range 60 {
			before := arrived.Load() + answered.Load()
			var body io.Reader
			method := []string{"POST", "PUT", "DELETE"}[i%3]
			if method != "DELETE" {
				body = strings.NewReader("x")
			}
			status, text := b.ask(t, method, body)
			if after := arrived.Load() + answered.Load(); after != before+1 {
				t.Fatalf("%s = %d %q arrived %d times, want once", method, status, text, after-before)
			}
		}
		if b.group.Repeated() != 0 || arrived.Load() == 0 {
			t.Errorf("%d repeated, %d at the member that dies", b.group.Repeated(), arrived.Load())
		}
		for range 50 {
			if status, body := b.ask(t, "GET", nil); status != 200 || body != "good" {
				t.Fatalf("GET = %d %q, want the good member's", status, body)
			}
		}
		if b.group.Repeated() == 0 {
			t.Error("no GET was repeated")
		}
		// A GET with a body, and a handshake, are not repeated either.
		before := b.group.Repeated()
		for range 20 {
			b.ask(t, "GET", strings.NewReader("x"))
		}
		if after := b.group.Repeated(); after != before {
			t.Errorf("%d requests with a body were repeated", after-before)
		}
	})
}

// TestRepeatingIsBounded: members that all die get little more than was asked.
func TestRepeatingIsBounded(t *testing.T) {
	var arrived atomic.Int64
	die := func(net.Conn, *bufio.Reader) { arrived.Add(1) }
	b := newBalanced(t, true, balance.TwoChoices, raw(t, die), raw(t, die))
	const n = 400
	for range n {
		if status, _ := b.ask(t, "GET", nil); status != 502 {
			t.Fatalf("GET = %d, want 502", status)
		}
	}
	if most := int64(n + 100 + n/10 + 1); arrived.Load() > most || arrived.Load() <= n {
		t.Errorf("%d requests arrived for %d asked, want at most %d, and some repeated", arrived.Load(), n, most)
	}
}

// TestSilentMember: who waited is told 504 and not made to wait again; others go elsewhere,
// but for one trial at a time.
func TestSilentMember(t *testing.T) {
	bothWays(t, func(t *testing.T, own bool) {
		good, _ := named(t, "good")
		var wakes atomic.Bool
		silent := raw(t, func(conn net.Conn, in *bufio.Reader) {
			if !wakes.Load() {
				_, _ = in.ReadByte()
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback")
		})
		b := newBalancedFor(t, own, time.Second, balance.LeastConnections, silent, good)
		waited := 0
		var served time.Duration // in which the member may come to be tried again
		for range 100 {
			begin := time.Now()
			switch status, body := b.ask(t, "GET", nil); {
			case status == 504:
				waited++
			case status != 200 || body != "good":
				t.Fatalf("GET = %d %q", status, body)
			default:
				served += time.Since(begin)
			}
			if waited > 0 && b.members[0].Standing().Up {
				t.Fatal("a member that did not answer is up")
			}
		}
		// It is aside for 100 ms first, and twice as long each time, a second at most.
		most, left := 2, served
		for aside := 100 * time.Millisecond; left >= aside; aside = min(2*aside, time.Second) {
			most, left = most+1, left-aside
		}
		if waited == 0 || waited > most || b.group.Repeated() != 0 {
			t.Errorf("%d of 100 waited in %v, %d repeated, want %d at most, and none", waited, served, b.group.Repeated(), most)
		}
		wakes.Store(true)
		for end := time.Now().Add(30 * time.Second); !b.members[0].Standing().Up && time.Now().Before(end); {
			b.ask(t, "GET", nil)
		}
		if !b.members[0].Standing().Up {
			t.Error("a member that answers again is not up")
		}
	})
}

// TestAllAreTriedWhenNoneIsWell: a guess is better than a refusal.
func TestAllAreTriedWhenNoneIsWell(t *testing.T) {
	good, _ := named(t, "good")
	b := newBalanced(t, true, balance.Client, good, fmt.Sprintf("127.0.0.1:%d", need.Port(t)))
	b.members[0].Slow(time.Now().Add(time.Hour))
	b.members[1].Lost()
	if status, body := b.ask(t, "POST", strings.NewReader("x")); status != 200 || body != "good" {
		t.Errorf("POST = %d %q, want the least bad member's answer", status, body)
	}
	if !b.members[0].Standing().Up {
		t.Error("a member that answered is not up")
	}
}

// TestCountsEnd: however a request ends, it is no longer counted as under way.
func TestCountsEnd(t *testing.T) {
	bothWays(t, func(t *testing.T, own bool) {
		cut := raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"))
		lies := raw(t, says("this is no HTTP\r\n\r\n"))
		b := newBalanced(t, own, balance.TwoChoices, cut, lies)
		for range 20 {
			if res, err := http.Get(b.URL); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		}
		for _, m := range b.members {
			for end := time.Now().Add(20 * time.Second); m.Standing().InFlight != 0 && time.Now().Before(end); {
				time.Sleep(5 * time.Millisecond)
			}
			if s := m.Standing(); s.InFlight != 0 || !s.Up || s.Failures != s.Requests || s.Failures == 0 {
				t.Errorf("Standing = %+v, want all failed, none under way, and up: answers that lie come quickly", s)
			}
		}
	})
}

// TestHTTP2MembersThatDie: over HTTP/2 one connection carries all requests, and dies with
// all of them: what may be repeated is, the rest is not.
func TestHTTP2MembersThatDie(t *testing.T) {
	var arrived, answered atomic.Int64
	var dies *httptest.Server
	serve := func(f http.HandlerFunc) *httptest.Server {
		s := httptest.NewUnstartedServer(f)
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.Start()
		t.Cleanup(s.Close)
		return s
	}
	dies = serve(func(_ http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		dies.CloseClientConnections()
		<-r.Context().Done()
	})
	good := serve(func(w http.ResponseWriter, _ *http.Request) { answered.Add(1); _, _ = io.WriteString(w, "good") })
	keeper := balance.NewKeeper(nil)
	t.Cleanup(keeper.Close)
	o := upstream.GroupOptions{Options: upstream.Options{Connect: time.Second, Response: 10 * time.Second, Idle: 10 * time.Second}}
	for _, s := range []*httptest.Server{dies, good} {
		o.Targets = append(o.Targets, upstream.Target{Member: keeper.Member("api", s.URL), Scheme: "h2c", Address: hostOf(s)})
	}
	g, err := upstream.NewGroup(o)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(g)
	t.Cleanup(func() { front.Close(); g.CloseIdle() })
	for i := range 40 {
		res, err := http.Get(front.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("GET %d = %d, want the good member's answer", i, res.StatusCode)
		}
		before := arrived.Load() + answered.Load()
		if res, err = http.Post(front.URL, "text/plain", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if n := arrived.Load() + answered.Load() - before; n != 1 {
			t.Errorf("POST %d = %d, and arrived %d times", i, res.StatusCode, n)
		}
	}
	if g.Repeated() == 0 || arrived.Load() == 0 {
		t.Errorf("%d repeated, %d at the member that dies", g.Repeated(), arrived.Load())
	}
}
