package h1

import (
	"crypto/tls"
	"io"
	"net"
	"time"
)

const (
	// lingerTime and lingerBytes bound what is read and thrown away after the last
	// answer: closing with unread data resets the connection, and the answer is lost.
	lingerTime  = time.Second
	lingerBytes = 256 << 10
	// drainTime and drainBytes bound the rest of a body that nobody wanted, after which
	// the next request is served.
	drainTime  = 2 * time.Second
	drainBytes = 256 << 10
)

// linger says that nothing more will come, and takes what the client still sends.
func (c *conn) linger() {
	raw := c.rwc
	if tc, ok := raw.(*tls.Conn); ok {
		_ = tc.SetWriteDeadline(time.Now().Add(lingerTime))
		_ = tc.CloseWrite()
		raw = tc.NetConn()
	}
	half, ok := raw.(interface{ CloseWrite() error })
	if !ok {
		return
	}
	_ = half.CloseWrite()
	_ = raw.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, onlyReader{raw}, lingerBytes)
}

// onlyReader hides what else a connection can do, WriteTo above all.
type onlyReader struct{ io.Reader }

// end closes the connection, unless it was taken over or only rests.
func (c *conn) end() {
	if c.parked {
		go c.wake()
		return
	}
	c.release()
	if c.taken {
		return
	}
	c.s.remove(c)
	_ = c.rwc.Close()
}

// leave hands the connection over to somebody else.
func (c *conn) leave() bool {
	c.taken = true
	c.state.Store(over)
	c.s.remove(c)
	return true
}

// abort resets the connection: an answer whose end is the connection's must not look whole
// when it broke off.
func (c *conn) abort() {
	raw := c.rwc
	if tc, ok := raw.(*tls.Conn); ok {
		raw = tc.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = raw.Close()
}

// cut closes what is below TLS, so that nothing waits for the client.
func (c *conn) cut() {
	if tc, ok := c.rwc.(*tls.Conn); ok {
		_ = tc.NetConn().Close()
		return
	}
	_ = c.rwc.Close()
}
