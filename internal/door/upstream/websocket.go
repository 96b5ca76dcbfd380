package upstream

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var (
	pingFrame = []byte{0x89, 0x00}
	goingAway = []byte{0x88, 0x02, 0x03, 0xe9} // Close, 1001
)

// upgrader is the ResponseWriter of a WebSocket handshake: it keeps hold of the client's
// connection when the exchange takes it.
type upgrader struct {
	http.ResponseWriter
	streams *Streams
	idle    time.Duration
	app     io.Closer // the application's side
	socket  *socket
}

func (u *upgrader) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// Hijack implements http.Hijacker.
func (u *upgrader) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	s := &socket{Conn: conn, early: rw.Reader, idle: u.idle, app: u.app}
	s.touch()
	u.socket = s
	// The 101 is written through rw, past the socket: frames begin with its first Write.
	_ = conn.SetWriteDeadline(time.Now().Add(u.idle))
	s.timer = time.AfterFunc(time.Hour, s.look)
	s.timer.Reset(u.idle / 2) // look uses the field: start only when it is set
	u.streams.add(s)
	return s, rw, nil
}

// end forgets the connection when the proxy has returned.
func (u *upgrader) end() {
	if u.socket != nil {
		u.socket.timer.Stop()
		u.streams.remove(u.socket)
	}
}

// socket is the client's side of a WebSocket. A silent one is pinged at half the idle
// time and cut at the whole: the client's pong counts as life, so a quiet but living
// connection stays. The pong travels on to the application, which ignores it unasked
// (RFC 6455 section 5.5.3).
type socket struct {
	net.Conn
	app   io.Closer
	early *bufio.Reader // what the client sent with its handshake
	idle  time.Duration
	timer *time.Timer
	last  atomic.Int64 // of a byte either way, in Unix ns

	pinged  atomic.Bool // since then
	closing atomic.Bool // a Close frame is to be sent

	mu     sync.Mutex // writing
	frames frames
	closed bool // a Close frame was sent: what the application still says is swallowed
}

func (s *socket) touch() {
	s.last.Store(time.Now().UnixNano())
	s.pinged.Store(false)
}

// Read reads what the client says.
func (s *socket) Read(p []byte) (int, error) {
	if s.early != nil {
		if n := s.early.Buffered(); n > 0 {
			return s.early.Read(p[:min(n, len(p))])
		}
		s.early = nil
	}
	n, err := s.Conn.Read(p)
	if n > 0 {
		s.touch()
	}
	return n, err
}

// Write passes on what the application says.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return len(p), nil
	}
	_ = s.Conn.SetWriteDeadline(time.Now().Add(s.idle))
	n, err := s.Conn.Write(p)
	s.frames.feed(p[:n])
	s.touch()
	if err == nil && s.closing.Load() {
		s.sendClose()
	}
	return n, err
}

// CloseWrite passes the end of what the application says on.
func (s *socket) CloseWrite() error {
	if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return s.Conn.Close()
}

// look pings, waits on, or cuts.
func (s *socket) look() {
	quiet := time.Since(time.Unix(0, s.last.Load()))
	switch {
	case quiet >= s.idle:
		s.cut()
		return
	case quiet >= s.idle/2:
		s.ping()
		s.timer.Reset(s.idle - quiet)
	default:
		s.timer.Reset(s.idle/2 - quiet)
	}
}

// cut closes both sides: a write to an application that reads no more ends in no other way.
func (s *socket) cut() {
	_ = s.Conn.Close()
	_ = s.app.Close()
}

// ping asks the client for a sign of life, once a silence, and only between frames.
func (s *socket) ping() {
	if !s.mu.TryLock() {
		return // a write is under way, or stuck until its deadline
	}
	defer s.mu.Unlock()
	if s.pinged.Load() || s.closed || s.frames.closed || !s.frames.between() {
		return
	}
	s.pinged.Store(true)
	_ = s.Conn.SetWriteDeadline(time.Now().Add(closeWait))
	_, _ = s.Conn.Write(pingFrame)
}

// end sends the client away, between frames, and cuts when it does not go.
func (s *socket) end() {
	time.AfterFunc(closeWait, s.cut)
	s.closing.Store(true)
	if s.mu.TryLock() { // else the write under way sees closing when it is through
		s.sendClose()
		s.mu.Unlock()
	}
}

// sendClose is called with mu held.
func (s *socket) sendClose() {
	if s.closed || s.frames.closed || !s.frames.between() {
		return
	}
	s.closed = true
	_ = s.Conn.SetWriteDeadline(time.Now().Add(closeWait))
	_, _ = s.Conn.Write(goingAway)
}
