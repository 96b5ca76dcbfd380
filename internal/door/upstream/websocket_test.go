package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/upstream"
)

const handshake = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n\r\n"

const accepted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"

// open shakes hands through f and returns the client's side.
func open(t *testing.T, f *front) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", hostOf(f.Server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, handshake)
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("Sec-Websocket-Protocol") != "chat" {
		t.Fatalf("handshake = %v, %v, want 101 with the subprotocol", res, err)
	}
	return conn, in
}

// frame makes one unmasked frame.
func frame(opcode byte, payload []byte) []byte {
	out := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		out = append(out, byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 127), uint64(n))
	}
	return append(out, payload...)
}

// readFrame reads one unmasked frame.
func readFrame(in *bufio.Reader) (opcode byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(in, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(in, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(in, payload)
	return head[0] & 0x0f, payload, err
}

func echo(conn net.Conn, in *bufio.Reader) {
	_, _ = io.WriteString(conn, accepted)
	_, _ = io.Copy(conn, in)
}

func TestWebSocketPassesBothWays(t *testing.T) {
	f := newFront(t, raw(t, echo), nil)
	conn, in := open(t, f)
	for _, size := range []int{0, 5, 125, 126, 65535, 65536, 1 << 20} {
		payload := bytes.Repeat([]byte{'x'}, size)
		go func() { _, _ = conn.Write(frame(2, payload)) }()
		op, got, err := readFrame(in)
		if err != nil || op != 2 || len(got) != size {
			t.Fatalf("echo of %d bytes = opcode %d, %d bytes, %v", size, op, len(got), err)
		}
	}
}

func TestQuietWebSocketIsPingedAndLivesByItsPong(t *testing.T) {
	f := newFront(t, raw(t, echo), func(o *upstream.Options) { o.Idle = 2 * time.Second })
	conn, in := open(t, f)
	_, _ = conn.Write(frame(1, []byte("hi")))
	if op, _, err := readFrame(in); err != nil || op != 1 {
		t.Fatal(op, err)
	}
	for i := range 3 { // 3 s and more: past the idle time
		op, payload, err := readFrame(in)
		if err != nil || op != 9 || len(payload) != 0 {
			t.Fatalf("frame %d = opcode %d %q, %v, want a ping", i, op, payload, err)
		}
		// A pong; the echoing application returns it, which is activity too.
		_, _ = conn.Write(frame(10, nil))
		if op, _, err := readFrame(in); err != nil || op != 10 {
			t.Fatalf("frame = opcode %d, %v, want the pong to have reached the application", op, err)
		}
	}
}

func TestDeadWebSocketIsCut(t *testing.T) {
	gone := make(chan struct{})
	f := newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, accepted)
		_, _ = in.ReadByte()
		close(gone)
	}), brief)
	_, in := open(t, f)
	if op, _, err := readFrame(in); err != nil || op != 9 {
		t.Fatalf("first = opcode %d, %v, want a ping", op, err)
	}
	if _, _, err := readFrame(in); err == nil {
		t.Error("the connection stays open without a pong, want it cut")
	}
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Error("the application's side stays open")
	}
}

func TestNoPingInsideAFrame(t *testing.T) {
	f := newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, accepted)
		whole := frame(2, []byte("0123456789"))
		_, _ = conn.Write(whole[:6])
		time.Sleep(1300 * time.Millisecond) // a ping would be due
		_, _ = conn.Write(whole[6:])
		_, _ = in.ReadByte()
	}), func(o *upstream.Options) { o.Idle = 2 * time.Second })
	_, in := open(t, f)
	if op, payload, err := readFrame(in); err != nil || op != 2 || string(payload) != "0123456789" {
		t.Errorf("frame = opcode %d %q, %v, want it whole", op, payload, err)
	}
}

func TestDrainSaysGoingAway(t *testing.T) {
	f := newFront(t, raw(t, echo), func(o *upstream.Options) { o.Idle = time.Minute })
	conn, in := open(t, f)
	_, _ = conn.Write(frame(1, []byte("hi")))
	if op, _, err := readFrame(in); err != nil || op != 1 {
		t.Fatal(op, err)
	}
	done := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	go func() { f.streams.Drain(ctx); close(done) }()
	op, payload, err := readFrame(in)
	if err != nil || op != 8 || binary.BigEndian.Uint16(payload) != 1001 {
		t.Errorf("frame = opcode %d % x, %v, want Close 1001", op, payload, err)
	}
	_, _ = conn.Write(frame(8, payload))
	conn.Close()
	<-done
	if ctx.Err() != nil || f.streams.Open() != 0 {
		t.Errorf("Drain left %d streams, %v", f.streams.Open(), ctx.Err())
	}
}

func TestOtherUpgradesAreNotPassed(t *testing.T) {
	for _, protocol := range []string{"h2c", "websocket, h2c", "TLS/1.0"} {
		f := newFront(t, raw(t, func(conn net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}), nil)
		conn, err := net.Dial("tcp", hostOf(f.Server))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, strings.Replace(handshake, "websocket", protocol, 1))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		conn.Close()
		if err != nil || res.StatusCode != 200 {
			t.Errorf("Upgrade: %s = %v, %v, want a plain exchange", protocol, res, err)
		}
	}
}

// TestApplicationSpeaksFirst: frames that come right behind the 101, in one piece with it.
func TestApplicationSpeaksFirst(t *testing.T) {
	f := newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, accepted+string(frame(1, []byte("hello"))))
		_, _ = io.Copy(conn, in)
	}), nil)
	conn, in := open(t, f)
	if op, payload, err := readFrame(in); err != nil || op != 1 || string(payload) != "hello" {
		t.Errorf("first frame = opcode %d %q, %v, want the application's hello", op, payload, err)
	}
	_, _ = conn.Write(frame(1, []byte("hi")))
	if op, payload, err := readFrame(in); err != nil || op != 1 || string(payload) != "hi" {
		t.Errorf("second frame = opcode %d %q, %v, want the echo", op, payload, err)
	}
}

// TestHalfClosedWebSocket: what is still to be said in the other direction is said.
func TestHalfClosedWebSocket(t *testing.T) {
	f := newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, accepted)
		all, _ := io.ReadAll(in)
		_, _ = conn.Write(frame(2, all))
	}), func(o *upstream.Options) { o.Idle = time.Minute })
	conn, in := open(t, f)
	_, _ = conn.Write(frame(1, []byte("last")))
	_ = conn.(*net.TCPConn).CloseWrite()
	if op, payload, err := readFrame(in); err != nil || op != 2 || string(payload) != string(frame(1, []byte("last"))) {
		t.Errorf("answer = opcode %d %q, %v, want what was said last", op, payload, err)
	}
	if _, _, err := readFrame(in); err != io.EOF {
		t.Errorf("then %v, want the end", err)
	}
}

// TestHandshakeWithABodyIsNone: what follows could be read two ways.
func TestHandshakeWithABodyIsNone(t *testing.T) {
	f := newFront(t, raw(t, func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, accepted) }), nil)
	conn, err := net.Dial("tcp", hostOf(f.Server))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, strings.Replace(handshake, "Host: x\r\n", "Host: x\r\nContent-Length: 3\r\n", 1)+"abc")
	if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 502 {
		t.Errorf("answer = %v, %v, want 502: nobody asked for the switch", res, err)
	}
}
