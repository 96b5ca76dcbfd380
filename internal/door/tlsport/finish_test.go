package tlsport_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/tlsport"
)

// TestFinishTakesWhatHasBegun ends accepting in the middle of a handshake.
func TestFinishTakesWhatHasBegun(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := tlsport.New(inner, tlsport.Options{
		Config:  &tls.Config{Certificates: certified.TLS.Certificates},
		Timeout: func() time.Duration { return time.Minute },
	})
	defer ln.Close()
	raw, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	settled, err := net.Dial("tcp", inner.Addr().String()) // accepted after raw
	if err != nil {
		t.Fatal(err)
	}
	client := tls.Client(settled, &tls.Config{InsecureSkipVerify: true})
	go func() { _ = client.Handshake() }()
	first, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	settled.Close()
	if err := ln.Finish(); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", inner.Addr().String()); err == nil {
		conn.Close()
		t.Error("a new connection is taken")
	}
	late := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	go func() { _, _ = io.WriteString(late, "late") }()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatalf("Accept = %v, want the connection that was begun", err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "late" {
		t.Errorf("read %q, %v", got, err)
	}
	conn.Close()
	if _, err := ln.Accept(); err == nil {
		t.Error("Accept = nil after the last")
	}
}
