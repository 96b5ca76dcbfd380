package door_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

// TestClientThatNeverReads pipelines requests which the door answers itself. Without an
// end to the wait, each such client would keep a connection for ever.
func TestClientThatNeverReads(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), func(c *config.Config) { c.Bounds.StreamIdle = config.Duration(300 * time.Millisecond) })
	plain := func() net.Conn {
		conn, err := net.Dial("tcp", h.RedirectAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for name, tt := range map[string]struct {
		dial func() net.Conn
		host string
	}{
		"redirect":             {plain, "localhost"},
		"refused host":         {func() net.Conn { return h.dial() }, "elsewhere.example"},
		"application's answer": {func() net.Conn { return h.dial() }, "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := tt.dial()
			defer conn.Close()
			// Most of it is the time until the buffers of both sides are full.
			_ = conn.SetWriteDeadline(time.Now().Add(40 * time.Second))
			var err error
			for err == nil {
				_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+tt.host+"\r\n\r\n")
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection is still held after 40s; want it cut once nothing was taken for 300ms")
			}
		})
	}
}
