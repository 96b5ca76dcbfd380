package tracing

import (
	"time"
)

// Protocol is how OTLP is written.
type Protocol string

const (
	// Protobuf is OTLP/HTTP with binary protobuf.
	Protobuf Protocol = "http/protobuf"
	// JSON is OTLP/HTTP with JSON.
	JSON Protocol = "http/json"
)

// Sampler decides about requests that begin a trace here. Those of a trusted proxy go by
// what it decided when ParentBased is set.
type Sampler struct {
	// Ratio is the part of traces that is recorded, 0 to 1.
	Ratio       float64
	ParentBased bool
}

// Options configures a Tracer. FromEnv fills it.
type Options struct {
	// Endpoint is the collector's whole address, such as http://127.0.0.1:4318/v1/traces.
	// Required.
	Endpoint string
	// Protocol is Protobuf or JSON.
	Protocol Protocol
	// Headers go with each request to the collector, by canonical name.
	Headers map[string]string
	// Gzip compresses what is sent.
	Gzip bool
	// Roots are PEM certificates that the collector's is checked with; empty means the
	// system's.
	Roots []byte
	// Timeout bounds one request to the collector.
	Timeout time.Duration
	// Service is service.name, and Resource the other attributes of the resource.
	Service  string
	Resource map[string]string
	Sampler  Sampler
	// Delay is how long a span waits for others.
	Delay time.Duration
	// ExportTimeout bounds a batch with all tries.
	ExportTimeout time.Duration
	// Queue is how many spans wait at most, Batch how many leave together.
	Queue, Batch int
	// Backoff is the pause before the second try, which doubles; zero means 1 s.
	Backoff time.Duration
	// Tell is told when spans begin to be lost, with the last reason, and when they leave again. It may
	// be nil, and is called from the exporting goroutine.
	Tell func(err error, lost uint64)
}
