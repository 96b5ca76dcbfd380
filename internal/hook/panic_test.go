package hook_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/panoplysec/panoply/internal/hook"
)

func TestPanicWithoutOnPanicPassesThrough(t *testing.T) {
	recorded := 0
	h := guarded(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("app") }), func(x *hook.Exchange) {
		stamp(x)
		x.On(hook.Record, func(*hook.Answer) { recorded++ })
	})
	rec := httptest.NewRecorder()
	rec.Code = 0
	defer func() {
		if v := recover(); v != "app" {
			t.Errorf("recovered %v, want the app's own panic", v)
		}
		if rec.Header().Get("X-Guard") != "" {
			t.Error("an answer was sent for a panic nobody asked to recover")
		}
		if recorded != 1 {
			t.Errorf("recorded %d times, want once", recorded)
		}
	}()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
}

func TestOnPanic(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		status  int // 0: the connection is cut
		told    bool
	}{
		"before anything":   {func(http.ResponseWriter, *http.Request) { panic("app") }, 500, true},
		"with a header set": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Etag", "1"); panic("app") }, 500, true},
		"after the header": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			panic("app")
		}, 0, true},
		"http.ErrAbort":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, false},
		"answered, no panic": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			told := make(chan any, 1)
			h := guarded(test.handler, func(x *hook.Exchange) {
				stamp(x)
				x.OnPanic(func(w http.ResponseWriter, r *http.Request, v any, stack []byte) {
					told <- v
					if len(stack) == 0 {
						t.Error("no stack was given")
					}
					w.WriteHeader(500)
					io.WriteString(w, "own page")
				})
			})
			serve(t, h, func(t *testing.T, base string, c *http.Client) {
				resp, err := c.Get(base)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				select {
				case v := <-told:
					if !test.told || v != "app" {
						t.Errorf("told of %v, want told: %v", v, test.told)
					}
				default:
					if test.told {
						t.Error("nobody was told of the panic")
					}
				}
				if test.status == 0 {
					if err == nil {
						t.Errorf("answer = %d, want a cut connection", resp.StatusCode)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != test.status || resp.Header.Get("X-Guard") != "on" || resp.Header.Get("Etag") != "" {
					t.Errorf("answer = %d %v, want %d, guarded, without the app's half-made header", resp.StatusCode, resp.Header, test.status)
				}
			})
		})
	}
}

func TestValuesAndRequestID(t *testing.T) {
	type key struct{}
	type plain string
	h := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = hook.With(r, key{}, "one")
		r = hook.With(r, key{}, "two")
		if got := r.Context().Value(key{}); got != "two" {
			t.Errorf("Value = %v, want two", got)
		}
		derived := r.WithContext(context.WithValue(r.Context(), plain("k"), "v"))
		derived = hook.With(derived, key{}, "three")
		if got := derived.Context().Value(key{}); got != "three" {
			t.Errorf("Value of a derived request = %v, want three", got)
		}
		id := hook.RequestID(derived.Context())
		if len(id) != 32 || id != hook.RequestID(r.Context()) {
			t.Errorf("RequestID = %q then %q, want 32 digits, the same twice", id, hook.RequestID(r.Context()))
		}
	}), func(*hook.Exchange) {})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if got := hook.RequestID(context.Background()); got != "" {
		t.Errorf("RequestID outside an exchange = %q, want empty", got)
	}
}

func TestRecordSeesWhatWasSent(t *testing.T) {
	var got hook.Answer
	h := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		io.WriteString(w, "12345")
	}), func(x *hook.Exchange) {
		x.On(hook.Record, func(a *hook.Answer) { got = *a })
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if got.Status != 404 || got.Written != 5 || got.Err != nil {
		t.Errorf("recorded %d, %d bytes, %v; want 404, 5, nil", got.Status, got.Written, got.Err)
	}
}

type nopWriter struct{ h http.Header }

func (w *nopWriter) Header() http.Header         { return w.h }
func (w *nopWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *nopWriter) WriteHeader(int)             {}

// Two allocations a request in all: the exchange, and the request that carries it.
func TestAllocations(t *testing.T) {
	on := func(*hook.Answer) {}
	h := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }), func(x *hook.Exchange) {
		x.On(hook.Headers, on)
	})
	w, r := &nopWriter{http.Header{}}, httptest.NewRequest("GET", "/", nil)
	if got := testing.AllocsPerRun(200, func() { h.ServeHTTP(w, r) }); got > 2 {
		t.Errorf("%v allocations a request, want at most 2", got)
	}
}

func BenchmarkHook(b *testing.B) {
	on := func(*hook.Answer) {}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	h := guarded(app, func(x *hook.Exchange) { x.On(hook.Headers, on) })
	w, r := &nopWriter{http.Header{}}, httptest.NewRequest("GET", "/", nil)
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			app.ServeHTTP(w, r)
		}
	})
	b.Run("hook", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.ServeHTTP(w, r)
		}
	})
}
