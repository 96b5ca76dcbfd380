//go:build unix

package handover

import (
	"net"
	"testing"
	"time"
)

// BenchmarkAsk is what a request of the old door pays for a question.
func BenchmarkAsk(b *testing.B) {
	ours, theirs, err := pair()
	if err != nil {
		b.Fatal(err)
	}
	other, err := net.FileConn(theirs)
	_ = theirs.Close()
	if err != nil {
		b.Fatal(err)
	}
	asks, answers := &Channel{conn: ours}, &Channel{conn: other}
	go answers.Answer(func(m Message) (any, error) { return m.Body, nil })
	defer asks.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := asks.Ask("ended", "a session", nil, time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}
