package osv_test

import (
	"fmt"
	"testing"

	"github.com/panoplysec/panoply/internal/osv"
)

func TestSpan(t *testing.T) {
	for _, tc := range []struct{ affected, want string }{
		{`{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.3"}]}]}`, "<1.2.3"},
		{`{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"fixed":"1.2.3"},{"introduced":"2.0.0"},{"last_affected":"2.5.0"}]}]}`, ">=1.0.0 <1.2.3 || >=2.0.0 <=2.5.0"},
		{`{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}`, "*"},
		{`{"ranges":[{"type":"SEMVER","events":[{"introduced":"3.0.0"}]}],"versions":["1.0.0"]}`, ">=3.0.0 || 1.0.0"},
		{`{"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}],"versions":["1.0.0","1.0.0"]}`, "1.0.0"},
	} {
		text := fmt.Sprintf(`{"id":"T","affected":[{"package":{"ecosystem":"npm","name":"qs"},%s,{"package":{"ecosystem":"npm","name":"other"},"versions":["9.9.9"]}]}`, tc.affected[1:])
		r, err := osv.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Span("npm", "qs"); got != tc.want {
			t.Errorf("Span of %s = %q, want %q", tc.affected, got, tc.want)
		}
		if got := r.Span("Go", "qs"); got != "" {
			t.Errorf("Span of another ecosystem = %q, want none", got)
		}
	}
}
