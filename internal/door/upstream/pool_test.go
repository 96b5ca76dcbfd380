package upstream

import (
	"net"
	"testing"
	"time"
)

// pairs makes connections that are open at both ends.
func pairs(t *testing.T, n int) (ours []*conn, theirs []net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for range n {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		there, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(); there.Close() })
		ours, theirs = append(ours, newConn(c)), append(theirs, there)
	}
	return ours, theirs
}

func TestPool(t *testing.T) {
	p := &pool{most: 2, keep: time.Minute}
	c, there := pairs(t, 3)
	for _, one := range c {
		p.put(one, 0)
	}
	if n := p.len(); n != 2 {
		t.Errorf("%d idle connections, want the bound of 2", n)
	}
	if _, err := there[0].Read(make([]byte, 1)); err == nil {
		t.Error("the longest idle connection is open, want it to have given way")
	}
	if got := p.get(time.Now()); got != c[2] {
		t.Error("get = another, want the last used")
	}
	p.closeAll()
	if got := p.get(time.Now()); got != nil {
		t.Error("a closed pool gave a connection")
	}
}

func TestPoolLooksBeforeUse(t *testing.T) {
	p := &pool{most: 10, keep: time.Minute}
	c, there := pairs(t, 4)
	for _, one := range c {
		p.put(one, 0)
	}
	time.Sleep(60 * time.Millisecond)
	_, _ = there[3].Write([]byte("HTTP/1.1 200 OK\r\n")) // says something unasked
	_ = there[2].(*net.TCPConn).CloseWrite()             // has half closed
	_ = there[1].(*net.TCPConn).SetLinger(0)
	_ = there[1].Close() // has reset
	time.Sleep(20 * time.Millisecond)
	if got := p.get(time.Now()); got != c[0] {
		t.Errorf("get = %v, want the one that is quiet", got)
	}
	if n := p.len(); n != 0 {
		t.Errorf("%d idle connections, want the bad ones gone", n)
	}
}

func TestPoolLetsGoByItself(t *testing.T) {
	p := &pool{most: 10, keep: 40 * time.Millisecond}
	c, there := pairs(t, 2)
	p.put(c[0], 0)
	time.Sleep(20 * time.Millisecond)
	p.put(c[1], 0)
	for _, one := range there {
		_ = one.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := one.Read(make([]byte, 1)); err == nil || timedOut(err) {
			t.Errorf("Read = %v, want the end of an idle connection", err)
		}
	}
	if n := p.len(); n != 0 {
		t.Errorf("%d idle connections, want none", n)
	}
}

func TestPoolBelievesTheApplication(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"timeout=5": 5 * time.Second, "timeout=5, max=100": 5 * time.Second, "max=3, Timeout=1": time.Second,
		"": 0, "timeout=": 0, "timeout=-1": 0, "timeout=99999999999": 0, "max=1": 0,
	} {
		if got := keepAlive(value); got != want {
			t.Errorf("keepAlive(%q) = %v, want %v", value, got, want)
		}
	}
	p := &pool{most: 10, keep: 4 * time.Second}
	defer p.closeAll()
	c, _ := pairs(t, 2)
	p.put(c[0], 0)
	p.put(c[1], time.Second)
	if got := p.get(time.Now().Add(900 * time.Millisecond)); got != c[0] {
		t.Error("get = the one that is told to end within a second")
	}
}
