package tracing

import "testing"

// Drain takes what waits, for benchmarks without a collector.
func Drain(t *Tracer) {
	for {
		select {
		case s := <-t.queue:
			t.buffers.Put(&s)
		default:
			return
		}
	}
}

// FuzzAnswer: whatever a collector answers, it is read to its end and no further.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x0a\x0b\x08\x01\x12\x07too old"))
	f.Add([]byte(`{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, e := range []encoding{asProtobuf{}, asJSON{}} {
			if n, reason := e.rejected(answer); n < 0 || len(reason) > 3*len(answer) {
				t.Errorf("rejected(%q) = %d, %q", answer, n, reason)
			}
		}
	})
}
