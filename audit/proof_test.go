package audit_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/proof"
)

var key = []byte("a key that both sides hold, and nobody else")

// poke is an active check.
var poke = check.Check{
	ID: "poke", Practice: "csrf", Title: "t", Why: "w", Needs: check.Wire | check.Active, Probes: "one DELETE",
	Run: func(ctx context.Context, s *check.Session) check.Result {
		x, err := s.Wire.Do(ctx, check.Request{Method: http.MethodDelete, Path: "/probe", Active: true})
		if err != nil {
			return check.NotProven(err.Error())
		}
		return check.Conclude(http.StatusText(x.Status), nil)
	},
}

// honest answers the proof as a door does.
func honest(w http.ResponseWriter, r *http.Request) bool {
	nonce, ok := proof.Nonce(r)
	if r.URL.Path != proof.Path || !ok {
		return false
	}
	host, port, _ := net.SplitHostPort(r.Host)
	proof.Write(w, key, host, port, nonce)
	return true
}

func TestProofOfControl(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answer  http.HandlerFunc
		refused string // a part of the reason; empty when probes are permitted
	}{
		{"the key's holder", func(w http.ResponseWriter, r *http.Request) { honest(w, r) }, ""},
		{"Express's 404 with the path in it", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte("<pre>Cannot GET " + r.URL.RequestURI() + "</pre>"))
		}, "status 404"},
		{"200 for every path", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Write([]byte(r.URL.RequestURI()))
		}, "not with what"},
		{"open redirect to the right answer", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == proof.Path {
				http.Redirect(w, r, "/elsewhere?"+r.URL.RawQuery, http.StatusFound)
				return
			}
			r.URL.Path = proof.Path
			honest(w, r)
		}, "redirects"},
		{"an answer of yesterday", func() http.HandlerFunc {
			old := proof.Answer(key, "127.0.0.1", "80", proof.NewNonce())
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				w.Write([]byte(old))
			}
		}(), "not with what"},
		{"another host's answer", func(w http.ResponseWriter, r *http.Request) {
			nonce, _ := proof.Nonce(r)
			proof.Write(w, key, "other.example", "443", nonce)
		}, "not with what"},
		{"an endless answer", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, "more than 256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var probed, leaked atomic.Int32
			app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodDelete {
					probed.Add(1)
				}
				if strings.Contains(r.URL.String()+r.Header.Get("Authorization")+r.Header.Get(audit.MarkHeader), string(key)) {
					leaked.Add(1)
				}
				tt.answer(w, r)
			}))
			defer app.Close()
			r, err := audit.Run(t.Context(), []check.Target{{URL: app.URL}}, []check.Check{poke}, audit.Options{Active: true, ControlKey: key, Mark: "run-1"})
			if err != nil {
				t.Fatal(err)
			}
			p := row(t, r, "csrf")
			if (probed.Load() > 0) != (tt.refused == "") || !strings.Contains(p.Reason, tt.refused) {
				t.Errorf("%d probes, csrf: %s; want refused: %q", probed.Load(), p.Reason, tt.refused)
			}
			if leaked.Load() > 0 {
				t.Error("the key travelled")
			}
		})
	}
}

// TestLoopbackNeedsNoKeyAndOthersDo holds the two ways without a key.
func TestLoopbackNeedsNoKeyAndOthersDo(t *testing.T) {
	var probed atomic.Int32
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { probed.Add(1) }))
	defer app.Close()
	active := audit.Options{Active: true}
	if _, err := audit.Run(t.Context(), []check.Target{{URL: app.URL}}, []check.Check{poke}, active); err != nil || probed.Load() != 1 {
		t.Errorf("loopback: %d probes, %v, want one", probed.Load(), err)
	}
	// 198.51.100.1 is reserved for documentation; nothing is sent to it without a key.
	r, err := audit.Run(t.Context(), []check.Target{{URL: "http://198.51.100.1/"}}, []check.Check{poke}, active)
	if err != nil {
		t.Fatal(err)
	}
	if p := row(t, r, "csrf"); !strings.Contains(p.Reason, "no key was given") || r.Targets[0].Requests != 0 {
		t.Errorf("another host: %s, %d requests, want refused and none", p.Reason, r.Targets[0].Requests)
	}
}

// TestNoProbeWithoutActive: a check that does not declare what it sends sends nothing.
func TestNoProbeWithoutActive(t *testing.T) {
	sly := poke
	sly.Needs = check.Wire
	var probed atomic.Int32
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { probed.Add(1) }))
	defer app.Close()
	r, err := audit.Run(t.Context(), []check.Target{{URL: app.URL}}, []check.Check{sly}, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if probed.Load() != 0 {
		t.Errorf("%d probes without permission: %s", probed.Load(), row(t, r, "csrf").Reason)
	}
}

// TestTheAddressOfTheProofIsPinned: a name that leads elsewhere after the proof leads the
// probes nowhere.
func TestTheAddressOfTheProofIsPinned(t *testing.T) {
	var good, evil atomic.Int32
	serve := func(address string, h http.HandlerFunc) net.Listener {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Skipf("needs the address %s: %v", address, err)
		}
		s := &http.Server{Handler: h}
		go s.Serve(ln)
		t.Cleanup(func() { s.Close() })
		return ln
	}
	first := serve("127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if !honest(w, r) {
			good.Add(1)
		}
	})
	_, port, _ := net.SplitHostPort(first.Addr().String())
	serve("127.0.0.2:"+port, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			evil.Add(1)
		}
	})
	names := fakeDNS(t, "rebind.test", [4]byte{127, 0, 0, 1}, [4]byte{127, 0, 0, 2})
	r, err := audit.Run(t.Context(), []check.Target{{URL: "http://rebind.test:" + port}}, []check.Check{poke}, audit.Options{Active: true, ControlKey: key})
	if err != nil {
		t.Fatal(err)
	}
	if good.Load() != 1 || evil.Load() != 0 {
		t.Errorf("%d probes at the proved address and %d at the other after %d look-ups (%s), want 1 and 0", good.Load(), evil.Load(), names.Load(), row(t, r, "csrf").Reason)
	}
}
