package tracing

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// A Tracer records spans and sends them to a collector from a goroutine of its own. It is
// safe for concurrent use.
type Tracer struct {
	opts      Options
	enc       encoding
	threshold uint64
	client    *http.Client

	queue chan []byte
	stop  chan struct{}
	once  sync.Once
	done  chan struct{}
	hurry context.Context // ends when Close waits no longer
	cut   context.CancelFunc

	buffers sync.Pool
	started atomic.Bool
	sent    atomic.Uint64
	lost    atomic.Uint64

	// The goroutine's own.
	seen   uint64 // of lost, at the last look
	told   uint64 // of lost, when the episode began
	losing bool
}

// New checks the options and returns a Tracer, which Start sets to work.
func New(o Options) (*Tracer, error) {
	problems := guard.Problems{Package: "tracing"}
	if o.Endpoint == "" {
		problems.Add("Endpoint", "", "an address", "")
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"Timeout", o.Timeout}, {"Delay", o.Delay}, {"ExportTimeout", o.ExportTimeout}} {
		if d.value <= 0 {
			problems.Add(d.field, d.value.String(), "a positive duration", "")
		}
	}
	if o.Queue < 1 || o.Batch < 1 || o.Batch > o.Queue {
		problems.Add("Queue", strconv.Itoa(o.Queue), "1 or more, and no less than Batch", "")
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	if o.Tell == nil {
		o.Tell = func(error, uint64) {}
	}
	t := &Tracer{
		opts: o, threshold: threshold(o.Sampler.Ratio),
		queue: make(chan []byte, max(o.Queue, 0)), stop: make(chan struct{}), done: make(chan struct{}),
	}
	switch o.Protocol {
	case Protobuf:
		t.enc = newProtobuf(&o)
	case JSON:
		t.enc = newJSON(&o)
	default:
		problems.Add("Protocol", string(o.Protocol), "http/protobuf or http/json", "")
	}
	transport := &http.Transport{
		// A proxy of the environment is for requests that leave the house.
		MaxIdleConns: 1, MaxConnsPerHost: 1, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: o.Timeout, ForceAttemptHTTP2: true,
	}
	if len(o.Roots) > 0 {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(o.Roots) {
			problems.Add("Roots", "a file", "certificates in PEM", "")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	t.client = &http.Client{
		Transport: transport, Timeout: o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // it would take the headers along
	}
	t.hurry, t.cut = context.WithCancel(context.Background())
	return t, problems.Err()
}

// Start begins to send. It is called once.
func (t *Tracer) Start() {
	t.started.Store(true)
	go t.run()
}

// End records a request, when its trace is. It does not block.
func (t *Tracer) End(s *Span, r *Request) {
	if !s.Sampled {
		return
	}
	var a attrs
	one := r.serverSpan(s, &a)
	t.put(&one)
	if r.Upstream != "" {
		a.n = 0
		one = r.clientSpan(s, &a)
		t.put(&one)
	}
}

func (t *Tracer) put(s *span) {
	if len(t.queue) == cap(t.queue) { // not worth encoding
		t.lose(1)
		return
	}
	var b []byte
	if p, _ := t.buffers.Get().(*[]byte); p != nil {
		b = (*p)[:0]
	}
	select {
	case t.queue <- t.enc.span(b, s):
	default:
		t.lose(1)
	}
}

func (t *Tracer) lose(n int) { t.lost.Add(uint64(n)) }

// Sent is how many spans the collector has taken.
func (t *Tracer) Sent() uint64 { return t.sent.Load() }

// Lost is how many spans were dropped: no room, or a collector that did not take them.
func (t *Tracer) Lost() uint64 { return t.lost.Load() }

// Endpoint is the collector's address, without a query, which may hold a key.
func (t *Tracer) Endpoint() string {
	address, _, _ := strings.Cut(t.opts.Endpoint, "?")
	return address
}

// Close sends what is there, for as long as ctx allows, and ends the Tracer. What is left
// then counts as lost.
func (t *Tracer) Close(ctx context.Context) {
	t.once.Do(func() { close(t.stop) })
	if !t.started.Load() {
		return
	}
	select {
	case <-t.done:
	case <-ctx.Done():
		t.cut()
		<-t.done
	}
	t.cut()
	t.client.CloseIdleConnections()
}

// run gathers batches: whole ones at once, others after the delay.
func (t *Tracer) run() {
	defer close(t.done)
	batch := make([][]byte, 0, t.opts.Batch)
	timer := time.NewTimer(t.opts.Delay)
	defer timer.Stop()
	for {
		select {
		case s := <-t.queue:
			if batch = append(batch, s); len(batch) < t.opts.Batch {
				continue
			}
		case <-timer.C:
		case <-t.stop:
			t.rest(batch)
			return
		}
		t.export(batch)
		batch = t.reuse(batch)
		timer.Reset(t.opts.Delay)
	}
}

// rest sends what is in the queue at the end.
func (t *Tracer) rest(batch [][]byte) {
	for {
		select {
		case s := <-t.queue:
			if batch = append(batch, s); len(batch) < t.opts.Batch {
				continue
			}
			t.export(batch)
			batch = t.reuse(batch)
		default:
			t.export(batch)
			return
		}
	}
}

// reuse keeps the memory of what has been sent.
func (t *Tracer) reuse(batch [][]byte) [][]byte {
	for i := range batch {
		s := batch[i]
		t.buffers.Put(&s)
		batch[i] = nil
	}
	return batch[:0]
}
