package compat_test

import (
	"fmt"
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
	d := openDoor(t, cfg)
	base := baseOf(cfg)
	runRows(t, b, base, a.foreign)

	b.run(t, order{Row: "iframe-foreign", Base: base, Foreign: a.foreign, Want: map[string]any{"text": nil}})

	// Known: a callback posted across sites to an app whose state cookie says nothing of
	// SameSite works by Chromium's two minutes of grace, which end with an explicit Lax.
	// The app's mend is SameSite=None, as in the row saml-form-post.
	// Until then one line of the configuration keeps it working.
	if _, err := b.try(order{Row: "saml-older", Base: base, Foreign: a.foreign}); err == nil {
		t.Error("saml-older passes behind the door: move it to the rows that must")
	}
	cfg.Cookies.CrossSite = []string{"saml_state"}
	if err := d.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	b.run(t, order{Row: "saml-older", Base: base, Foreign: a.foreign})

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
	// still holds that the person is logged in, that the app got its own name and no
	// other, and which name the browser keeps.
	still := func(when string, o order, own bool) {
		t.Helper()
		o.Row, o.Want = "still", map[string]any{"user": "ada", "names": []string{"connect.sid"}}
		if _, err := b.try(o); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		o.Row, o.Want = "jar", nil
		var names []string
		decode(t, b.run(t, o), &names)
		if len(names) != 1 || own != (names[0] == "connect.sid") || !own && !strings.HasPrefix(names[0], "__Host-") {
			t.Errorf("%s: the browser keeps %q, want connect.sid: %v", when, names, own)
		}
	}
	login := person
	login.Row = "login"
	b.run(t, login)
	still("after the login", person, false)

	closeDoor(t, first)
	second := openDoor(t, cfg)
	still("after a restart of the door", person, false)

	if err := second.RestoreCookies(true); err != nil {
		t.Fatal(err)
	}
	still("while names are restored", person, true)
	if err := second.RestoreCookies(false); err != nil {
		t.Fatal(err)
	}
	still("when renaming goes on", person, false)

	off := *cfg
	off.Cookies.Rename = "off"
	if err := second.Reload(&off); err != nil {
		t.Fatal(err)
	}
	still("with renaming turned off in the file", person, true)

	closeDoor(t, second)
	alone := person
	alone.Base = fmt.Sprintf("https://app.localhost:%d", plainProxy(t, a.port))
	still("without the door", alone, true)
}
