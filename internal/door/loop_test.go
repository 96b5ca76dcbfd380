package door_test

import (
	"flag"
	"os"
	"testing"

	"github.com/panoplysec/panoply/internal/door"
)

// own tells which server side of HTTP/1.1 the tests at hand run on.
var own bool

var only = flag.String("http1", "", "run the tests on one server side of HTTP/1.1: own or nethttp")

var by = flag.String("exchange", "", "the way to the application: own or proxy; else the own loop goes with the own exchange")

// TestMain runs all tests on net/http's server side of HTTP/1.1 and ReverseProxy, and then
// on the own loop and the own exchange, where what guards must not keep is overwritten.
func TestMain(m *testing.M) {
	flag.Parse()
	code := 0
	if *only != "own" {
		code = m.Run()
	}
	if code == 0 && *only != "nethttp" {
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

func exchange() string {
	switch {
	case *by != "":
		return *by
	case own:
		return "own"
	}
	return "proxy"
}
