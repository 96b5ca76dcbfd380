package fix_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/fix"
)

// What a test has started ends with it when it is called off.
func TestATestThatDoesNotEnd(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no groups of processes")
	}
	dir, r := locked(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	child := fmt.Sprintf("require('net').connect(%d, '127.0.0.1'); setInterval(() => {}, 1000)", ln.Addr().(*net.TCPAddr).Port)
	test := fmt.Sprintf("require('child_process').spawn(process.execPath, ['-e', %q]); setInterval(() => {}, 1000)\n", child)
	if err := os.WriteFile(filepath.Join(dir, "test.js"), []byte(test), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", simple.advisories), Registry: client(t, r)})
	out, err := f.Fix(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	ctx, stop := context.WithCancel(bounded(t))
	ended := make(chan error, 1)
	go func() { ended <- f.Test(ctx, out, t.Output()) }()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stop()
	if err := <-ended; err == nil {
		t.Error("Test = nil, want an error")
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); os.IsTimeout(err) {
		t.Error("what the test started still runs")
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("the folder changed:\n%s", after)
	}
}
