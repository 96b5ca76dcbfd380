package tracing_test

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/panoplysec/panoply/internal/door/tracing"
)

// seen is a span as a collector understands it.
type seen struct {
	Trace, ID, Parent, Name string
	Kind, Code, Flags       int
	Start, End              uint64
	Attrs                   map[string]any // string or int64
}

// collector takes spans of either encoding.
type collector struct {
	*httptest.Server
	t      *testing.T
	answer func(n int, w http.ResponseWriter) bool // false: the answer is written

	mu       sync.Mutex
	spans    []seen
	resource map[string]any
	requests []http.Header
}

func collect(t *testing.T, answer func(n int, w http.ResponseWriter) bool) *collector {
	c := &collector{t: t, answer: answer}
	c.Server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r.Header)
	if c.answer != nil && !c.answer(len(c.requests), w) {
		return
	}
	body := r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			c.t.Error(err)
			return
		}
		body = z
	}
	text, err := io.ReadAll(body)
	if err != nil {
		c.t.Error(err)
	}
	switch r.Header.Get("Content-Type") {
	case "application/json":
		c.json(text)
	case "application/x-protobuf":
		c.protobuf(text)
	default:
		c.t.Errorf("Content-Type %q", r.Header.Get("Content-Type"))
	}
}

func (c *collector) all() []seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]seen(nil), c.spans...)
}

func (c *collector) heads() []http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]http.Header(nil), c.requests...)
}

type jsonAttrs []struct {
	Key   string
	Value struct {
		StringValue *string
		IntValue    *string
	}
}

func (a jsonAttrs) values(t *testing.T) map[string]any {
	out := map[string]any{}
	for _, one := range a {
		switch {
		case one.Value.StringValue != nil:
			out[one.Key] = *one.Value.StringValue
		case one.Value.IntValue != nil:
			n, err := strconv.ParseInt(*one.Value.IntValue, 10, 64)
			if err != nil {
				t.Error(err)
			}
			out[one.Key] = n
		}
	}
	return out
}

func (c *collector) json(text []byte) {
	var m struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes jsonAttrs }
			ScopeSpans []struct {
				Scope struct{ Name string }
				Spans []struct {
					TraceID, SpanID, ParentSpanID, Name string
					Kind, Flags                         int
					StartTimeUnixNano, EndTimeUnixNano  uint64 `json:",string"`
					Attributes                          jsonAttrs
					Status                              struct{ Code int }
				}
			}
		}
	}
	if err := json.Unmarshal(text, &m); err != nil {
		c.t.Errorf("%s: %v", text, err)
		return
	}
	for _, r := range m.ResourceSpans {
		c.resource = r.Resource.Attributes.values(c.t)
		for _, s := range r.ScopeSpans[0].Spans {
			c.spans = append(c.spans, seen{s.TraceID, s.SpanID, s.ParentSpanID, s.Name, s.Kind, s.Status.Code, s.Flags,
				s.StartTimeUnixNano, s.EndTimeUnixNano, s.Attributes.values(c.t)})
		}
	}
}

// each calls f for each field of a protobuf message; number is that of a numeric one.
func (c *collector) each(b []byte, f func(field protowire.Number, number uint64, text []byte)) {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			c.t.Error(protowire.ParseError(n))
			return
		}
		b = b[n:]
		var number uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			number, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var small uint32
			small, n = protowire.ConsumeFixed32(b)
			number = uint64(small)
		default:
			text, n = protowire.ConsumeBytes(b)
		}
		if n < 0 {
			c.t.Error(protowire.ParseError(n))
			return
		}
		f(field, number, text)
		b = b[n:]
	}
}

func (c *collector) attr(b []byte, into map[string]any) {
	var key string
	c.each(b, func(field protowire.Number, _ uint64, text []byte) {
		if field == 1 {
			key = string(text)
			return
		}
		c.each(text, func(field protowire.Number, number uint64, text []byte) {
			if field == 1 {
				into[key] = string(text)
			} else if field == 3 {
				into[key] = int64(number)
			}
		})
	})
}

func (c *collector) protobuf(b []byte) {
	c.each(b, func(_ protowire.Number, _ uint64, resourceSpans []byte) {
		c.each(resourceSpans, func(field protowire.Number, _ uint64, b []byte) {
			if field == 1 {
				c.resource = map[string]any{}
				c.each(b, func(_ protowire.Number, _ uint64, b []byte) { c.attr(b, c.resource) })
				return
			}
			c.each(b, func(field protowire.Number, _ uint64, b []byte) {
				if field == 2 {
					c.spans = append(c.spans, c.span(b))
				}
			})
		})
	})
}

func (c *collector) span(b []byte) seen {
	s := seen{Attrs: map[string]any{}}
	c.each(b, func(field protowire.Number, number uint64, text []byte) {
		switch field {
		case 1:
			s.Trace = hex.EncodeToString(text)
		case 2:
			s.ID = hex.EncodeToString(text)
		case 4:
			s.Parent = hex.EncodeToString(text)
		case 5:
			s.Name = string(text)
		case 6:
			s.Kind = int(number)
		case 7:
			s.Start = number
		case 8:
			s.End = number
		case 9:
			c.attr(text, s.Attrs)
		case 15:
			c.each(text, func(field protowire.Number, number uint64, _ []byte) {
				if field == 3 {
					s.Code = int(number)
				}
			})
		case 16:
			s.Flags = int(number)
		default:
			c.t.Errorf("field %d of a span", field)
		}
	})
	return s
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within 20s", what)
}

// options are those of a quick tracer to c.
func (c *collector) options() tracing.Options {
	return tracing.Options{
		Endpoint: c.URL + "/v1/traces", Protocol: tracing.Protobuf, Timeout: 5 * time.Second, Service: "door",
		Sampler: tracing.Sampler{Ratio: 1, ParentBased: true}, Delay: 20 * time.Millisecond, ExportTimeout: 10 * time.Second,
		Queue: 100, Batch: 10, Backoff: 10 * time.Millisecond,
	}
}

func start(t *testing.T, o tracing.Options) *tracing.Tracer {
	t.Helper()
	tr, err := tracing.New(o)
	if err != nil {
		t.Fatal(err)
	}
	tr.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		tr.Close(ctx)
	})
	return tr
}
