package redisstore_test

import (
	"testing"
	"time"

	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/redisstore"
	"github.com/panoplysec/panoply/storetest"
)

// TestLimitsConformance holds Limits, and Shared in front of it, to the contract of all
// stores of limits.
func TestLimitsConformance(t *testing.T) {
	s := start(t)
	o := redisstore.Options{Address: []string{s.addr}, Timeout: 5 * time.Second}
	t.Run("Limits", func(t *testing.T) {
		storetest.RunLimits(t, func(t *testing.T) limit.Store { return limits(t, o) })
	})
	t.Run("Shared", func(t *testing.T) {
		storetest.RunLimits(t, func(t *testing.T) limit.Store {
			s, err := limit.NewShared(limit.SharedOptions{Store: limits(t, o), Instances: 1, Timeout: 5 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		})
	})
}
