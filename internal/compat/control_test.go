package compat_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

// testControl runs the rows with nothing but TLS in the door's place, and shows that the
// judged rows can come out the other way.
func testControl(t *testing.T, b *browser, a apps) {
	base := fmt.Sprintf("https://app.localhost:%d", plainProxy(t, a.port))
	runRows(t, b, base, a.foreign)
	b.run(t, order{Row: "iframe-foreign", Base: base, Foreign: a.foreign, Want: map[string]any{"text": "widget"}})
	b.run(t, order{Row: "saml-older", Base: base, Foreign: a.foreign})
	var headers map[string]string
	decode(t, b.run(t, order{Row: "headers", Base: base, Foreign: a.foreign}), &headers)
	if headers["x-powered-by"] != "Express" {
		t.Errorf("headers = %v, want Express's banner", headers)
	}
	var jar jar
	decode(t, b.run(t, order{Row: "session-cookie", Base: base, Foreign: a.foreign}), &jar)
	if len(jar.Cookies) != 1 || jar.Cookies[0].Name != "connect.sid" || jar.Cookies[0].SameSite != "" {
		t.Errorf("cookies = %+v, want the app's own connect.sid without SameSite", jar.Cookies)
	}
	if _, err := b.try(order{Row: "still", Base: base, Want: map[string]any{"user": "ada"}}); err == nil {
		t.Error("a browser without cookies is logged in")
	}
}

// jar is what the row session-cookie tells.
type jar struct {
	// Readable is document.cookie.
	Readable string
	Cookies  []struct {
		Name, SameSite, Path, Domain string
		Secure, HTTPOnly             bool
	}
}

func decode(t *testing.T, raw json.RawMessage, v any) {
	t.Helper()
	if raw == nil {
		return // run has told
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Errorf("the row tells %s, which is not what it should: %v", raw, err)
	}
}
