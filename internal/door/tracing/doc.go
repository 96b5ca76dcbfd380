// Package tracing records what the door does as OpenTelemetry traces: a span for each
// request, one below it for the exchange with the application, W3C Trace Context in and
// out, and OTLP over HTTP to a collector.
//
//	o, on, err := tracing.FromEnv(os.LookupEnv) // OTEL_*
//	t, err := tracing.New(o)
//	span := t.Begin(theirs, ok, trusted)
//	header["Traceparent"] = []string{span.Traceparent()} // to the application
//	t.End(&span, &tracing.Request{…})
//
// It is not the OpenTelemetry SDK: docs/decisions/0015 says why, and what that costs.
// A span is encoded when its request ends, so nothing of the request is held on to. What
// waits for the collector is bounded; what does not fit is dropped and counted, and no
// request ever waits.
//
// Spans hold no query values, cookies, header values (but User-Agent) or bodies.
//
// Sources: W3C Trace Context level 1 (Recommendation) sections 3 and 6; OTLP 1.x; the
// OpenTelemetry specification's environment variables; semantic conventions 1.27 and
// later for HTTP. FuzzParent and FuzzState hold the parsers.
package tracing
