package upstream_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"
)

// TestLargeBodiesPassInConstantMemory: 128 MB each way at once, or as much as
// PANOPLY_LARGE says in MB, with both ends in this process.
func TestLargeBodiesPassInConstantMemory(t *testing.T) {
	size := int64(128 << 20)
	if mb, err := strconv.ParseInt(os.Getenv("PANOPLY_LARGE"), 10, 64); err == nil {
		size = mb << 20
	}
	address := raw(t, func(conn net.Conn, in *bufio.Reader) {
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		go func() { _, _ = io.Copy(io.Discard, in) }()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		_, _ = io.CopyN(conn, zeros{}, size)
		time.Sleep(100 * time.Millisecond) // for the rest of the upload
	})
	f := newFullDuplex(t, address)
	before := heapSize()
	var most uint64
	req, _ := http.NewRequest("POST", f.URL, io.LimitReader(zeros{}, size))
	req.ContentLength = size
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf, got := make([]byte, 64<<10), int64(0)
	for {
		n, err := res.Body.Read(buf)
		if got += int64(n); got>>20 != (got-int64(n))>>20 {
			most = max(most, sampleHeap())
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
	}
	if got != size {
		t.Errorf("the client read %d bytes, want %d", got, size)
	}
	if grown := int64(most) - int64(before); grown > 8<<20 {
		t.Errorf("the heap grew by %d KB, want at most 8 MB", grown>>10)
	}
	t.Logf("%d MB each way, heap %d KB before and at most %d KB", size>>20, before>>10, most>>10)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func heapSize() uint64 { runtime.GC(); return sampleHeap() }

func sampleHeap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
