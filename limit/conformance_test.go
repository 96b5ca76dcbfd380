package limit_test

import (
	"testing"
	"time"

	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/storetest"
)

func TestStores(t *testing.T) {
	t.Run("Memory", func(t *testing.T) {
		storetest.RunLimits(t, func(t *testing.T) limit.Store { return memory(t, 0) })
	})
	t.Run("Shared", func(t *testing.T) {
		storetest.RunLimits(t, func(t *testing.T) limit.Store {
			// The suite is no test of how long a busy machine takes.
			s, err := limit.NewShared(limit.SharedOptions{Store: &faulty{Memory: memory(t, 0)}, Instances: 1, Timeout: 5 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		})
	})
}
