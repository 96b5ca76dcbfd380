package main

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"

	"github.com/panoplysec/panoply/bench/internal/tlsserve"
)

// A forwarder counts the connections to a server.
type forwarder struct {
	ln net.Listener
	n  atomic.Int64
}

func forward(config *tls.Config) (*forwarder, error) {
	behind, err := tlsserve.Serve(config)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &forwarder{ln: ln}
	go f.run(behind) // ends with the listener
	return f, nil
}

func (f *forwarder) run(behind string) {
	for {
		c, err := f.ln.Accept()
		if err != nil {
			return
		}
		f.n.Add(1)
		go func() {
			defer c.Close()
			up, err := net.Dial("tcp", behind)
			if err != nil {
				return
			}
			defer up.Close()
			done := make(chan struct{})
			go func() { io.Copy(up, c); up.(*net.TCPConn).CloseWrite(); close(done) }()
			io.Copy(c, up)
			c.(*net.TCPConn).CloseWrite()
			<-done
		}()
	}
}
