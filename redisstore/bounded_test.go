package redisstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"
)

// stuck is a client like rueidis with a full ring: its calls do not look at their context.
type stuck struct {
	rueidis.Client
	free chan struct{}
	err  error
}

func (s *stuck) Do(context.Context, rueidis.Completed) rueidis.RedisResult {
	<-s.free
	return rueidis.NewErrorResult(s.err)
}

func (s *stuck) DoMulti(_ context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	<-s.free
	all := make([]rueidis.RedisResult, len(multi))
	for i := range all {
		all[i] = rueidis.NewErrorResult(s.err)
	}
	return all
}

// TestBounded holds that calls end with their context where the client's do not.
func TestBounded(t *testing.T) {
	const timeout = 15 * time.Millisecond
	for _, crowd := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &stuck{free: make(chan struct{}), err: errors.New("the connection is gone")}
			b := &bounded{s, newHealth()}
			if crowd {
				for range 2 * (crowded + rest) { // the last of them wait outside
					go b.Do(t.Context(), rueidis.Completed{})
				}
				synctest.Wait()
			} else {
				go b.Do(t.Context(), rueidis.Completed{})
				s.free <- struct{}{}
				synctest.Wait()
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			began := time.Now()
			if err := b.Do(ctx, rueidis.Completed{}).Error(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Do() = %v, want %v", err, context.DeadlineExceeded)
			}
			all := b.DoMulti(ctx, rueidis.Completed{}, rueidis.Completed{})
			if len(all) != 2 || !errors.Is(all[1].Error(), context.DeadlineExceeded) {
				t.Errorf("DoMulti() = %d results, want 2 of %v", len(all), context.DeadlineExceeded)
			}
			if took := time.Since(began); took != timeout {
				t.Errorf("the calls took %v, want %v", took, timeout)
			}
			s.err = nil
			close(s.free)
			synctest.Wait()
			for range calm {
				b.Do(t.Context(), rueidis.Completed{})
			}
			if b.apart() || b.inside.Load() != 0 {
				t.Errorf("after all have answered apart() = %v with %d inside", b.apart(), b.inside.Load())
			}
		})
	}
}
