package pattern_test

import (
	"sync"
	"testing"

	"github.com/panoplysec/panoply/internal/pattern"
)

func TestGetCompilesOnce(t *testing.T) {
	p := pattern.New(`^a+$`)
	first := p.Get()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := p.Get(); got != first || !got.MatchString("aaa") || got.MatchString("b") {
				t.Errorf("Get() = %p, want the same expression %p, matching a+", got, first)
			}
		})
	}
	wg.Wait()
}

func TestWrongExpressionPanicsOnUseOnly(t *testing.T) {
	p := pattern.New(`(`)
	defer func() {
		if recover() == nil {
			t.Error("Get of a wrong expression did not panic")
		}
	}()
	p.Get()
}
