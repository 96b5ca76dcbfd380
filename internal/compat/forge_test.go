package compat_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/need"
)

// A bank is app/forge.cjs, which carries out whatever brings its cookie and tells what it
// did, and the foreign sites.
type bank struct {
	port, foreign int
}

func startBank(t *testing.T, env ...string) bank {
	t.Helper()
	need.Modules(t, "express", "express-session", "cors", "ws")
	foreign := node(t, "foreign.cjs").port(t)
	env = append(env, fmt.Sprintf("PARTNER=http://partner.localhost:%d", foreign))
	return bank{node(t, "forge.cjs", env...).port(t), foreign}
}

// A deed is what the app carried out.
type deed struct {
	What, User, Type, Site, Origin string
	Amount                         int
}

func (b bank) did(t testing.TB, mark string) []deed {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/state?mark=%s", b.port, url.QueryEscape(mark)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all []deed
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// newMark is a word that no other request has in its address. It has no digits, so that it
// is not taken for an id.
func newMark() string {
	mark := []byte("mark")
	for range 10 {
		mark = append(mark, byte('a'+rand.IntN(26)))
	}
	return string(mark)
}

// A place is a way to the bank: through a door, or through TLS and nothing else.
type place struct {
	bank
	base string
	door *door.Door // nil: unprotected
	byGo bool       // protected by net/http
	// gone are the marks of what was refused.
	gone chan string
}

// unprotected is what shows that an attack works.
func (b bank) unprotected(t *testing.T) *place {
	return &place{bank: b, base: fmt.Sprintf("https://app.localhost:%d", plainProxy(t, b.port))}
}

// protectedByGo is the bank behind what net/http has, with the same exempt route.
func (b bank) protectedByGo(t *testing.T) *place {
	guard := http.NewCrossOriginProtection()
	guard.AddInsecureBypassPattern("POST /hook/")
	return &place{bank: b, base: fmt.Sprintf("https://app.localhost:%d", plainProxy(t, b.port, guard.Handler)), byGo: true}
}

// protected is the bank behind a door.
func (b bank) protected(t *testing.T, change func(*config.Config)) *place {
	t.Helper()
	cfg := configFor(t, b.port)
	cfg.Probes = "off"
	// Named, so that no login is found, for which the door would be rebuilt in the middle.
	cfg.Login.Routes = []config.LoginRoute{{Route: "POST /login"}}
	cfg.CSRF.Routes = []config.CSRFRoute{
		{Route: "POST /saml/{mark}", TrustedOrigins: []string{fmt.Sprintf("http://idp.localhost:%d", b.foreign)}},
		{Route: "POST /hook/", Exempt: "signed"},
	}
	if change != nil {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return &place{bank: b, base: baseOf(cfg), door: openDoor(t, cfg), gone: make(chan string, 1000)}
}

// guarded tells whether anything is refused at the place.
func (p *place) guarded() bool { return p.door != nil && p.door.CSRF().Mode != guard.Off.String() }

// proxied is the bank behind a door that refuses everything, behind a proxy that ends TLS,
// changes Host to a name of its own and says so.
func (b bank) proxied(t *testing.T) *place {
	t.Helper()
	p := b.protected(t, func(cfg *config.Config) {
		everything(cfg)
		cfg.Trust.Proxies = []string{"127.0.0.1/32"}
	})
	p.base = fmt.Sprintf("https://app.localhost:%d", nginx(t, p.door.Addr().(*net.TCPAddr).Port))
	return p
}

func everything(cfg *config.Config) { cfg.CSRF.Enforce = "all" }
func nothing(cfg *config.Config)    { cfg.CSRF.Mode = guard.Off }

// A sending is a request whose mark is known, and how the door's report names it.
type sending struct {
	mark string
	// route and from tell it in the report where its mark does not.
	route, from string
}

// became tells what became of a request: what the app did, for whom, and what the door says.
func (p *place) became(t testing.TB, s sending) string {
	t.Helper()
	var parts []string
	for _, d := range p.did(t, s.mark) {
		part := d.What
		if d.User != "" {
			part += " by " + d.User
		}
		if d.Amount != 0 {
			part += fmt.Sprint(" of ", d.Amount)
		}
		parts = append(parts, part)
	}
	if p.door != nil {
		for _, e := range p.door.CSRF().Entries {
			if !strings.Contains(e.Route, s.mark) && (s.route == "" || e.Route != s.route || e.From != s.from) {
				continue
			}
			if e.Refused > 0 {
				parts = append(parts, "refused: "+e.Rule)
			}
			if e.Observed > 0 {
				parts = append(parts, "observed: "+e.Rule)
			}
		}
	}
	return strings.Join(parts, ", ")
}

// expect waits until a request became what is wanted.
func (p *place) expect(t testing.TB, name string, s sending, want string) {
	t.Helper()
	got := p.became(t, s)
	for end := time.Now().Add(3 * time.Second); got != want && time.Now().Before(end); got = p.became(t, s) {
		time.Sleep(5 * time.Millisecond)
	}
	if got != want {
		t.Errorf("%s: what became of it is %q, want %q; the app saw %+v", name, got, want, p.did(t, s.mark))
	}
	if strings.HasPrefix(want, "refused") {
		p.gone <- s.mark
	}
}

// swept holds that what was refused has not been carried out since.
func (p *place) swept(t *testing.T) {
	t.Helper()
	if p.gone == nil {
		return
	}
	close(p.gone)
	for mark := range p.gone {
		if did := p.did(t, mark); len(did) > 0 {
			t.Errorf("%s was refused, and was carried out later: %+v", mark, did)
		}
	}
}
