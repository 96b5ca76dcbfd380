package door_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

// collector takes OTLP as JSON.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []traced
}

type traced struct {
	TraceID, SpanID, ParentSpanID, Name string
	Kind                                int
	Status                              struct{ Code int }
	Attributes                          []struct {
		Key   string
		Value struct{ StringValue, IntValue string }
	}
}

func (s *traced) attr(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue + a.Value.IntValue
		}
	}
	return ""
}

func collect(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []traced } }
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range m.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// await returns the spans once there are n.
func (c *collector) await(t *testing.T, n int) []traced {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		got := append([]traced(nil), c.spans...)
		c.mu.Unlock()
		if len(got) >= n {
			return got
		}
	}
	t.Fatalf("less than %d spans", n)
	return nil
}

func environ(pairs ...string) func(*door.Options) {
	set := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = pairs[i+1]
	}
	return func(o *door.Options) {
		o.LookupEnv = func(name string) (string, bool) {
			value, ok := set[name]
			return value, ok
		}
	}
}

func (c *collector) environ(more ...string) func(*door.Options) {
	return environ(append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "OTEL_BSP_SCHEDULE_DELAY", "20"}, more...)...)
}

const (
	theirTrace  = "0af7651916cd43dd8448eb211c80319c"
	theirSpan   = "b7ad6b7169203331"
	theirParent = "00-" + theirTrace + "-" + theirSpan + "-01"
)

func TestTraces(t *testing.T) {
	c := collect(t)
	type heard struct{ parent, state []string }
	app := make(chan heard, 100)
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app <- heard{r.Header["Traceparent"], r.Header["Tracestate"]}
		if r.URL.Path == "/500" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), nil, c.environ())
	h.told.await(t, "traces go to "+c.URL+"/v1/traces")
	// A stranger's trace keeps its id and loses its state.
	h.get("/500?token=s3cret", func(r *http.Request) {
		r.Header.Set("Traceparent", strings.Replace(theirParent, "-01", "-00", 1))
		r.Header.Set("Tracestate", "vendor=1")
		r.Header.Set("Cookie", "sid=s3cret")
	})
	spans := c.await(t, 2)
	server, client := &spans[0], &spans[1]
	got := <-app
	if want := "00-" + theirTrace + "-" + client.SpanID + "-01"; len(got.parent) != 1 || got.parent[0] != want || got.state != nil {
		t.Errorf("the app saw %v, want the one parent %s and no state", got, want)
	}
	if server.TraceID != theirTrace || server.ParentSpanID != theirSpan || server.attr("panoply.parent") != "untrusted" || client.ParentSpanID != server.SpanID || client.TraceID != theirTrace {
		t.Errorf("spans = %+v", spans)
	}
	if server.Kind != 2 || client.Kind != 3 || server.Name != "GET" || server.Status.Code != 2 || server.attr("http.response.status_code") != "500" || server.attr("url.path") != "/500" ||
		server.attr("url.query") != "token" || server.attr("url.scheme") != "https" || server.attr("client.address") != "127.0.0.1" ||
		client.attr("url.full") != h.app.URL+"/500?token" || client.attr("http.response.status_code") != "500" {
		t.Errorf("spans = %+v", spans)
	}
	line := h.lines(1)[0]
	if line["trace_id"] != theirTrace || line["request_id"] != server.attr("panoply.request_id") {
		t.Errorf("the log line is %v, want the same ids", line)
	}
	if text, _ := json.Marshal(spans); strings.Contains(string(text), "s3cret") {
		t.Errorf("spans hold a secret: %s", text)
	}
	// What is malformed begins a trace, and never reaches the app.
	h.get("/", func(r *http.Request) {
		r.Header["Traceparent"] = []string{theirParent, theirParent}
		r.Header.Set("Tracestate", "vendor=1")
	})
	spans = c.await(t, 4)
	got = <-app
	if server = &spans[2]; server.TraceID == theirTrace || server.ParentSpanID != "" || len(got.parent) != 1 || !strings.HasPrefix(got.parent[0], "00-"+server.TraceID) || got.state != nil {
		t.Errorf("spans = %+v, the app saw %v, want a trace of the door's own", spans[2:], got)
	}
	// A refusal has a span, and none for the app.
	h.get("/", func(r *http.Request) { r.Host = "evil.example" })
	spans = c.await(t, 5)
	if server = &spans[4]; server.attr("panoply.action") != "denied" || server.attr("panoply.rule") == "" || server.Status.Code != 0 {
		t.Errorf("span = %+v, want the refusal", server)
	}
	for _, want := range []string{`panoply_trace_spans_total{result="sent"} 5`, `panoply_trace_spans_total{result="dropped"} 0`} {
		found := false
		for end := time.Now().Add(10 * time.Second); !found && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			_, text := h.admin("/metrics")
			found = strings.Contains(text, want) // once the collector's answer has been read
		}
		if !found {
			t.Errorf("no %s", want)
		}
	}
}

