package desync_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/h1"
	"github.com/panoplysec/panoply/internal/door/upstream"
	"github.com/panoplysec/panoply/internal/need"
)

// changes is how many changed texts of each file are tried.
const changes = 8000

// parser is Node's parser, alive for the whole test.
type parser struct {
	address string
	in      io.Writer
	out     *bufio.Reader
}

func nodeParser(t *testing.T) *parser {
	t.Helper()
	cmd := exec.Command(need.Program(t, "node"), filepath.Join("testdata", "parsers.js"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p := &parser{in: in, out: bufio.NewReader(out)}
	port, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p.address = "127.0.0.1:" + strings.TrimSpace(port)
	return p
}

// read returns what Node's server reads from a connection that brings raw.
func (p *parser) read(raw string) ([]sight, error) {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(conn, raw)
	_ = conn.(*net.TCPConn).CloseWrite()
	var all []sight
	for dec := json.NewDecoder(conn); ; {
		var s sight
		if err := dec.Decode(&s); err == io.EOF {
			return all, nil
		} else if err != nil {
			return all, err
		}
		all = append(all, s)
	}
}

// changed makes small changes to texts, the same ones in every run.
func changed(texts []string, n int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	bits := []string{"\r", "\n", "\r\n", "\x00", " ", "\t", "\x0b", "\x0c", ";", ",", ":", "+", "-", "_", "0", "3", "f", "x", "\"", "\x80", "\xff", "#", "%",
		"0x", "\r\n ", "chunked", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "0\r\n\r\n", "\r\n\r\n", ";a=b", "HTTP/1.0", "Trailer: x\r\n"}
	out := make([]string, 0, n)
	for len(out) < n {
		s := texts[r.IntN(len(texts))]
		for range 1 + r.IntN(3) {
			at := min(4+r.IntN(len(s)+1), len(s)) // behind the method
			switch bit := bits[r.IntN(len(bits))]; r.IntN(4) {
			case 0:
				s = s[:at] + bit + s[at:]
			case 1:
				s = s[:at] + bit + s[min(at+len(bit), len(s)):]
			case 2:
				s = s[:at] + s[min(at+1+r.IntN(3), len(s)):]
			default: // a line once more, or somewhere else
				lines := strings.SplitAfter(s, "\r\n")
				from, to := r.IntN(len(lines)), r.IntN(len(lines))
				lines[to] += lines[from]
				s = strings.Join(lines, "")
			}
		}
		out = append(out, s)
	}
	return out
}

// short are the texts of the cases that are short enough to be changed somewhere that
// matters.
func short(t *testing.T, name string) []string {
	var out []string
	for _, c := range load(t, name) {
		c.text = strings.NewReplacer("{wait}", "", "{later}", "", "{end}", "").Replace(c.text)
		if s := c.bytes(t); s != "" && len(s) < 600 {
			out = append(out, s)
		}
	}
	return out
}

// oneWay is a connection on which a client has sent everything.
type oneWay struct {
	net.Conn
	in io.Reader
}

func (o *oneWay) Read(p []byte) (int, error)       { return o.in.Read(p) }
func (o *oneWay) Write(p []byte) (int, error)      { return len(p), nil }
func (o *oneWay) Close() error                     { return nil }
func (o *oneWay) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (o *oneWay) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (o *oneWay) SetDeadline(time.Time) error      { return nil }
func (o *oneWay) SetReadDeadline(time.Time) error  { return nil }
func (o *oneWay) SetWriteDeadline(time.Time) error { return nil }

// passed returns the requests that the own loop lets through, whole.
func passed(raw string) []sight {
	var all []sight
	s := &h1.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		text := make([]rune, len(body)) // as Node says it
		for i, c := range body {
			text[i] = rune(c)
		}
		all = append(all, sight{Method: r.Method, Path: r.RequestURI, Body: string(text), Whole: true})
	})}
	s.ServeConn(&oneWay{in: strings.NewReader(raw)})
	return all
}

