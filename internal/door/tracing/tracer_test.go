package tracing_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/tracing"
)

func usual() *tracing.Request {
	at := time.Unix(1_700_000_000, 123_456_789)
	return &tracing.Request{
		Method: "GET", Scheme: "https", Path: "/cart", Query: "?token", Host: "shop.example:8443", Proto: "HTTP/2.0", Agent: "curl/8 \"ä\xff", TLS: "1.3",
		Client: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("2001:db8::1"), ID: "0123", Site: "shop.example",
		Start: at, End: at.Add(time.Second), Status: 502, In: 7, Out: 300, Failure: "closed", Ours: true,
		Action: "denied", Practice: "csrf", Rule: "x", Upstream: "[::1]:3000", Asked: at.Add(time.Millisecond), UpstreamStatus: 200,
	}
}

func theirs(sampled bool) tracing.Parent {
	p, _ := tracing.ParseParent([]string{"00-" + traceID + "-" + spanID + "-01"})
	p.Sampled = sampled
	return p
}

// Both encodings say the same, as another reader understands them.
func TestSpans(t *testing.T) {
	for _, protocol := range []tracing.Protocol{tracing.Protobuf, tracing.JSON} {
		t.Run(string(protocol), func(t *testing.T) {
			c := collect(t, nil)
			o := c.options()
			o.Protocol, o.Headers, o.Gzip = protocol, map[string]string{"Authorization": "Bearer abc"}, protocol == tracing.JSON
			o.Resource = map[string]string{"deployment.environment.name": "prod"}
			tr := start(t, o)
			s := tr.Begin(theirs(true), true, true)
			tr.End(&s, usual())
			until(t, "two spans", func() bool { return len(c.all()) == 2 })
			server, client := c.all()[0], c.all()[1]
			parent := s.Traceparent()
			if want := "00-" + traceID + "-" + client.ID + "-01"; parent != want {
				t.Errorf("Traceparent = %s, want %s: the application's parent is the exchange", parent, want)
			}
			if client.Parent != server.ID || len(server.ID) != 16 || server.ID == client.ID {
				t.Errorf("the exchange %s has the parent %s, want %s", client.ID, client.Parent, server.ID)
			}
			server.ID, client.ID, client.Parent = "", "", ""
			wantServer := seen{Trace: traceID, Parent: spanID, Name: "GET", Kind: 2, Code: 2, Flags: 0x301, Start: 1_700_000_000_123_456_789, End: 1_700_000_001_123_456_789,
				Attrs: map[string]any{
					"http.request.method": "GET", "url.scheme": "https", "url.path": "/cart", "url.query": "token", "server.address": "shop.example", "server.port": int64(8443),
					"client.address": "192.0.2.1", "network.peer.address": "2001:db8::1", "network.protocol.version": "2", "tls.protocol.version": "1.3",
					"user_agent.original": "curl/8 \"ä\ufffd", "http.response.status_code": int64(502), "http.request.body.size": int64(7), "http.response.body.size": int64(300),
					"error.type": "closed", "panoply.request_id": "0123", "panoply.site": "shop.example", "panoply.action": "denied", "panoply.practice": "csrf", "panoply.rule": "x",
				}}
			wantClient := seen{Trace: traceID, Name: "GET", Kind: 3, Code: 2, Flags: 0x101, Start: 1_700_000_000_124_456_789, End: 1_700_000_001_123_456_789,
				Attrs: map[string]any{
					"http.request.method": "GET", "server.address": "::1", "server.port": int64(3000), "url.full": "http://[::1]:3000/cart?token",
					"http.response.status_code": int64(200), "error.type": "closed",
				}}
			if !reflect.DeepEqual(server, wantServer) {
				t.Errorf("server span = %+v\nwant          %+v", server, wantServer)
			}
			if !reflect.DeepEqual(client, wantClient) {
				t.Errorf("client span = %+v\nwant          %+v", client, wantClient)
			}
			if want := (map[string]any{"service.name": "door", "telemetry.sdk.language": "go", "telemetry.sdk.name": "panoply", "deployment.environment.name": "prod"}); !reflect.DeepEqual(c.resource, want) {
				t.Errorf("resource = %v, want %v", c.resource, want)
			}
			if got := c.heads()[0].Get("Authorization"); got != "Bearer abc" {
				t.Errorf("Authorization = %q", got)
			}
			until(t, "two spans counted", func() bool { return tr.Sent() == 2 })
		})
	}
}

func TestUnusualSpans(t *testing.T) {
	c := collect(t, nil)
	tr := start(t, c.options())
	s := tr.Begin(tracing.Parent{}, false, false)
	r := &tracing.Request{Method: "BREW", Path: "/" + strings.Repeat("p", 1000), Host: "localhost", Proto: "HTTP/1.1", Status: 404, Start: time.Now(), End: time.Now()}
	tr.End(&s, r)
	until(t, "a span", func() bool { return len(c.all()) == 1 })
	got := c.all()[0]
	if got.Name != "HTTP" || got.Attrs["http.request.method"] != "_OTHER" || got.Attrs["http.request.method_original"] != "BREW" ||
		got.Attrs["network.protocol.version"] != "1.1" || got.Parent != "" || got.Flags != 1 || got.Code != 0 || got.Attrs["error.type"] != nil ||
		len(got.Attrs["url.path"].(string)) != 512 || got.Attrs["server.port"] != nil {
		t.Errorf("span = %+v, want an own trace, and no error for a 404", got)
	}
}