func TestTraceOfATrustedProxy(t *testing.T) {
	c := collect(t)
	app := make(chan http.Header, 10)
	h := build(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { app <- r.Header.Clone() }),
		func(cfg *config.Config) { cfg.Trust.Proxies = []string{"127.0.0.0/8"} }, c.environ("OTEL_TRACES_SAMPLER", "parentbased_always_off"))
	ask := func(parent, state string) http.Header {
		h.get("/", func(r *http.Request) {
			r.Header.Set("X-Forwarded-For", "192.0.2.7")
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("Traceparent", parent)
			r.Header.Set("Tracestate", state)
		})
		return <-app
	}
	got := ask(theirParent, "vendor=1")
	spans := c.await(t, 2)
	if spans[0].ParentSpanID != theirSpan || spans[0].attr("panoply.parent") != "" || spans[0].attr("client.address") != "192.0.2.7" {
		t.Errorf("spans = %+v, want the proxy's trace to go on", spans)
	}
	if got.Get("Tracestate") != "vendor=1" || got.Get("Traceparent") != "00-"+theirTrace+"-"+spans[1].SpanID+"-01" {
		t.Errorf("the app saw %v, want the proxy's state", got)
	}
	if got = ask(theirParent, "NOT a state"); got["Tracestate"] != nil {
		t.Errorf("Tracestate = %v, want what is malformed left out", got["Tracestate"])
	}
	c.await(t, 4)
	if got = ask(strings.Replace(theirParent, "-01", "-00", 1), "vendor=1"); !strings.HasSuffix(got.Get("Traceparent"), "-00") || got.Get("Tracestate") != "vendor=1" {
		t.Errorf("the app saw %v, want a trace that is not recorded", got)
	}
	h.lines(3)
	if n := len(c.await(t, 4)); n != 4 {
		t.Errorf("%d spans, want none of the last", n)
	}
}

// Without the variables nothing is recorded, and what clients say of traces passes as any
// field does.
func TestNoTraces(t *testing.T) {
	app := make(chan http.Header, 1)
	h := build(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { app <- r.Header.Clone() }), nil, environ("OTEL_SERVICE_NAME", "x"))
	h.get("/", func(r *http.Request) {
		r.Header.Set("Traceparent", theirParent)
		r.Header.Set("Tracestate", "vendor=1")
	})
	if got := <-app; got.Get("Traceparent") != theirParent || got.Get("Tracestate") != "vendor=1" {
		t.Errorf("the app saw %v, want what the client sent", got)
	}
	if _, text := h.admin("/metrics"); strings.Contains(text, "panoply_trace") {
		t.Error("there are metrics of traces")
	}
}

func TestWrongEnvironment(t *testing.T) {
	cfg := quickConfig(t, "127.0.0.1:1")
	o := door.Options{Config: cfg, Stdout: io.Discard, Stderr: io.Discard}
	environ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")(&o)
	if _, err := door.New(o); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_ENDPOINT") || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_PROTOCOL") {
		t.Errorf("New = %v, want both variables named", err)
	}
}

// TestTracesOfManyRequests reuses connections while spans wait: what is recorded is of its
// own request, whatever the server side does with the memory of it.
func TestTracesOfManyRequests(t *testing.T) {
	c := collect(t)
	h := build(t, http.HandlerFunc(hello), nil, c.environ("OTEL_BSP_SCHEDULE_DELAY", "200"))
	const clients, each = 4, 50
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for n := range each {
				path := fmt.Sprintf("/%d-%d", i, n)
				req, _ := http.NewRequest(http.MethodGet, h.url(path), nil)
				req.Header.Set("User-Agent", "agent"+path)
				res, err := h.client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		t.Fatal(err)
	}
	spans := c.await(t, 2*clients*each) // the end of the door has sent what was left
	ids := map[string]bool{}
	for i := range spans {
		s := &spans[i]
		ids[s.SpanID] = true
		if s.Kind == 2 && s.attr("user_agent.original") != "agent"+s.attr("url.path") {
			t.Fatalf("span = %+v, want path and agent of one request", s)
		}
	}
	if len(ids) != 2*clients*each {
		t.Errorf("%d ids of %d", len(ids), 2*clients*each)
	}
}
