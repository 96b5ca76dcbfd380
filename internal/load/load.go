// Package load is for tests that change a server under load: requests on connections that
// are kept, on new ones and over HTTP/2, a quarter of them posts, which no client sends twice, and
// WebSockets that echo all the time. What goes wrong with any of them is an error.
//
//	l := load.Start(load.Options{Address: "localhost:8443", Keep: 4, New: 1, HTTP2: 1, Sockets: 100})
//	…                                // change it
//	result := l.Stop()
//
// The server, or what stands behind it, is [App].
package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what is sent, and where.
type Options struct {
	// Address is the HTTPS server's host:port. Its certificate is not looked at.
	Address string
	// Keep, New and HTTP2 are how many clients ask without a pause: on one connection of
	// HTTP/1.1 each, on a new one for each request, on one of HTTP/2 each.
	Keep, New, HTTP2 int
	// Sockets is how many WebSockets are open.
	Sockets int
}

// newEvery is the pause of a client between two new connections: without one the handshakes
// alone would keep a machine busy.
const newEvery = 20 * time.Millisecond

// maxErrors is how many errors are kept.
const maxErrors = 10

// A Load runs from Start to Stop.
type Load struct {
	o        Options
	stop     context.CancelFunc
	ctx      context.Context
	requests atomic.Int64
	echoes   atomic.Int64
	wg       sync.WaitGroup

	mu     sync.Mutex
	errs   []error
	failed int
}

// Start opens the WebSockets, waits for the first echo of each, and begins to ask.
func Start(o Options) *Load {
	l := &Load{o: o}
	l.ctx, l.stop = context.WithCancel(context.Background())
	open := sync.WaitGroup{}
	for range o.Sockets {
		open.Add(1)
		l.wg.Go(func() { l.socket(&open) })
	}
	open.Wait()
	for range o.Keep {
		l.wg.Go(func() { l.ask(&http.Transport{}) })
	}
	for range o.New {
		l.wg.Go(func() { l.ask(&http.Transport{DisableKeepAlives: true}) })
	}
	for range o.HTTP2 {
		l.wg.Go(func() { l.ask(&http.Transport{ForceAttemptHTTP2: true}) })
	}
	return l
}

// Requests is how many were answered.
func (l *Load) Requests() int64 { return l.requests.Load() }

// Failed is how many requests and WebSockets failed so far.
func (l *Load) Failed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// A Result is what became of a Load.
type Result struct {
	Requests, Echoes int64
	// Failed is how many requests failed, and WebSockets were closed; Err joins the first.
	Failed int
	Err    error
}

// Stop ends the load, each client after its request, each WebSocket after its echo.
func (l *Load) Stop() Result {
	l.stop()
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return Result{l.requests.Load(), l.echoes.Load(), l.failed, errors.Join(l.errs...)}
}

func (l *Load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed++; len(l.errs) < maxErrors {
		l.errs = append(l.errs, err)
	}
}

// ask asks until the end.
func (l *Load) ask(tr *http.Transport) {
	tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	defer tr.CloseIdleConnections()
	client := http.Client{Transport: tr, Timeout: time.Minute}
	for n := 0; l.ctx.Err() == nil; n++ {
		if err := l.one(&client, n); err != nil {
			l.fail(fmt.Errorf("request %d (HTTP/2 %t, kept %t): %w", n, tr.ForceAttemptHTTP2, !tr.DisableKeepAlives, err))
			time.Sleep(10 * time.Millisecond) // an error a time is enough
			continue
		}
		l.requests.Add(1)
		if tr.DisableKeepAlives {
			time.Sleep(newEvery)
		}
	}
}

func (l *Load) one(client *http.Client, n int) error {
	want := fmt.Sprintf("number %d", n)
	url := "https://" + l.o.Address + "/?" + fmt.Sprint(n)
	var res *http.Response
	var err error
	if n%4 == 3 {
		// A reader of unknown length: net/http cannot send it twice.
		res, err = client.Post(url, "application/json", io.MultiReader(bytes.NewReader([]byte(want))))
	} else {
		res, err = client.Get(url + "&" + "say=" + fmt.Sprintf("number+%d", n))
	}
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || string(body) != want {
		return fmt.Errorf("answer %d %.80q, want %q", res.StatusCode, body, want)
	}
	return nil
}
