package tracing_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/tracing"
)

// tale is what a tracer has told.
type tale struct {
	mu   sync.Mutex
	errs []string
}

func (s *tale) tell(err error, _ uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := "over"
	if err != nil {
		text = err.Error()
	}
	s.errs = append(s.errs, text)
}

func (s *tale) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.errs...)
}

func record(tr *tracing.Tracer) {
	s := tr.Begin(tracing.Parent{}, false, false)
	r := usual()
	r.Upstream = ""
	tr.End(&s, r)
}

// What may succeed later is sent again, and comes once.
func TestRetries(t *testing.T) {
	for status, times := range map[int]int{429: 3, 502: 2, 503: 2, 504: 2} {
		c := collect(t, func(n int, w http.ResponseWriter) bool {
			if n < times {
				w.WriteHeader(status)
			}
			return n >= times
		})
		tr := start(t, c.options())
		record(tr)
		until(t, "the span", func() bool { return len(c.all()) == 1 })
		until(t, "the count", func() bool { return tr.Sent() == 1 })
		if tr.Lost() != 0 || len(c.heads()) != times {
			t.Errorf("%d: %d lost after %d requests, want none after %d", status, tr.Lost(), len(c.heads()), times)
		}
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	var first, second time.Time
	c := collect(t, func(n int, w http.ResponseWriter) bool {
		if n == 1 {
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return false
		}
		second = time.Now()
		return true
	})
	tr := start(t, c.options())
	record(tr)
	until(t, "the span", func() bool { return len(c.all()) == 1 })
	if waited := second.Sub(first); waited < time.Second {
		t.Errorf("sent again after %v, want the second that was asked for", waited)
	}
}

// A pause beyond the batch's time is not waited for: the spans are lost, and the door goes on.
func TestRetryAfterTooLong(t *testing.T) {
	c := collect(t, func(_ int, w http.ResponseWriter) bool {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
		return false
	})
	tr := start(t, c.options())
	record(tr)
	until(t, "the loss", func() bool { return tr.Lost() == 1 })
}

// What will never succeed is not sent again, and told once.
func TestRefusals(t *testing.T) {
	for _, status := range []int{400, 401, 404, 500, 301} {
		told := new(tale)
		c := collect(t, func(n int, w http.ResponseWriter) bool {
			if n > 2 {
				return true
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			return false
		})
		o := c.options()
		o.Tell = told.tell
		tr := start(t, o)
		record(tr)
		until(t, "the first loss", func() bool { return tr.Lost() == 1 })
		record(tr)
		until(t, "the second loss", func() bool { return tr.Lost() == 2 })
		record(tr)
		until(t, "a span", func() bool { return len(c.all()) == 1 })
		until(t, "the end of it", func() bool { return len(told.all()) == 2 })
		if got := told.all(); !strings.Contains(got[0], "the collector answers") || got[1] != "over" || len(c.heads()) != 3 {
			t.Errorf("%d: told %q in %d requests, want the loss and its end", status, got, len(c.heads()))
		}
	}
}

func TestPartialSuccess(t *testing.T) {
	answers := map[tracing.Protocol]string{
		tracing.JSON:     `{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}`,
		tracing.Protobuf: "\x0a\x0b\x08\x01\x12\x07too old",
	}
	for protocol, answer := range answers {
		told := new(tale)
		c := collect(t, func(_ int, w http.ResponseWriter) bool {
			_, _ = w.Write([]byte(answer))
			return true
		})
		o := c.options()
		o.Protocol, o.Tell, o.Batch, o.Delay = protocol, told.tell, 2, time.Minute
		tr := start(t, o)
		record(tr)
		record(tr)
		until(t, "the counts", func() bool { return tr.Lost() == 1 && tr.Sent() == 1 })
		until(t, "the reason", func() bool {
			return len(told.all()) == 1 && strings.Contains(told.all()[0], "rejected 1 spans: too old")
		})
	}
}

// A collector that is down costs requests nothing, memory no more than the queue, and is
// told of once.
func TestCollectorDown(t *testing.T) {
	told := new(tale)
	c := collect(t, nil)
	o := c.options()
	c.Close()
	o.Endpoint += "?key=s3cret"
	o.Tell, o.ExportTimeout = told.tell, 50*time.Millisecond
	tr := start(t, o)
	for range 1000 {
		record(tr)
	}
	until(t, "the loss of most", func() bool { return tr.Lost() >= 890 })
	until(t, "word of it", func() bool { return len(told.all()) == 1 })
	until(t, "the loss of all", func() bool { return tr.Lost() == 1000 })
	if got := told.all(); len(got) != 1 || tr.Sent() != 0 || strings.Contains(got[0]+tr.Endpoint(), "s3cret") {
		t.Errorf("told %q of %s, %d sent, want one word, without the key", got, tr.Endpoint(), tr.Sent())
	}
}

// A collector that never answers holds nobody up at the end either.
func TestSlowCollector(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	c := collect(t, func(int, http.ResponseWriter) bool {
		<-hold
		return false
	})
	o := c.options()
	o.Queue = 10
	tr := start(t, o)
	begun := time.Now()
	for range 1000 {
		record(tr)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("recording took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	tr.Close(ctx)
	if tr.Lost() != 1000 {
		t.Errorf("Lost = %d, want all 1000", tr.Lost())
	}
}

func TestConcurrentRecording(t *testing.T) {
	c := collect(t, nil)
	o := c.options()
	o.Queue, o.Batch = 4000, 100
	tr := start(t, o)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				record(tr)
			}
		})
	}
	wg.Wait()
	until(t, "all spans", func() bool { return len(c.all()) == 1600 })
}
