package desync_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
)

// sight is a request as the application saw it.
type sight struct {
	Method, Path, Body string
	Whole              bool   // to the end of its body
	Wrong              string // what nobody should have been sent
}

// backend is an application that writes down what it sees.
type backend struct {
	address string
	mu      sync.Mutex
	seen    []sight
	answer  func(path string) (pieces []string, ok bool) // says what to answer in place of the echo
}

func (b *backend) note(s sight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, s)
}

// of returns what was seen of a case, and what was wrong without saying of which.
func (b *backend) of(id string) (own []sight, wrong []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.seen {
		if strings.HasPrefix(s.Path, "/"+id) {
			own = append(own, s)
		}
		if s.Wrong != "" {
			wrong = append(wrong, s.Wrong)
		}
	}
	return own, wrong
}

// recording reads the wire to the letter, and notes what two readers could read in two
// ways.
func recording(t *testing.T) *backend {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{address: ln.Addr().String()}
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
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				in := bufio.NewReader(conn)
				for b.one(conn, in) {
				}
			})
		}
	})
	return b
}

// one serves a request, and tells whether another may follow.
func (b *backend) one(conn net.Conn, in *bufio.Reader) bool {
	var lines []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			if line != "" || len(lines) > 0 {
				b.note(sight{Path: pathOf(append(lines, line)[0])})
			}
			return false
		}
		text, ok := strings.CutSuffix(line, "\r\n")
		if !ok || strings.ContainsAny(text, "\r\x00") {
			b.note(sight{Wrong: fmt.Sprintf("a line %q", line)})
			return false
		}
		if text == "" && len(lines) > 0 {
			break
		}
		lines = append(lines, text)
	}
	s := sight{Path: pathOf(lines[0])}
	s.Method, _, _ = strings.Cut(lines[0], " ")
	if parts := strings.Split(lines[0], " "); len(parts) != 3 || parts[2] != "HTTP/1.1" {
		s.Wrong = "request line " + lines[0]
	}
	count := map[string]int{}
	value := map[string]string{}
	for _, line := range lines[1:] {
		name, v, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.Trim(name, " \t") != name {
			s.Wrong = "field " + line
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		count[name]++
		value[name] = strings.TrimSpace(v)
	}
	length, hasLength := value["Content-Length"]
	coding, coded := value["Transfer-Encoding"]
	n, err := strconv.ParseUint(length, 10, 62)
	switch {
	case count["Content-Length"] > 1 || count["Transfer-Encoding"] > 1 || count["Host"] != 1, hasLength && coded, hasLength && err != nil, coded && coding != "chunked":
		s.Wrong = "framing " + strings.Join(lines, "|")
	}
	if s.Wrong != "" {
		b.note(s)
		return false
	}
	if strings.EqualFold(value["Expect"], "100-continue") {
		_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	var body []byte
	err = nil
	if coded {
		body, err = chunks(in)
	} else if n > 0 {
		body, err = io.ReadAll(io.LimitReader(in, int64(n)))
		if err == nil && uint64(len(body)) < n {
			err = io.ErrUnexpectedEOF
		}
	}
	s.Body, s.Whole = string(body), err == nil
	b.note(s)
	if err != nil {
		return false
	}
	if b.answer != nil {
		if pieces, ok := b.answer(s.Path); ok {
			for i, piece := range pieces {
				if piece == "\x1d" {
					return false
				}
				if i > 0 {
					time.Sleep(50 * time.Millisecond)
				}
				if _, err := io.WriteString(conn, piece); err != nil {
					return false
				}
			}
			return true
		}
	}
	echo := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Seen: " + s.Path + "\r\nContent-Length: 4\r\n\r\n"
	if s.Method != "HEAD" {
		echo += "echo"
	}
	_, err = io.WriteString(conn, echo)
	return err == nil
}

func pathOf(line string) string {
	_, rest, _ := strings.Cut(line, " ")
	path, _, _ := strings.Cut(rest, " ")
	return path
}

// chunks reads a body as the strictest reader would.
func chunks(in *bufio.Reader) ([]byte, error) {
	var body []byte
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return body, io.ErrUnexpectedEOF
		}
		size, ok := strings.CutSuffix(line, "\r\n")
		n, err := strconv.ParseUint(size, 16, 31)
		if !ok || err != nil {
			return body, fmt.Errorf("chunk %q", line)
		}
		if n == 0 {
			break
		}
		piece := make([]byte, n+2)
		if _, err := io.ReadFull(in, piece); err != nil || string(piece[n:]) != "\r\n" {
			return body, io.ErrUnexpectedEOF
		}
		body = append(body, piece[:n]...)
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == "\r\n" {
			return body, err
		}
	}
}

// nodeServer is Node's own http server.
func nodeServer(t *testing.T) *backend {
	t.Helper()
	cmd := exec.Command(need.Program(t, "node"), filepath.Join("testdata", "backend.js"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = cmd.Process.Kill(); wg.Wait(); _ = cmd.Wait() })
	in := bufio.NewReader(out)
	port, err := in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{address: "127.0.0.1:" + strings.TrimSpace(port)}
	wg.Go(func() {
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return
			}
			var s sight
			if err := json.Unmarshal(line, &s); err != nil {
				s.Wrong = string(line)
			}
			b.note(s)
		}
	})
	return b
}
