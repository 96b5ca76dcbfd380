package crosssite_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/internal/door/crosssite"
)

// TestMemoryIsShared is for the race detector: requests of two configurations, a reload, and
// who looks at the report, all at once.
func TestMemoryIsShared(t *testing.T) {
	memory := crosssite.NewMemory(crosssite.MemoryOptions{Keep: func(crosssite.Learnt) {}, Say: func(string, ...any) {}})
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			mine := &bed{memory: memory}
			mine.with(t, nil)
			for i := range 100 {
				origin := fmt.Sprintf("https://o%d.example", i%30)
				mine.app = func(w http.ResponseWriter, _ *http.Request) {
					cors(origin, i%2 == 0)(w, nil)
					w.Header().Add("Set-Cookie", fmt.Sprintf("c%d_state=1; SameSite=None", i%5))
				}
				mine.send(t, "OPTIONS /api", "", "Origin: "+origin)
				mine.send(t, fmt.Sprintf("POST /x%d", i%40), "SAMLResponse=x", form, session, across, evil)
				switch {
				case i%20 == worker:
					mine.with(t, nil)
				case i%25 == worker:
					memory.Begin()
				case i%10 == worker:
					memory.Entries()
					memory.Sources()
				}
			}
		})
	}
	all.Wait()
	memory.Close()
}
