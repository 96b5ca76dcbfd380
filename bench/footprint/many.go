package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/panoplysec/panoply/bench/internal/proc"
	"github.com/panoplysec/panoply/bench/internal/proxy"
)

const (
	uploads    = 12
	uploadSize = 12 << 20
	keptAlive  = 10000
)

// many measures what uploads in parallel add to a door's resident memory, and what it holds
// with kept connections that rest. Figures are in MB.
func many(dir, bin string, v proxy.Variant, upstream string) (added, kept float64, err error) {
	cert, key, err := proc.Certificate(dir)
	if err != nil {
		return 0, 0, err
	}
	p, err := proxy.Panoply(filepath.Join(dir, "many-"+v.Name), bin, v, upstream, cert, key)
	if err != nil {
		return 0, 0, err
	}
	defer p.Proc.Stop()
	time.Sleep(2 * time.Second)
	before := float64(p.Proc.Memory("VmHWM")) / 1e6
	errs := make([]error, uploads)
	var wg sync.WaitGroup
	for i := range uploads {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // the bench's own throw-away certificate
			defer client.CloseIdleConnections()
			errs[i] = post(client, p.URL, uploadSize)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, 0, err
	}
	added = float64(p.Proc.Memory("VmHWM"))/1e6 - before

	conns := make([]*tls.Conn, keptAlive)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	var mu sync.Mutex
	next, failed := 0, error(nil)
	for range 16 {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := failed != nil
				mu.Unlock()
				if stop || i >= keptAlive {
					return
				}
				c, err := ask(p.URL)
				mu.Lock()
				if conns[i] = c; err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return 0, 0, failed
	}
	time.Sleep(5 * time.Second) // longer than buffers are kept for a next request
	kept = float64(p.Proc.Memory("VmRSS")) / 1e6
	// None of them was shed to save memory.
	for i := 0; i < keptAlive; i += 500 {
		if err := again(conns[i]); err != nil {
			return 0, 0, fmt.Errorf("connection %d was not kept: %w", i, err)
		}
	}
	return added, kept, nil
}

// ask opens a connection, and has one answer over it.
func ask(url string) (*tls.Conn, error) {
	addr := "127.0.0.1:" + port(url)
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
	if err != nil {
		return nil, err
	}
	return c, again(c)
}

func again(c *tls.Conn) error {
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(c, 4096), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err = io.Copy(io.Discard, resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return err
}
