package upstream

import (
	"io"
	"net"
	"net/http"
	"time"
)

// upgrade hands the connection over to a WebSocket: both ways are copied until both have
// ended, or one has failed.
func (x *exchange) upgrade() {
	h := http.Header{}
	x.head.drop = x.head.drop[:0]
	x.head.copyTo(h)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{x.head.upgrade}
	delete(h, "Content-Length")
	if x.p.opts.Seen != nil {
		x.p.opts.Seen(x.in, http.StatusSwitchingProtocols, h)
	}
	x.hook.Apply(http.StatusSwitchingProtocols, h) // no phase sees what is written below
	client := &upgrader{ResponseWriter: x.w, streams: x.p.opts.Streams, idle: x.p.opts.Idle, app: x.c.net}
	defer client.end()
	conn, rw, err := client.Hijack()
	if err != nil {
		x.p.opts.fail(x.w, x.in, classify(answerError("switches protocols where the client cannot: "+err.Error())))
		return
	}
	defer conn.Close()
	c := x.c
	x.watch()
	c.waits = nil
	_ = c.net.SetDeadline(time.Time{})
	_, _ = io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(rw)
	_, _ = io.WriteString(rw, "\r\n")
	if rw.Flush() != nil {
		return
	}
	up := make(chan error, 1)
	go func() { up <- pipe(c.net, conn) }()
	err = first(conn, c)
	if err == nil {
		err = pipe(conn, c.net)
	}
	if err != nil {
		_ = conn.Close()
		_ = c.net.Close()
	}
	<-up
}

// first passes on what the application said right behind its 101.
func first(to net.Conn, c *conn) error {
	early := c.unread()
	c.r = c.w
	if len(early) == 0 {
		return nil
	}
	_, err := to.Write(early)
	return err
}

// socketBuffer is for each way of a WebSocket; there may be many that say little.
const socketBuffer = 8 << 10

// pipe copies one way and passes its end on.
func pipe(to, from net.Conn) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, socketBuffer))
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		return half.CloseWrite()
	}
	_ = to.Close()
	_ = from.Close()
	return err
}
