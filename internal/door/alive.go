package door

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/hook"
	"github.com/panoplysec/panoply/internal/proof"
)

// signOfLife tells the service manager that the door is alive, twice in the time after
// which that one takes it for dead, for as long as it is. A look that does not come
// back is no sign of life either.
func (d *Door) signOfLife(ctx context.Context) {
	within := d.opts.Manager.Watchdog()
	if within <= 0 {
		return
	}
	tick := time.NewTicker(within / 2)
	defer tick.Stop()
	for {
		if err := d.alive(); err != nil {
			d.log.Error("the door is not well, and the watchdog is told nothing", "err", err)
		} else {
			d.opts.Manager.Alive()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// alive looks at the door: whether it can still be given orders, whether each of its
// listeners accepts, and whether a request comes through the guards to an answer. The
// application is not asked: that it is down is no reason to restart the door.
func (d *Door) alive() error {
	d.mu.Lock()
	g := d.current.Load()
	d.mu.Unlock()
	if d.deaf.Load() {
		return errors.New("door: a listener has failed")
	}
	host, _, err := net.SplitHostPort(siteOf(g.cfg))
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodGet, "https://"+strings.TrimSuffix(net.JoinHostPort(host, ""), ":")+proof.Path, nil)
	if err != nil {
		return err
	}
	r.RemoteAddr, r.TLS = "127.0.0.1:9", &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	w := &nowhere{header: http.Header{}}
	x, out, r := hook.Begin(w, r)
	defer x.End()
	x.Set(requestKey{}, &request{g: g, id: hook.RequestID(r.Context()), start: time.Now(), w: w})
	x.OnPanic(d.recovered)
	g.chain.ServeHTTP(out, r)
	if w.status == 0 {
		return errors.New("door: a request got no answer")
	}
	return nil
}

// nowhere takes an answer that nobody reads.
type nowhere struct {
	header http.Header
	status int
}

func (w *nowhere) Header() http.Header { return w.header }

func (w *nowhere) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

func (w *nowhere) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(b), nil
}
