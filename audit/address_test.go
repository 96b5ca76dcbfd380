package audit_test

import (
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

func TestAddressesThatCannotBe(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target check.Target
		want   string
	}{
		{"no scheme", check.Target{URL: "shop.example"}, "did you mean https://shop.example?"},
		{"port too high", check.Target{URL: "http://127.0.0.1:99999/"}, "a port from 1 to 65535"},
		{"upstream's port too high", check.Target{URL: "http://127.0.0.1/", Upstream: "127.0.0.1:99999"}, "Upstream"},
		{"plain port too high", check.Target{URL: "http://127.0.0.1/", Plain: "127.0.0.1:99999"}, "Plain"},
		{"password", check.Target{URL: "http://ann:s3cret@127.0.0.1/"}, "without a user name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := audit.Run(t.Context(), []check.Target{tt.target}, nil, audit.Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "https://http") {
				t.Errorf("Run(%+v) = %v, want an error with %q and no secret", tt.target, err, tt.want)
			}
		})
	}
}

// TestPathsArriveAsTheyStand: malformed ones too, and none as another host's address.
func TestPathsArriveAsTheyStand(t *testing.T) {
	for _, path := range []string{"/", "/a?b=c", "/%E0%A4%A", "/..%2f..", "//evil.example/x?y=z", "//evil.example:9998/", "///x", "*"} {
		if got, err := audit.RequestLine(path); err != nil || got != path {
			t.Errorf("RequestLine(%s) = %q, %v, want it as it stands", path, got, err)
		}
	}
	if got, err := audit.RequestLine("//evil.example/%zz"); err == nil {
		t.Errorf("RequestLine of what cannot be decoded = %q, want an error", got)
	}
}
