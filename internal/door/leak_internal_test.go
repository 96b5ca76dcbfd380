package door

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/need"
)

// TestReloadsLeaveNothing: a hundred reloads of groups that are asked and of one whose
// address is lost leave no goroutine and no open file; after Close nothing looks after them.
func TestReloadsLeaveNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	sound := httptest.NewServer(http.NotFoundHandler())
	address := strings.TrimPrefix(sound.URL, "http://")
	gone := fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	groups := func(n int) []config.Upstream {
		var all []config.Upstream
		for i, to := range [][]string{{address, gone}, {"h2c://" + address}, {"https://" + address}, {gone}} {
			u := config.DefaultUpstream()
			u.Name, u.To = fmt.Sprintf("g%d-%d", i, n%3), to
			u.Health.Path, u.Health.Interval = "/", config.Duration(100*time.Millisecond)
			all = append(all, u)
		}
		return all
	}
	d, _ := started(t, address, func(d *Door) {
		d.opts.Config.Upstreams, d.opts.Config.Probes = groups(0), "off"
	})
	reload := func(n int) {
		cfg := *d.current.Load().cfg
		cfg.Upstreams = groups(n)
		if err := d.Reload(&cfg); err != nil {
			t.Fatal(err)
		}
	}
	files := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return 0
		}
		return len(all)
	}
	settled := func(most func() bool) bool {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if most() {
				return true
			}
		}
		return false
	}
	reload(1)
	goroutines, open := runtime.NumGoroutine(), files()
	for n := range 100 {
		reload(n)
	}
	if !settled(func() bool { return runtime.NumGoroutine() <= goroutines+15 && files() <= open+15 }) {
		t.Errorf("%d goroutines and %d files after 100 reloads, want about %d and %d", runtime.NumGoroutine(), files(), goroutines, open)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Error(err)
	}
	sound.Close()
	if !settled(func() bool { return runtime.NumGoroutine() <= before+3 }) {
		stack := make([]byte, 1<<20)
		t.Errorf("%d goroutines after Close, %d before:\n%s", runtime.NumGoroutine(), before, stack[:runtime.Stack(stack, true)])
	}
}
