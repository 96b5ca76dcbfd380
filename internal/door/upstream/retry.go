package upstream

import (
	"net/http"
	"sync/atomic"
)

// A budget bounds how many requests are sent again: one in ten over time, and a burst of
// a hundred. An application in trouble must not get its requests twice. It is safe for
// concurrent use; the zero value has nothing to spend.
type budget struct{ tenths atomic.Int64 }

const (
	retryCost = 10
	maxBudget = 100 * retryCost
)

// earn counts a request.
func (b *budget) earn() {
	if b.tenths.Load() < maxBudget {
		b.tenths.Add(1)
	}
}

// spend takes what one retry costs, and tells whether it was there.
func (b *budget) spend() bool {
	for {
		n := b.tenths.Load()
		if n < retryCost {
			return false
		}
		if b.tenths.CompareAndSwap(n, n-retryCost) {
			return true
		}
	}
}

// idempotent tells the methods whose request may arrive twice.
//
// Source: RFC 9110 section 9.2.2.
func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}
