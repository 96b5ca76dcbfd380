package desync_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

// pair is a way through the door.
type pair struct {
	name            string
	http1, exchange string
}

var pairs = []pair{{"own", "own", "own"}, {"nethttp", "nethttp", "proxy"}}

// house is a door before an application.
type house struct {
	*door.Door
	pair
	app    *backend
	client *http.Client // of other people
	told   output
	end    func()
}

// output is a writer for several goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// insecure takes any certificate: what is tried here is not TLS.
func insecure(protocol string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{protocol}}
}

func open(t *testing.T, p pair, app *backend, change func(*config.Config)) *house {
	t.Helper()
	cfg := config.Default()
	cfg.Upstream, cfg.Listen, cfg.Redirect, cfg.Admin.Listen, cfg.Probes = app.address, "localhost:0", "off", "off", "off"
	cfg.HTTP1, cfg.Exchange, cfg.Log.Access = p.http1, p.exchange, "off"
	dir, err := os.MkdirTemp("", "desync") // short: a unix socket's path has a hundred bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cfg.State = dir
	cfg.Bounds.HeadTimeout, cfg.Bounds.BodyGrace = config.Duration(3*time.Second), config.Duration(2*time.Second)
	cfg.Bounds.DrainTimeout = config.Duration(2 * time.Second)
	if change != nil {
		change(cfg)
	}
	h := &house{pair: p, app: app}
	h.Door, err = door.New(door.Options{Config: cfg, Stdout: io.Discard, Stderr: &h.told, Logger: slog.New(slog.NewTextHandler(&h.told, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: insecure("http/1.1"), MaxIdleConnsPerHost: 32}
	h.client = &http.Client{Transport: tr, Timeout: 15 * time.Second}
	h.end = sync.OnceFunc(func() {
		tr.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = h.Close(ctx)
	})
	t.Cleanup(h.end)
	return h
}

// other asks for path on a connection of somebody else and wants its own answer. With
// exchange: proxy it may be refused first: net/http gives a connection to the next request
// before it has looked at what else came on it, and then refuses to read that.
func (h *house) other(path string) error {
	err := h.otherOnce(path)
	var refused refusal
	if h.exchange == "proxy" && errors.As(err, &refused) {
		return h.otherOnce(path)
	}
	return err
}

func (h *house) otherOnce(path string) error {
	req, err := http.NewRequest(http.MethodGet, "https://"+h.Addr().String()+path, nil)
	if err != nil {
		return err
	}
	req.Host = "localhost"
	res, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return ours(res, body, err, path)
}

// A refusal is the door's own page that the application cannot answer.
type refusal struct{ error }

// ours tells whether an answer is the echo for path.
func ours(res *http.Response, body []byte, err error, path string) error {
	if err == nil && res.StatusCode == http.StatusBadGateway && res.Header.Get("X-Seen") == "" && bytes.Contains(body, []byte("The site cannot answer right now")) {
		return refusal{fmt.Errorf("the door refuses %s: %.100q", path, body)}
	}
	if err != nil || res.StatusCode != 200 || res.Header.Get("X-Seen") != path || string(body) != "echo" && res.Request.Method != http.MethodHead {
		return fmt.Errorf("the answer for %s is %d of %q, %.100q, %v", path, res.StatusCode, res.Header.Get("X-Seen"), body, err)
	}
	return nil
}

// line is a raw connection of HTTP/1.1.
type line struct {
	*tls.Conn
	in *bufio.Reader
}

func (h *house) dial() (*line, error) {
	conn, err := tls.Dial("tcp", h.Addr().String(), insecure("http/1.1"))
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	return &line{conn, bufio.NewReader(conn)}, nil
}

// answer reads one final answer.
func (l *line) answer(method string) (*http.Response, []byte, error) {
	for {
		res, err := http.ReadResponse(l.in, &http.Request{Method: method})
		if err != nil {
			return nil, nil, err
		}
		if res.StatusCode >= 200 {
			body, err := io.ReadAll(res.Body)
			return res, body, err
		}
	}
}

// ended reads to the end of the connection, and tells what came first.
func (l *line) ended() error {
	rest, err := io.ReadAll(l.in)
	if len(rest) > 0 {
		return fmt.Errorf("before its end the connection carries %.100q", rest)
	}
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		return fmt.Errorf("the connection stays open")
	}
	return nil
}

// play sends a case over HTTP/1.1 and tells what was wrong with what came back.
func (h *house) play(c *testCase, text string, wants []want) error {
	l, err := h.dial()
	if err != nil {
		return err
	}
	defer l.Close()
	go func() { _, _ = io.WriteString(l.Conn, text) }() // the answer may come before all is sent
	for _, w := range wants {
		if w.status == nil {
			res, body, err := l.answer(w.method)
			if err != nil {
				return fmt.Errorf("no answer for %s: %v", w.path, err)
			}
			if err := ours(res, body, err, "/"+c.id+w.path); err != nil {
				return err
			}
			if w.closed {
				return l.ended()
			}
			continue
		}
		if w.status[0] == "cut" {
			return l.ended()
		}
		res, _, err := l.answer("GET")
		if err != nil {
			return fmt.Errorf("no answer, want %v: %v", w.status, err)
		}
		if got := fmt.Sprint(res.StatusCode); !contains(w.status, got) {
			return fmt.Errorf("the answer is %s of %q, want %v", got, res.Header.Get("X-Seen"), w.status)
		}
		if h.http1 == "own" && res.Header.Get("X-Content-Type-Options") != "nosniff" {
			return fmt.Errorf("the refusal is not a page of ours: %v", res.Header)
		}
		if !w.stays {
			return l.ended()
		}
		if res.Close {
			return nil
		}
	}
	if _, err := fmt.Fprintf(l, "GET /%snext HTTP/1.1\r\nHost: localhost\r\n\r\n", c.id); err != nil {
		return err
	}
	res, body, err := l.answer("GET")
	if err != nil {
		return fmt.Errorf("the next request on the connection gets no answer: %v", err)
	}
	return ours(res, body, err, "/"+c.id+"next")
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// judge holds what the application saw of a case against what it may have seen.
func judge(c *testCase, wants []want, seen []sight) error {
	var due []want
	begun := false
	for _, w := range wants {
		begun = begun || w.begun
		if w.status == nil {
			due = append(due, w)
		}
	}
	for _, s := range seen {
		path := strings.TrimPrefix(s.Path, "/"+c.id)
		if path == "next" || path == "other" {
			continue
		}
		if !s.Whole {
			if !begun {
				return fmt.Errorf("the application saw the beginning of %+v", s)
			}
			continue
		}
		if len(due) == 0 {
			return fmt.Errorf("the application saw %+v and should not have", s)
		}
		if w := due[0]; path != w.path || s.Body != w.body || s.Method != w.method && w.method == "HEAD" {
			return fmt.Errorf("the application saw %+v, want %s %q", s, w.path, w.body)
		}
		due = due[1:]
	}
	if len(due) > 0 {
		return fmt.Errorf("the application did not see %s %q", due[0].path, due[0].body)
	}
	return nil
}
