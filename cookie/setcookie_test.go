package cookie_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/cookie"
)

func TestParseSetCookie(t *testing.T) {
	for _, c := range []struct {
		name, line, cookie, value string
	}{
		{"usual", "sid=abc; Path=/; HttpOnly", "sid", "abc"},
		{"white space", "  sid\t= a b ;path=/", "sid", "a b"},
		{"equals in value", "session=e30=; path=/", "session", "e30="},
		{"no name", "just-a-value; Path=/", "", "just-a-value"},
		{"empty name", "=v", "", "v"},
		{"empty", "", "", ""},
		{"only attributes", "; Path=/", "", ""},
		{"quotes stay", `a="q"; Path=/`, "a", `"q"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := cookie.ParseSetCookie(c.line)
			if err != nil || got.Name() != c.cookie || got.Value() != c.value || got.String() != c.line {
				t.Errorf("ParseSetCookie(%q) = %q, %q, %q, %v, want %q, %q, the same line, no error",
					c.line, got.Name(), got.Value(), got.String(), err, c.cookie, c.value)
			}
		})
	}
}

func TestParseSetCookieRefusesControlCharacters(t *testing.T) {
	for _, line := range []string{"a=b\r\nX: y", "a=\x00", "a=b; Path=/\x7f", "a\n=b"} {
		if _, err := cookie.ParseSetCookie(line); !errors.Is(err, cookie.ErrControl) {
			t.Errorf("ParseSetCookie(%q) = %v, want ErrControl", line, err)
		}
	}
	if _, err := cookie.ParseSetCookie("a=\tb"); err != nil {
		t.Errorf("ParseSetCookie with a tab = %v, want no error", err)
	}
}

func TestSetCookieAttributes(t *testing.T) {
	c, err := cookie.ParseSetCookie("a=b; PATH=/x; path = / ; secure; HttpOnly=yes; Domain=")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Path": "/", "Secure": "", "httponly": "yes", "domain": ""} {
		if got, ok := c.Attribute(name); got != want || !ok {
			t.Errorf("Attribute(%s) = %q, %t, want %q, true: the last one, in any case", name, got, ok, want)
		}
	}
	if c.Has("SameSite") || c.Has("a") {
		t.Error("Has(SameSite) or Has(a) = true, want false")
	}
}

func TestSetCookieChanges(t *testing.T) {
	for _, c := range []struct {
		name, line string
		change     func(*cookie.SetCookie) error
		want       string
		err        error
	}{
		{"add", "a=b; path=/", func(c *cookie.SetCookie) error { return c.SetAttribute("Secure", "") }, "a=b; path=/; Secure", nil},
		{"add to a bare cookie", "a=b", func(c *cookie.SetCookie) error { return c.SetAttribute("SameSite", "Lax") }, "a=b; SameSite=Lax", nil},
		{"add after a last semicolon", "a=b; path=/;", func(c *cookie.SetCookie) error { return c.SetAttribute("Secure", "") }, "a=b; path=/; Secure", nil},
		{"there already", "a=b; secure ;x", func(c *cookie.SetCookie) error { return c.SetAttribute("Secure", "") }, "a=b; secure ;x", nil},
		{"replace keeps the spelling", "a=b;samesite = foo ; path=/", func(c *cookie.SetCookie) error { return c.SetAttribute("SameSite", "Lax") }, "a=b;samesite =Lax; path=/", nil},
		{"replace the one that counts", "a=b; Path=/1; Path=/2", func(c *cookie.SetCookie) error { return c.SetAttribute("path", "/3") }, "a=b; Path=/1; Path=/3", nil},
		{"name", " a = b; x", func(c *cookie.SetCookie) error { return c.SetName("__Host-abc") }, " __Host-abc = b; x", nil},
		{"name for a bare value", "b; x", func(c *cookie.SetCookie) error { return c.SetName("n") }, "n=b; x", nil},
		{"name with semicolon", "a=b", func(c *cookie.SetCookie) error { return c.SetName("n;Secure") }, "a=b", cookie.ErrUnfit},
		{"name with equals", "a=b", func(c *cookie.SetCookie) error { return c.SetName("n=1") }, "a=b", cookie.ErrUnfit},
		{"no name", "a=b", func(c *cookie.SetCookie) error { return c.SetName("") }, "a=b", cookie.ErrUnfit},
		{"name with line break", "a=b", func(c *cookie.SetCookie) error { return c.SetName("n\r\n") }, "a=b", cookie.ErrControl},
		{"value with semicolon", "a=b", func(c *cookie.SetCookie) error { return c.SetAttribute("Path", "/;x") }, "a=b", cookie.ErrUnfit},
		{"value with line break", "a=b", func(c *cookie.SetCookie) error { return c.SetAttribute("Path", "/\nx") }, "a=b", cookie.ErrControl},
	} {
		t.Run(c.name, func(t *testing.T) {
			parsed, err := cookie.ParseSetCookie(c.line)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.change(&parsed); !errors.Is(err, c.err) {
				t.Errorf("error = %v, want %v", err, c.err)
			}
			if got := parsed.String(); got != c.want {
				t.Errorf("line = %q, want %q", got, c.want)
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		attributes string
		lifetime   time.Duration
		persistent bool
	}{
		{"", 0, false},
		{"Max-Age=60", time.Minute, true},
		{"max-age=0", 0, true},
		{"Max-Age=-1", 0, true},
		{"Max-Age=1h", 0, false},
		{"Max-Age=", 0, false},
		{"Max-Age=+5", 0, false},
		{"Max-Age=99999999999999999999", 1 << 33 * time.Second, true},
		{"Expires=Thu, 15 Jan 2026 11:00:00 GMT", time.Hour, true},
		{"Expires=Thu, 15-Jan-2026 11:00:00 GMT", time.Hour, true},
		{"Expires=Thursday, 15-Jan-26 11:00:00 GMT", time.Hour, true},
		{"Expires=Thu, 15 Jan 2026 11:00:00 GMT; Max-Age=60", time.Minute, true},
		{"Expires=Invalid Date", 0, false},
	} {
		parsed, err := cookie.ParseSetCookie("a=b; " + c.attributes)
		if err != nil {
			t.Fatal(err)
		}
		if d, persistent := parsed.Expiry(now); d != c.lifetime || persistent != c.persistent {
			t.Errorf("Expiry(%s) = %v, %t, want %v, %t", c.attributes, d, persistent, c.lifetime, c.persistent)
		}
		if got, want := parsed.Deletes(now), c.persistent && c.lifetime == 0; got != want {
			t.Errorf("Deletes(%s) = %t, want %t", c.attributes, got, want)
		}
	}
}

// FuzzSetCookie holds that an unchanged line keeps its bytes, and that each change is
// read back as given, changes nothing else that browsers read, and never brings a line
// break or an attribute of its own.
func FuzzSetCookie(f *testing.F) {
	for i, line := range vectors(f).SetCookieLines {
		if i%10 == 0 {
			f.Add(line, "__Host-abcdef", "SameSite", "Lax")
		}
	}
	f.Add("a;b=;;", "x;y", "Secure", "")
	f.Add(" = ; secure;", "n", "pa th", " /")
	f.Fuzz(func(t *testing.T, line, name, attribute, value string) {
		c, err := cookie.ParseSetCookie(line)
		if err != nil {
			return
		}
		if got := c.String(); got != line {
			t.Fatalf("ParseSetCookie(%q).String() = %q", line, got)
		}
		oldName, oldValue := c.Name(), c.Value()
		if c.SetAttribute(attribute, value) == nil {
			again := reparse(t, c)
			got, ok := again.Attribute(attribute)
			if got != value || !ok || again.Name() != oldName || again.Value() != oldValue {
				t.Fatalf("%q with %s=%s is %q: reads as %q, %t", line, attribute, value, c.String(), got, ok)
			}
			if strings.Count(c.String(), ";") > strings.Count(line, ";")+1 {
				t.Fatalf("%q with %s=%s is %q: more than one attribute", line, attribute, value, c.String())
			}
		}
		if c.SetName(name) == nil {
			if again := reparse(t, c); again.Name() != name || again.Value() != oldValue {
				t.Fatalf("%q called %q is %q", line, name, c.String())
			}
		}
	})
}

func reparse(t *testing.T, c cookie.SetCookie) cookie.SetCookie {
	t.Helper()
	again, err := cookie.ParseSetCookie(c.String())
	if err != nil {
		t.Fatalf("ParseSetCookie(%q), made by a change, = %v", c.String(), err)
	}
	return again
}
