package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
)

func TestModeText(t *testing.T) {
	for _, m := range []guard.Mode{guard.Enforce, guard.Observe, guard.Off} {
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var back guard.Mode
		if err := json.Unmarshal(text, &back); err != nil || back != m {
			t.Errorf("Unmarshal(%s) = %v, %v, want %v", text, back, err, m)
		}
	}
	var m guard.Mode
	if m != guard.Enforce {
		t.Error("the zero Mode is not Enforce")
	}
	for _, bad := range []string{"", "Enforce", "on"} {
		if err := m.UnmarshalText([]byte(bad)); err == nil || !strings.Contains(err.Error(), "enforce, observe, off") {
			t.Errorf("UnmarshalText(%q) = %v, want an error naming what is allowed", bad, err)
		}
	}
	if _, err := guard.Mode(9).MarshalText(); err == nil {
		t.Error("MarshalText of an unknown mode gave no error")
	}
}

func TestPlainDeny(t *testing.T) {
	tests := map[string]struct {
		denial     guard.Denial
		status     int
		retryAfter string
	}{
		"status":            {guard.Denial{Status: 429, RetryAfter: 1500 * time.Millisecond}, 429, "2"},
		"whole seconds":     {guard.Denial{Status: 429, RetryAfter: 2 * time.Second}, 429, "2"},
		"no wait":           {guard.Denial{Status: 403}, 403, ""},
		"status forgotten":  {guard.Denial{}, 403, ""},
		"status not denial": {guard.Denial{Status: 200, RetryAfter: -1}, 403, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			guard.PlainDeny(rec, httptest.NewRequest("GET", "/secret", nil), test.denial)
			if rec.Code != test.status || rec.Header().Get("Retry-After") != test.retryAfter {
				t.Errorf("PlainDeny = %d, Retry-After %q, want %d, %q", rec.Code, rec.Header().Get("Retry-After"), test.status, test.retryAfter)
			}
			if strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("body %q reflects the request", rec.Body)
			}
		})
	}
}

func TestOptionErrors(t *testing.T) {
	var p guard.Problems
	if p.Err() != nil {
		t.Error("Err() of no problems is not nil")
	}
	p.Package = "headers"
	p.Add("ReferrerPolicy", "x", "a token", "did you mean y?")
	p.Note(nil)
	p.Note(fmt.Errorf("csp: %w", &guard.OptionError{Package: "csp", Field: "Directives[0]", Err: errors.New("cause")}))
	err := fmt.Errorf("start: %w", p.Err())
	all := guard.OptionErrors(err)
	if len(all) != 2 || all[0].Field != "ReferrerPolicy" || all[1].Package != "csp" {
		t.Fatalf("OptionErrors = %v, want both, in order", all)
	}
	want := `headers: ReferrerPolicy is "x": must be a token; did you mean y?`
	if all[0].Error() != want {
		t.Errorf("Error() = %q, want %q", all[0].Error(), want)
	}
	if got := guard.OptionErrors(errors.New("other")); got != nil {
		t.Errorf("OptionErrors of a foreign error = %v, want none", got)
	}
}

func TestSinkNilLogsDenials(t *testing.T) {
	var buf bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&buf, nil)))
	defer slog.SetDefault(old)
	var sink guard.Sink
	sink.Tell(context.Background(), guard.Event{Practice: "csrf", Rule: "form", Action: guard.Passed})
	if buf.Len() != 0 {
		t.Errorf("a passed request was logged at the default level: %s", &buf)
	}
	sink.Tell(context.Background(), guard.Event{Practice: "csrf", Rule: "form", Action: guard.Denied, Request: "ab", Detail: "shape", Err: errors.New("cause")})
	for _, want := range []string{"level=WARN", "practice=csrf", "rule=form", "action=denied", "request=ab", "detail=shape", "err=cause"} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("log %q lacks %s", &buf, want)
		}
	}
}

func TestDenialErrorSaysNothingOfTheRequest(t *testing.T) {
	d := guard.Denial{Practice: "csrf", Rule: "form", Status: 403, ID: "id"}
	if got, want := d.Error(), "csrf: refused by rule form"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}
