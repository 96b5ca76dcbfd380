package load

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// echoEvery is how often each WebSocket says something.
const echoEvery = 500 * time.Millisecond

// App answers a request with its body or with what say in its query says, and echoes the
// frames of a WebSocket.
func App() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			serveSocket(w)
		case r.Method == http.MethodPost:
			_, _ = io.Copy(w, r.Body)
		default:
			_, _ = io.WriteString(w, r.FormValue("say"))
		}
	})
}

func serveSocket(w http.ResponseWriter) {
	conn, both, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = both.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	for both.Flush() == nil {
		text, err := readFrame(both.Reader)
		if err != nil {
			return
		}
		_, _ = both.Write(append([]byte{0x81, byte(len(text))}, text...))
	}
}

// readFrame reads a short text frame, with a mask or without.
func readFrame(r *bufio.Reader) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	if head[0] != 0x81 || head[1]&0x7f > 125 {
		return "", fmt.Errorf("frame % x", head)
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return "", err
		}
	}
	text := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", err
	}
	for i := range text {
		text[i] ^= mask[i%4]
	}
	return string(text), nil
}

// socket keeps one WebSocket open and echoing, and tells open when it is.
func (l *Load) socket(open *sync.WaitGroup) {
	once := sync.OnceFunc(open.Done)
	defer once()
	conn, r, err := l.dial()
	if err != nil {
		l.fail(fmt.Errorf("open a WebSocket: %w", err))
		return
	}
	defer conn.Close()
	tick := time.NewTicker(echoEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		if err := echo(conn, r, fmt.Sprintf("echo %d", n)); err != nil {
			l.fail(fmt.Errorf("WebSocket, echo %d: %w", n, err))
			return
		}
		l.echoes.Add(1)
		once()
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (l *Load) dial() (net.Conn, *bufio.Reader, error) {
	dialer := net.Dialer{Timeout: time.Minute}
	conn, err := tls.DialWithDialer(&dialer, "tcp", l.o.Address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, "GET /socket HTTP/1.1\r\nHost: "+l.o.Address+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(conn)
	status, err := r.ReadString('\n')
	if err == nil && !strings.HasPrefix(status, "HTTP/1.1 101 ") {
		err = fmt.Errorf("answer %q", status)
	}
	for line := status; err == nil && line != "\r\n"; {
		line, err = r.ReadString('\n')
	}
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return conn, r, nil
}

func echo(conn net.Conn, r *bufio.Reader, text string) error {
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	// A mask of zeros is one.
	if _, err := conn.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)); err != nil {
		return err
	}
	got, err := readFrame(r)
	if err != nil {
		return err
	}
	if got != text {
		return fmt.Errorf("got %q, want %q", got, text)
	}
	return nil
}
