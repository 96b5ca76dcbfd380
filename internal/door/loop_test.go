package door_test

import (
	"flag"
	"os"
	"testing"

	"github.com/panoplysec/panoply/internal/door"
)

// own tells which server side of HTTP/1.1 the tests at hand run on.
var own bool

// TestMain runs all tests on net/http's server side of HTTP/1.1 and then on the own one,
// where what guards must not keep is overwritten. PANOPLY_HTTP1 chooses one of them.
func TestMain(m *testing.M) {
	flag.Parse()
	which := os.Getenv("PANOPLY_HTTP1")
	code := 0
	if which != "own" {
		code = m.Run()
	}
	if code == 0 && which != "nethttp" {
		own = true
		door.Poison()
		code = m.Run()
	}
	os.Exit(code)
}

func loop() string {
	if own {
		return "own"
	}
	return "nethttp"
}
