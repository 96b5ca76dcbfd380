package door_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/need"
)

// lastRefused is the id of the last request that was refused.
func (h *house) lastRefused() string {
	h.t.Helper()
	all := h.Refused()
	if len(all) == 0 {
		h.t.Fatal("nothing was refused")
	}
	return all[0].ID
}

func TestAllowForged(t *testing.T) {
	app := &counting{}
	listen := fmt.Sprintf("localhost:%d", need.Port(t))
	h := build(t, app, func(c *config.Config) { c.Listen = listen })
	idp, evil := forge("https://idp.example", "cross-site"), forge("https://evil.example", "cross-site")
	status := func(path string, change func(*http.Request)) int {
		t.Helper()
		res, _ := h.post(path, url.Values{"SAMLResponse": {"x"}}, change)
		return res.StatusCode
	}
	if got := status("/saml/acs", idp); got != 403 {
		t.Fatalf("before: %d, want 403", got)
	}
	id, week := h.lastRefused(), time.Now().Add(7*24*time.Hour)
	if _, err := h.Allow(id, week, false, false); err == nil || !strings.Contains(err.Error(), "--i-know") {
		t.Errorf("Allow without knowing = %v, want to be asked", err)
	}
	if e, err := h.Allow(id[:8], week, true, true); err != nil || e.String() != "POST /saml/acs from https://idp.example" {
		t.Errorf("a dry Allow = %v, %v, want what it would let pass", e, err)
	}
	if got := status("/saml/acs", idp); got != 403 {
		t.Errorf("after a dry Allow: %d, want 403", got)
	}
	if _, err := h.Allow(id, week, true, false); err != nil {
		t.Fatal(err)
	}
	check := func(when string, want int) {
		t.Helper()
		for what, got := range map[string][2]int{
			"the origin": {status("/saml/acs", idp), want}, "another origin": {status("/saml/acs", evil), 403},
			"another route": {status("/pay", idp), 403}, "below the route": {status("/saml/acs/x", idp), 403},
		} {
			if got[0] != got[1] {
				t.Errorf("%s: %s gets %d, want %d", when, what, got[0], got[1])
			}
		}
	}
	check("allowed", 200)
	cfg := h.changed(func(c *config.Config) { c.Log.Access = "off" })
	if err := h.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	check("after a reload", 200)
	if err := h.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := buildTo(t, cfg.Upstream, func(c *config.Config) { c.State, c.Listen = cfg.State, listen })
	h.Door, h.client, h.cfg = again.Door, again.client, again.cfg
	check("after a restart", 200)

	// What the file says of the route wins, and a reload does not stumble over the exception.
	if err := h.Reload(h.changed(func(c *config.Config) {
		c.CSRF.Routes = []config.CSRFRoute{{Route: "POST /saml/acs", TrustedOrigins: []string{"https://other.example"}}}
	})); err != nil {
		t.Fatal(err)
	}
	check("with a rule in the file", 403)
	status("/saml/acs", idp)
	if _, err := h.Allow(h.lastRefused(), week, true, false); err == nil {
		t.Error("Allow beside a rule of the file gave no error")
	}
	if err := h.Reload(h.cfg); err != nil {
		t.Fatal(err)
	}
	check("without it again", 200)
	if err := h.EndException("000000"); err == nil {
		t.Error("EndException of none gave no error")
	}
	if err := h.EndException(h.Exceptions()[0].ID[:6]); err != nil {
		t.Fatal(err)
	}
	check("ended", 403)
	if _, err := h.Allow(h.lastRefused(), time.Now().Add(-time.Second), true, false); err == nil {
		t.Error("Allow until the past gave no error")
	}
	if got := h.Exceptions(); got == nil || len(got) != 0 {
		t.Errorf("Exceptions = %v, want an empty list", got)
	}
}

func TestExceptionEndsByItself(t *testing.T) {
	h := build(t, &counting{}, nil)
	idp := forge("https://idp.example", "cross-site")
	if res, _ := h.post("/acs", nil, idp); res.StatusCode != 403 {
		t.Fatalf("before: %d", res.StatusCode)
	}
	if _, err := h.Allow(h.lastRefused(), time.Now().Add(1500*time.Millisecond), true, false); err != nil {
		t.Fatal(err)
	}
	if res, _ := h.post("/acs", nil, idp); res.StatusCode != 200 {
		t.Errorf("allowed: %d, want 200", res.StatusCode)
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if res, _ := h.post("/acs", nil, idp); res.StatusCode == 403 {
			return
		}
	}
	t.Error("an exception that is over still holds")
}

// TestAllowLogin: an allow-list wins over a ban, for one client and one login.
func TestAllowLogin(t *testing.T) {
	h := build(t, &shop{}, named("POST /login"))
	for range 11 {
		h.logIn("ann", "wrong")
	}
	if status, _ := h.logIn("ann", "wrong"); status != 429 {
		t.Fatalf("after eleven failures: %d, want 429", status)
	}
	if _, err := h.Allow(h.lastRefused(), time.Now().Add(time.Hour), false, false); err != nil {
		t.Fatal(err)
	}
	if status, _ := h.logIn("ann", "wrong"); status == 429 {
		t.Error("the client is refused in spite of the exception")
	}
	if err := h.EndException(h.Exceptions()[0].ID); err != nil {
		t.Fatal(err)
	}
	if status, _ := h.logIn("ann", "wrong"); status != 429 {
		t.Errorf("after the exception: %d, want 429", status)
	}
}