func TestSampling(t *testing.T) {
	sampler := func(ratio float64, parent bool) *tracing.Tracer {
		o := (&collector{}).idle()
		o.Sampler = tracing.Sampler{Ratio: ratio, ParentBased: parent}
		tr, err := tracing.New(o)
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	count := func(tr *tracing.Tracer, p tracing.Parent, known, trusted bool) (n int) {
		for range 10_000 {
			s := tr.Begin(p, known, trusted)
			if s.Sampled {
				n++
			}
			if known && s.Trace != p.Trace || s.Trace == [16]byte{} {
				t.Fatalf("trace %x, want %x", s.Trace, p.Trace)
			}
		}
		return n
	}
	none := tracing.Parent{}
	low := theirs(true)
	low.Trace = [16]byte{15: 1} // which any ratio would take
	tests := []struct {
		name           string
		tr             *tracing.Tracer
		p              tracing.Parent
		known, trusted bool
		least, most    int
	}{
		{"all", sampler(1, true), none, false, false, 10_000, 10_000},
		{"none", sampler(0, true), none, false, false, 0, 0},
		{"a quarter", sampler(0.25, true), none, false, false, 2_000, 3_000},
		{"a proxy's yes", sampler(0, true), theirs(true), true, true, 10_000, 10_000},
		{"a proxy's no", sampler(1, true), theirs(false), true, true, 0, 0},
		{"a proxy's yes, not asked", sampler(0, false), theirs(true), true, true, 0, 0},
		{"a stranger's yes", sampler(0, true), theirs(true), true, false, 0, 0},
		{"a stranger's no", sampler(1, true), theirs(false), true, false, 10_000, 10_000},
		{"a stranger's chosen id", sampler(0.25, true), low, true, false, 2_000, 3_000},
		{"a proxy's id decides by itself", sampler(0.25, false), low, true, true, 10_000, 10_000},
	}
	for _, tt := range tests {
		if n := count(tt.tr, tt.p, tt.known, tt.trusted); n < tt.least || n > tt.most {
			t.Errorf("%s: %d of 10000 are recorded, want %d to %d", tt.name, n, tt.least, tt.most)
		}
	}
}

// idle are options for a tracer that sends nothing.
func (c *collector) idle() tracing.Options {
	return tracing.Options{Endpoint: "http://127.0.0.1:1", Protocol: tracing.JSON, Timeout: time.Second, Delay: time.Second, ExportTimeout: time.Second, Queue: 1, Batch: 1}
}

func TestUnsampledIsPassedOnAndNotRecorded(t *testing.T) {
	c := collect(t, nil)
	tr := start(t, c.options())
	s := tr.Begin(theirs(false), true, true)
	tr.End(&s, usual())
	if !strings.HasPrefix(s.Traceparent(), "00-"+traceID+"-") || !strings.HasSuffix(s.Traceparent(), "-00") {
		t.Errorf("Traceparent = %s, want the trace, not sampled", s.Traceparent())
	}
	marked := tr.Begin(theirs(true), true, false)
	tr.End(&marked, usual())
	until(t, "the sampled one", func() bool { return len(c.all()) == 2 })
	if got := c.all()[0]; got.Attrs["panoply.parent"] != "untrusted" || got.Trace != traceID || got.Parent != spanID {
		t.Errorf("span = %+v, want a parent that is marked", got)
	}
}

func TestBatches(t *testing.T) {
	c := collect(t, nil)
	o := c.options()
	o.Delay, o.Batch = time.Minute, 4
	tr := start(t, o)
	for range 5 { // two spans each
		s := tr.Begin(tracing.Parent{}, false, false)
		tr.End(&s, usual())
	}
	until(t, "two whole batches", func() bool { return len(c.all()) == 8 })
	tr.Close(t.Context())
	if n := len(c.all()); n != 10 || tr.Sent() != 10 || tr.Lost() != 0 {
		t.Errorf("%d spans at the end, %d sent, %d lost, want 10", n, tr.Sent(), tr.Lost())
	}
	ids := map[string]bool{}
	for _, s := range c.all() {
		ids[s.ID] = true
		if raw, err := hex.DecodeString(s.Trace); err != nil || len(raw) != 16 {
			t.Errorf("trace id %q", s.Trace)
		}
	}
	if len(ids) != 10 {
		t.Errorf("%d different ids of 10", len(ids))
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := tracing.New(tracing.Options{Roots: []byte("x")}); err == nil {
		t.Error("New took the zero options")
	} else {
		for _, field := range []string{"Endpoint", "Timeout", "Delay", "ExportTimeout", "Queue", "Protocol", "Roots"} {
			if !strings.Contains(err.Error(), field) {
				t.Errorf("%v does not name %s", err, field)
			}
		}
	}
	tr, err := tracing.New((&collector{}).idle())
	if err != nil {
		t.Fatal(err)
	}
	tr.Close(context.Background()) // never started: nothing to wait for
}

func BenchmarkEnd(b *testing.B) {
	for _, protocol := range []tracing.Protocol{tracing.Protobuf, tracing.JSON} {
		b.Run(fmt.Sprint(protocol), func(b *testing.B) {
			o := (&collector{}).idle()
			o.Protocol, o.Queue, o.Sampler.Ratio = protocol, 1, 1
			tr, err := tracing.New(o)
			if err != nil {
				b.Fatal(err)
			}
			r := usual()
			b.ReportAllocs()
			for b.Loop() {
				s := tr.Begin(tracing.Parent{}, false, false)
				_ = s.Traceparent()
				tr.End(&s, r)
				tracing.Drain(tr)
			}
		})
	}
}
