package audit_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

func TestForgeIsChecked(t *testing.T) {
	for name, tt := range map[string]struct {
		forge check.Forge
		want  []string // what the error must say; empty when there is none
	}{
		"none":        {},
		"form":        {forge: check.Forge{Routes: []string{"POST /cart", "DELETE /cart/1?x=%2f", "GET /ws"}, Format: "form", Fields: "id=1&qty=2"}},
		"json":        {forge: check.Forge{Routes: []string{"PUT /cart"}, Format: "json"}},
		"all wrong":   {forge: check.Forge{Routes: []string{"/cart", "POST /a"}, Format: "xml", Fields: "a=%zz"}, want: []string{"Forge.Routes[0]", "Forge.Format", "form or json", "Forge.Fields", "id=1&qty=2"}},
		"a method":    {forge: check.Forge{Routes: []string{"TRACE /cart"}}, want: []string{"POST, PUT, PATCH or DELETE"}},
		"an origin":   {forge: check.Forge{Routes: []string{"POST //evil.example/"}}, want: []string{"Forge.Routes[0]"}},
		"two lines":   {forge: check.Forge{Routes: []string{"POST /a\r\nX: y"}}, want: []string{"Forge.Routes[0]"}},
		"too many":    {forge: check.Forge{Routes: make([]string, check.MaxForged+1)}, want: []string{"20 routes at most"}},
		"no route":    {forge: check.Forge{Fields: "id=1"}, want: []string{"a route to which Format and Fields belong"}},
		"a control":   {forge: check.Forge{Routes: []string{"POST /a"}, Fields: "a=\x00"}, want: []string{"Forge.Fields"}},
		"a semicolon": {forge: check.Forge{Routes: []string{"POST /a"}, Fields: "a=1;b=2"}, want: []string{"Forge.Fields"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := probing("none", check.Source, nil)
			_, err := audit.Run(t.Context(), []check.Target{{URL: "http://127.0.0.1:1", Forge: tt.forge}}, []check.Check{c}, audit.Options{})
			if len(tt.want) == 0 && err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error = %v, want %q in it", err, want)
				}
			}
		})
	}
}

// TestASwitchOfProtocolsIsAnAnswer holds that nobody waits for the end of a WebSocket,
// and that the target is not taken for one that is late.
func TestASwitchOfProtocolsIsAnAnswer(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		rw.Flush()
		bufio.NewReader(conn).ReadByte() // until the other side closes
		conn.Close()
	}))
	defer app.Close()
	start := time.Now()
	run1(t, app.URL, audit.Options{RequestTimeout: 20 * time.Second}, probing("upgrade", check.Wire, func(ctx context.Context, s *check.Session) {
		for turn := range 5 {
			x, err := s.Wire.Do(ctx, check.Request{Turn: turn, Headers: "Connection: Upgrade\nUpgrade: websocket"})
			if err != nil || x.Status != http.StatusSwitchingProtocols || len(x.Body) > 0 {
				t.Errorf("turn %d = %+v, %v, want 101 and no body", turn, x, err)
			}
		}
	}))
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v, want no wait for the end", took)
	}
}
