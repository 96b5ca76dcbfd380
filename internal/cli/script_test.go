package cli_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/panoplysec/panoply/internal/cli"
	"github.com/panoplysec/panoply/internal/need"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"panoply": func() {
			os.Exit(cli.Run(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, "test"))
		},
	})
}

// Each script is one topic. Beside testscript's own commands there are:
//
//	exits N cmd…        run cmd and demand this exit code
//	listens PORT        wait until something listens on this port of loopback
//
// and the variables APP (a naked app, host:port), LOGIN (an app with a login that nothing
// limits), CART (one whose cart anybody may fill), UNASKED (one that talks unasked), OSV (where advisories are published), HTTPS, HTTP and ADMIN (free ports).
func TestScripts(t *testing.T) {
	need.Program(t, "curl")
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			app := httptest.NewServer(http.HandlerFunc(naked))
			env.Defer(app.Close)
			env.Setenv("APP", strings.TrimPrefix(app.URL, "http://"))
			login := httptest.NewServer(http.HandlerFunc(unlimited))
			env.Defer(login.Close)
			env.Setenv("LOGIN", strings.TrimPrefix(login.URL, "http://"))
			cart := httptest.NewServer(http.HandlerFunc(anybodys))
			env.Defer(cart.Close)
			env.Setenv("CART", strings.TrimPrefix(cart.URL, "http://"))
			unasked := httptest.NewServer(http.HandlerFunc(talksUnasked))
			env.Defer(unasked.Close)
			env.Setenv("UNASKED", strings.TrimPrefix(unasked.URL, "http://"))
			osv := httptest.NewServer(http.HandlerFunc(published))
			env.Defer(osv.Close)
			env.Setenv("OSV", osv.URL)
			for _, name := range []string{"HTTPS", "HTTP", "ADMIN"} {
				env.Setenv(name, strconv.Itoa(need.Port(t)))
			}
			// Short, since the path of a unix socket is.
			state, err := os.MkdirTemp("", "p")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(state) })
			env.Setenv("STATE", state)
			env.Setenv("XDG_STATE_HOME", state)
			env.Setenv("HOME", state)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":   exits,
			"listens": listens,
		},
	})
}

// naked is the app behind the door in scripts: an Express in development, in short.
func naked(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Powered-By", "Express")
	switch r.URL.Path {
	case "/":
		http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: "s%3Aabc.def", Path: "/", HttpOnly: true})
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><title>shop</title><h1>Hello</h1>")
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot %s %s</pre>\n</body>\n</html>\n", r.Method, "/missing")
	}
}

// unlimited is an app whose login nothing limits: a form, and JSON for its own script.
func unlimited(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		io.WriteString(w, "<!doctype html><form method=post action=/login><input name=user><input type=password name=pass></form>")
	case "POST /login", "POST /api/login":
		w.WriteHeader(http.StatusUnauthorized)
		// What a terminal would obey must not reach it.
		io.WriteString(w, "wrong password \x1b[2J")
	default:
		http.NotFound(w, r)
	}
}

// anybodys is an app that asks nobody where a form comes from: a form, JSON for its own
// script, a WebSocket, and a checkout that no audit may send.
func anybodys(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s3ss10n-of-a-visitor"})
		io.WriteString(w, "<!doctype html><form method=post action=/cart><input name=note></form><form method=post action=/go><button>Buy now</button></form>")
	case "POST /cart":
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case "PUT /api/cart":
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Content-Type") != "application/json" || string(body) != `{"id":1,"name":"a"}` {
			http.Error(w, "what?", http.StatusBadRequest)
		}
	case "GET /ws":
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
	default:
		http.NotFound(w, r)
	}
}

// talksUnasked sends a second answer right behind the first.
func talksUnasked(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	io.WriteString(rw, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nX: said unasked\r\n\r\n")
	rw.Flush()
	io.Copy(io.Discard, rw) // until the client has had enough
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code, ok := strings.CutPrefix(err.Error(), "exit status ")
		if !ok {
			ts.Fatalf("%v", err)
		}
		got, err = strconv.Atoi(code)
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func listens(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listens PORT")
	}
	var err error
	for range 200 {
		var conn net.Conn
		if conn, err = net.DialTimeout("tcp", "127.0.0.1:"+args[0], time.Second); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("nothing listens on %s: %v", args[0], err)
}
