package door_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
)

// TestShields: a request that reaches a shielded hole does not come to the application, and
// the door says so wherever it is asked; what else there is passes.
func TestShields(t *testing.T) {
	app := &counting{}
	proto := []config.Condition{{In: "field", Name: "__proto__"}}
	h := build(t, app, func(c *config.Config) {
		c.Shields = []config.Shield{
			{ID: "CVE-2022-24999", Reason: "soon", Until: "2020-01-31", Refuse: proto},
			{ID: "told-only", Mode: guard.Observe, Reason: "soon", Until: "2999-01-31", Refuse: []config.Condition{{In: "form", Name: "q"}}},
		}
	})
	evil, good := url.Values{"a[__proto__]": {"1"}}, url.Values{"q": {"__proto__"}}
	post := func(what string, form url.Values, status int) string {
		t.Helper()
		before := app.posts.Load()
		res, body := h.post("/save", form)
		if res.StatusCode != status || (app.posts.Load() > before) != (status == 200) {
			t.Fatalf("%s: status %d, the application got %d; want %d", what, res.StatusCode, app.posts.Load()-before, status)
		}
		if status == 403 {
			guarded(t, what, res, body)
		}
		return body
	}
	page := post("the hole", evil, 403)
	if strings.Contains(page, "__proto__") || strings.Contains(page, "CVE") {
		t.Errorf("the page tells what was found:\n%s", page)
	}
	post("an ordinary form", good, 200)

	why, err := h.Why(h.Refused()[0].ID)
	if err != nil || why.Guard != "shields" || why.Rule != "CVE-2022-24999" || why.Practice != "dependencies" || why.Field != "field __proto__" {
		t.Errorf("Why = %+v, %v", why, err)
	}
	status := h.Status()
	for _, g := range status.Guards {
		if g.Name == "shields" && (g.Mode != "enforce" || g.Denied != 1 || g.WouldDeny != 1) {
			t.Errorf("status of shields = %+v, want one refusal and one that would be", g)
		}
	}
	if !strings.Contains(strings.Join(status.Hints, "\n"), "CVE-2022-24999") || !strings.Contains(h.told.String(), "warning: shields[0] (CVE-2022-24999)") {
		t.Errorf("a shield whose day has passed is not told: %q\n%s", status.Hints, h.told.String())
	}

	if err := h.Switch("shields", "off"); err != nil {
		t.Fatal(err)
	}
	post("switched off", evil, 200)
	if err := h.Switch("shields", "on"); err != nil {
		t.Fatal(err)
	}
	post("on again", evil, 403)
	if err := h.Reload(h.changed(func(c *config.Config) { c.Shields = c.Shields[1:] })); err != nil {
		t.Fatal(err)
	}
	post("without the shield", evil, 200)
}

// TestShieldsSeeWhatTheAppSees: a body is judged once and comes whole, and the cookies are
// those of the application's own names.
func TestShieldsSeeWhatTheAppSees(t *testing.T) {
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: "s:abc.def"})
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}), func(c *config.Config) {
		c.Shields = []config.Shield{
			{ID: "a", Reason: "r", Until: "2999-01-31", Refuse: []config.Condition{{In: "json", Name: "x"}, {In: "cookie", Name: "connect.sid", Longer: 100}}, Look: 1 << 16},
		}
	})
	send := func(change func(*http.Request), body string) (int, string) {
		req, err := http.NewRequest(http.MethodPost, h.url("/"), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if change != nil {
			change(req)
		}
		res, text := h.do(req)
		return res.StatusCode, text
	}
	long := `{"a":"` + strings.Repeat("y", 60000) + `"}`
	if code, body := send(nil, long); code != 200 || body != long {
		t.Errorf("a long body: %d, %d bytes of %d", code, len(body), len(long))
	}
	if code, _ := send(nil, `{"a":"`+strings.Repeat("y", 70000)+`"}`); code != 413 {
		t.Errorf("a body that cannot be seen whole: %d, want 413", code)
	}
	if code, _ := send(func(r *http.Request) { r.Header.Set("Cookie", "connect.sid="+strings.Repeat("a", 101)) }, "{}"); code != 403 {
		t.Errorf("a cookie: %d, want 403", code)
	}
}
