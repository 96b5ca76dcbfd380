package door

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/kinds"
)

// TestKindWhileHandingOver: what is found while another door takes over waits like all that
// changes the state, and is then that door's.
func TestKindWhileHandingOver(t *testing.T) {
	app := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(app.Close)
	d, out := started(t, strings.TrimPrefix(app.URL, "http://"), nil)
	d.state.mu.Lock() // as freeze does
	done := make(chan struct{})
	go func() {
		d.foundKind(kinds.Found{Kind: kinds.API, Why: "a test"})
		close(done)
	}()
	time.Sleep(50 * time.Millisecond) // time for what must not happen
	d.state.moved = true              // as yield does
	d.state.mu.Unlock()
	<-done
	if _, err := os.Stat(filepath.Join(d.state.dir, kindName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s of the door that has taken over was written: %v", kindName, err)
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	if text := out.b.String(); strings.Contains(text, "could not be kept") || strings.Contains(text, "looks like api") {
		t.Errorf("the door that goes tells %s", text)
	}
}