// TestParsersAgree: what the own loop passes, Node frames alike. Node may refuse it; it
// must not wait for more of it, nor find another request in it.
func TestParsersAgree(t *testing.T) {
	node := nodeParser(t)
	texts := short(t, "requests.txt")
	texts = append(texts, changed(texts, changes)...)
	var mu sync.Mutex
	count := map[string]int{}
	every(len(texts), func(i int) {
		ours := passed(texts[i])
		if len(ours) == 0 {
			return
		}
		if len(ours) > 1 && strings.Contains(strings.ToLower(texts[i]), "upgrade:") {
			// Node loses what comes along with a handshake that it does not want. The door
			// sends nothing before the answer.
			return
		}
		theirs, err := node.read(texts[i])
		if err != nil {
			t.Errorf("%q: %v", texts[i], err)
			return
		}
		for n, one := range ours {
			verdict := "alike"
			switch {
			case n >= len(theirs):
				verdict = "unseen"
			case theirs[n].Wrong != "":
				verdict = theirs[n].Wrong
			case one.Method != theirs[n].Method || one.Body != theirs[n].Body || len(one.Path) < 128 && latin(one.Path) != theirs[n].Path && one.Path != theirs[n].Path:
				verdict = "other"
			}
			mu.Lock()
			count[verdict]++
			mu.Unlock()
			switch verdict {
			case "alike":
				continue
			case "unseen", "other", "ECONNRESET", "HPE_INVALID_EOF_STATE":
				t.Errorf("%q: we pass %+v, Node sees %+v", texts[i], ours, theirs)
			}
			return
		}
	})
	t.Logf("of %d texts, requests that pass: %v", len(texts), count)
	if count["alike"] < 500 {
		t.Errorf("only %d requests compared: the changes are too wild", count["alike"])
	}
}

func latin(s string) string {
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return string(out)
}

// TestAnswersAgree: what the own exchange takes for an answer, Node's client takes for the
// same, or refuses.
func TestAnswersAgree(t *testing.T) {
	node := nodeParser(t)
	texts := short(t, "answers.txt")
	texts = append(texts, changed(texts, changes/4)...)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				r, err := http.ReadRequest(bufio.NewReader(conn))
				var i int
				if err == nil {
					if _, err = fmt.Sscanf(r.URL.Path, "/%d", &i); err == nil {
						_, _ = io.WriteString(conn, texts[i])
						_ = conn.(*net.TCPConn).CloseWrite()
						_, _ = io.Copy(io.Discard, conn)
					}
				}
			})
		}
	})
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	p, err := upstream.New(upstream.Options{Address: ln.Addr().String(), Fail: func(w http.ResponseWriter, _ *http.Request, f upstream.Failure) { panic(http.ErrAbortHandler) }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.CloseIdle()
	ours := make([]sight, len(texts))
	asked := 0
	for i := range texts {
		w := httptest.NewRecorder()
		func() {
			defer func() { ours[i].Whole = recover() == nil }()
			p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, fmt.Sprintf("http://a/%d", i), nil))
		}()
		if ours[i].Whole {
			ours[i].Method, ours[i].Body = fmt.Sprint(w.Code), latin(w.Body.String())
			asked++
		}
	}
	var ask bytes.Buffer
	for i, s := range ours {
		if s.Whole {
			fmt.Fprintf(&ask, "%s %d\n", port, i)
		}
	}
	go func() { _, _ = node.in.Write(ask.Bytes()) }()
	count := map[string]int{}
	for range asked {
		line, err := node.out.ReadBytes('\n')
		var theirs sight
		var i int
		if err == nil {
			err = json.Unmarshal(line, &theirs)
		}
		if err == nil {
			_, err = fmt.Sscan(theirs.Path, &i)
		}
		if err != nil {
			t.Fatalf("Node says %q: %v", line, err)
		}
		switch {
		case theirs.Wrong != "":
			count[theirs.Wrong]++
			if !strings.HasPrefix(theirs.Wrong, "HPE_") || theirs.Wrong == "HPE_INVALID_EOF_STATE" {
				t.Errorf("%q: we pass %+v, Node says %s", texts[i], ours[i], theirs.Wrong)
			}
		case theirs.Method != ours[i].Method || theirs.Body != ours[i].Body:
			t.Errorf("%q: we pass %+v, Node sees %+v", texts[i], ours[i], theirs)
		default:
			count["alike"]++
		}
	}
	t.Logf("of %d texts, answers that pass: %v", len(texts), count)
	if count["alike"] < 200 {
		t.Errorf("only %d answers compared: the changes are too wild", count["alike"])
	}
}
