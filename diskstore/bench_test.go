package diskstore_test

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/session"
)

func BenchmarkLoad(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "a.db"))
	const many = 10_000
	for from := uint64(0); from < many; from += 500 {
		done := make(chan error)
		for i := range uint64(500) {
			go func() {
				_, err := s.Save(b.Context(), numbered(from+i), session.Record{Data: make([]byte, 300), Expires: time.Now().Add(time.Hour)})
				done <- err
			}()
		}
		for range 500 {
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	b.SetParallelism(1)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := uint64(0); pb.Next(); i++ {
			if _, ok, err := s.Load(b.Context(), numbered(i*7919%many)); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "loads/s")
}

// BenchmarkSave has 64 writers, and puts the time of a plain fdatasync beside.
func BenchmarkSave(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "a.db"))
	var next atomic.Uint64
	data := make([]byte, 300)
	commits := s.Commits()
	b.SetParallelism(32) // times GOMAXPROCS
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Save(b.Context(), numbered(next.Add(1)), session.Record{Data: data, Expires: time.Now().Add(time.Hour)}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "saves/s")
	b.ReportMetric(float64(b.N)/float64(s.Commits()-commits), "saves/commit")
	f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const syncs = 50
	began := time.Now()
	for range syncs {
		if _, err := f.Write(data); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	sync := time.Since(began) / syncs
	b.ReportMetric(float64(sync.Microseconds()), "µs/sync")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()*sync.Seconds(), "saves/sync-time")
}
