package compat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestCompatibility runs the suite in one browser: without the door, so that each row is
// seen to pass; behind it; and over the door's end.
func TestCompatibility(t *testing.T) {
	a := startApps(t)
	b := startBrowser(t)
	t.Run("control", func(t *testing.T) { testControl(t, b, a) })
	t.Run("door", func(t *testing.T) { testDoor(t, b, a) })
	t.Run("continuity", func(t *testing.T) { testContinuity(t, b, a) })
}

// testDoor runs the rows behind the door as it is on the first day, and shows that the
// door does something.
func testDoor(t *testing.T, b *browser, a apps) {
	cfg := configFor(t, a.port)
	openDoor(t, cfg)
	base := baseOf(cfg)
	runRows(t, b, base, a.foreign)

	b.run(t, order{Row: "iframe-foreign", Base: base, Foreign: a.foreign, Want: map[string]any{"text": nil}})

	var headers map[string]string
	decode(t, b.run(t, order{Row: "headers", Base: base, Foreign: a.foreign}), &headers)
	for _, name := range []string{"x-powered-by", "server"} {
		if v, ok := headers[name]; ok {
			t.Errorf("header %s = %q, want none", name, v)
		}
	}
	for name, want := range map[string]string{"x-content-type-options": "nosniff", "content-security-policy": "frame-ancestors 'self'"} {
		if !strings.Contains(headers[name], want) {
			t.Errorf("header %s = %q, want %q in it", name, headers[name], want)
		}
	}

	var jar jar
	decode(t, b.run(t, order{Row: "session-cookie", Base: base, Foreign: a.foreign}), &jar)
	if jar.Readable != "" {
		t.Errorf("document.cookie = %q, want nothing", jar.Readable)
	}
	if len(jar.Cookies) != 1 {
		t.Fatalf("cookies = %+v, want one", jar.Cookies)
	}
	c := jar.Cookies[0]
	if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HTTPOnly || c.SameSite != "Lax" || c.Path != "/" || c.Domain != "app.localhost" {
		t.Errorf("session cookie = %+v, want __Host-…, Secure, HttpOnly, SameSite=Lax", c)
	}
}

// testContinuity: a login through the door outlives the door, and a restored name makes
// it the app's own again.
func testContinuity(t *testing.T, b *browser, a apps) {
	cfg := configFor(t, a.port)
	first := openDoor(t, cfg)
	person := order{Base: baseOf(cfg), Foreign: a.foreign, Keep: "person"}
	ask := func(row string, o order, names ...string) {
		t.Helper()
		o.Row = row
		o.Want = map[string]any{"user": "ada", "names": slices.Clone(names)}
		b.run(t, o)
	}
	ask("login", person)
	ask("still", person, "connect.sid")

	closeDoor(t, first)
	second := openDoor(t, cfg)
	ask("still", person, "connect.sid")

	// Turned off, renaming hands back the app's own name to whoever comes.
	restoring := *cfg
	restoring.Cookies.Rename = "off"
	if err := second.Reload(&restoring); err != nil {
		t.Fatal(err)
	}
	ask("still", person, "connect.sid")

	closeDoor(t, second)
	alone := person
	alone.Base = fmt.Sprintf("https://app.localhost:%d", plainProxy(t, a.port))
	ask("still", alone, "connect.sid")
}
