package audit_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

func TestLayerOfWhatTheAppDoesItself(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(guarded))
	defer app.Close()
	front := overTLS(guarded)
	defer front.Close()
	r := run(t, audit.Options{Rate: 1000}, check.Target{URL: front.URL, Upstream: app.URL})
	if got := row(t, r, "headers").Layer; got != check.Code {
		t.Errorf("headers are provided by %q, want code: the app alone sends them", got)
	}
	worse := overTLS(naked)
	defer worse.Close()
	r = run(t, audit.Options{Rate: 1000}, check.Target{URL: worse.URL, Upstream: app.URL})
	if got := row(t, r, "headers"); got.Status != check.Broken || got.Layer != check.Door {
		t.Errorf("headers = %q by %q, want broken by the door: the app alone sends them", got.Status, got.Layer)
	}
}

// TestLayerOfTwoBanners holds that one banner of the app does not excuse another one of
// what stands in front of it.
func TestLayerOfTwoBanners(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(naked))
	defer app.Close()
	front := overTLS(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Served-By", "box1")
		naked(w, r)
	})
	defer front.Close()
	r := run(t, audit.Options{Rate: 1000}, check.Target{URL: front.URL, Upstream: app.URL})
	got := make(map[string]check.Layer)
	for _, f := range r.Findings {
		if f.ID == "fingerprint/banner" {
			got[f.Subject] = f.Layer
		}
	}
	if got["X-Powered-By"] != check.Code || got["X-Served-By"] != check.Door {
		t.Errorf("layers of the banners = %v, want X-Powered-By from the code and X-Served-By from the door", got)
	}
}

// TestLayerWhenTheAppAloneIsNotProven holds that an answer of the app counts even where
// it proves nothing.
func TestLayerWhenTheAppAloneIsNotProven(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer app.Close()
	front := overTLS(naked)
	defer front.Close()
	for upstream, want := range map[string]check.Layer{app.URL: check.Door, "127.0.0.1:1": check.Code} {
		r := run(t, audit.Options{Rate: 1000}, check.Target{URL: front.URL, Upstream: upstream})
		if got := row(t, r, "errors"); got.Status != check.Broken || got.Layer != want {
			t.Errorf("errors with the app at %s = %q by %q, want broken by %q", upstream, got.Status, got.Layer, want)
		}
	}
}
