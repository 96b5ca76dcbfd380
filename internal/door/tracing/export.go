package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/door/ledger"
)

const (
	// maxAnswer is what is read of a collector's answer.
	maxAnswer = 64 << 10
	// maxBackoff bounds the pause between two tries.
	maxBackoff = 30 * time.Second
)

// again is a failure after which the same batch may be sent again.
type again struct {
	error
	after time.Duration // that the collector asks for; 0: as we like
}

func (a again) Unwrap() error { return a.error }

// export sends one batch, again where that makes sense, and counts what became of it.
func (t *Tracer) export(batch [][]byte) {
	if len(batch) == 0 {
		t.tell(nil)
		return
	}
	ctx, cancel := context.WithTimeout(t.hurry, t.opts.ExportTimeout)
	defer cancel()
	rejected, err := t.deliver(ctx, batch)
	switch {
	case err != nil:
		t.lose(len(batch))
	case rejected.n > 0:
		n := int(min(rejected.n, int64(len(batch))))
		t.lose(n)
		t.sent.Add(uint64(len(batch) - n))
		err = fmt.Errorf("the collector rejected %d spans: %s", n, ledger.Clean(rejected.reason, 200))
	default:
		t.sent.Add(uint64(len(batch)))
	}
	t.tell(err)
}

// tell tells of the first loss, and of the end of it.
func (t *Tracer) tell(err error) {
	lost := t.lost.Load()
	if err == nil && lost > t.seen {
		err = errors.New("spans come faster than the collector takes them (OTEL_BSP_MAX_QUEUE_SIZE)")
	}
	switch {
	case err != nil && !t.losing:
		t.losing, t.told = true, t.seen
		t.opts.Tell(err, lost-t.told)
	case err == nil && t.losing:
		t.losing = false
		t.opts.Tell(nil, lost-t.told)
	}
	t.seen = lost
}

type rejection struct {
	n      int64
	reason string
}

// deliver sends the batch until it is taken, refused for good, or ctx is done.
func (t *Tracer) deliver(ctx context.Context, batch [][]byte) (rejection, error) {
	body := t.enc.batch(nil, batch)
	if t.opts.Gzip {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(body) // into memory
		_ = z.Close()
		body = packed.Bytes()
	}
	pause := t.opts.Backoff
	for {
		rejected, err := t.post(ctx, body)
		retry, ok := errors.AsType[again](err)
		if err == nil || !ok {
			return rejected, err
		}
		wait := retry.after
		if wait == 0 {
			wait = pause/2 + rand.N(pause/2+1) // doors that lost the collector together do not come back together
			pause = min(2*pause, maxBackoff)
		}
		if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
			return rejection{}, retry.error // it would be too late
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return rejection{}, retry.error
		}
	}
}

// post sends the body once.
func (t *Tracer) post(ctx context.Context, body []byte) (rejection, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.opts.Endpoint, bytes.NewReader(body))
	if err != nil {
		return rejection{}, err
	}
	req.Header.Set("Content-Type", t.enc.contentType())
	req.Header.Set("User-Agent", "panoply")
	if t.opts.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	for name, value := range t.opts.Headers {
		req.Header.Set(name, value)
	}
	res, err := t.client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the address, which may hold a key
		}
		return rejection{}, again{error: err}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		if err != nil {
			return rejection{}, nil // it has them; what it thinks of them does not matter
		}
		var r rejection
		r.n, r.reason = t.enc.rejected(answer)
		return r, nil
	case retryable(res.StatusCode):
		return rejection{}, again{fmt.Errorf("the collector answers %d", res.StatusCode), retryAfter(res.Header.Get("Retry-After"), time.Now())}
	}
	return rejection{}, fmt.Errorf("the collector answers %d", res.StatusCode)
}

// retryable are the answers after which OTLP sends again.
//
// Source: OTLP specification, Retryable Response Codes.
func retryable(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads seconds or a date; 0 for neither, and for one that is over.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
