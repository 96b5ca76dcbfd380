package crosssite_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/internal/door/crosssite"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func cors(origin string, credentials bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		if credentials {
			w.Header().Set("Access-Control-Allow-Credentials", "true")
		}
	}
}

// asks makes an OPTIONS request a preflight.
const asks = "Access-Control-Request-Method: PUT"

func TestApprovedOrigin(t *testing.T) {
	tests := []struct {
		name    string
		app     http.HandlerFunc
		line    string // the request that the application answers before
		header  []string
		allowed bool
	}{
		{"preflight", cors("https://partner.example", true), "OPTIONS /api", []string{partner, asks}, true},
		{"answer to a script, as a widget gives to all", cors("https://partner.example", true), "GET /api", []string{partner}, false},
		{"OPTIONS that is no preflight", cors("https://partner.example", true), "OPTIONS /api", []string{partner}, false},
		{"nothing before", nil, "GET /api", []string{partner}, false},
		{"without credentials", cors("https://partner.example", false), "OPTIONS /api", []string{partner, asks}, false},
		{"every origin", cors("*", false), "OPTIONS /api", []string{partner, asks}, false},
		{"every origin, and a lie", cors("*", true), "OPTIONS /api", []string{partner, asks}, false},
		{"another origin", cors("https://other.example", true), "OPTIONS /api", []string{partner, asks}, false},
		{"another one asked", cors("https://partner.example", true), "OPTIONS /api", []string{"Origin: https://other.example", asks}, false},
		{"an error", func(w http.ResponseWriter, r *http.Request) {
			cors("https://partner.example", true)(w, r)
			w.WriteHeader(500)
		}, "OPTIONS /api", []string{partner, asks}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBed(t, func(o *crosssite.Options) { o.All = true })
			b.app = test.app
			b.send(t, test.line, "", test.header...)
			b.app = nil
			b.with(t, func(o *crosssite.Options) { o.All = true }) // a reload forgets nothing
			for _, h := range [][]string{{form, session, across, partner}, {form, session, partner}, {json, session, across, partner}} {
				if rec := b.send(t, "POST /api", "", h...); (rec.Code == 200) != test.allowed {
					t.Errorf("%q: status %d, want it allowed: %v", h, rec.Code, test.allowed)
				}
			}
			if rec := b.send(t, "POST /api", "", form, session, across, evil); rec.Code != 403 {
				t.Errorf("another origin: status %d, want 403", rec.Code)
			}
		})
	}
}

func TestNullIsNeverApproved(t *testing.T) {
	b := newBed(t, nil)
	b.app = cors("null", true)
	b.send(t, "OPTIONS /api", "", "Origin: null")
	if rec := b.send(t, "POST /api", "", form, session, across, "Origin: null"); rec.Code != 403 {
		t.Errorf("status %d, want 403", rec.Code)
	}
}

func TestRefusalCarriesCORS(t *testing.T) {
	b := newBed(t, nil)
	b.app = cors("*", false)
	b.send(t, "OPTIONS /api", "", partner, asks)
	b.app = nil
	rec := b.send(t, "POST /api", "", form, session, across, partner)
	if rec.Code != 403 || rec.Header().Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(rec.Header().Get("Vary"), "Origin") {
		t.Errorf("refusal = %d %v, want 403 with the header of before", rec.Code, rec.Header())
	}
	if rec := b.send(t, "POST /api", "", form, session, across, evil); rec.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("refusal of a stranger has %v, want no CORS header", rec.Header())
	}

	// One that may read with credentials, and is refused for what the file asks.
	b = newBed(t, func(o *crosssite.Options) { o.Guard.Isolate = true })
	b.app = cors("https://partner.example", true)
	b.send(t, "GET /api", "", partner)
	b.app = nil
	rec = b.send(t, "GET /api", "", across, partner, "Sec-Fetch-Mode: cors")
	if rec.Code != 403 || rec.Header().Get("Access-Control-Allow-Origin") != "https://partner.example" || rec.Header().Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("refusal = %d %v, want 403 that the partner's script can read", rec.Code, rec.Header())
	}
}

func TestCookiesMeantForOtherSites(t *testing.T) {
	set := func(lines ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Header()["Set-Cookie"] = lines }
	}
	tests := []struct {
		name   string
		lines  []string
		cookie string
		status int
	}{
		{"state of a sign-on", []string{"state=1; Secure; SameSite=None"}, "state=1", 200},
		{"any case", []string{"state=1; secure; samesite=NONE"}, "state=1", 200},
		{"said nothing", []string{"state=1; Secure"}, "state=1", 403},
		{"Lax", []string{"state=1; SameSite=Lax"}, "state=1", 403},
		{"the last counts", []string{"state=1; SameSite=None; SameSite=Lax"}, "state=1", 403},
		{"removed", []string{"state=; SameSite=None; Max-Age=0"}, "state=1", 403},
		{"beside another", []string{"state=1; SameSite=None"}, "state=1; theme=dark", 403},
		{"beside a session", []string{"state=1; SameSite=None"}, "state=1; connect.sid=x", 403},
		{"a session is one whatever it says", []string{"connect.sid=1; SameSite=None; Secure"}, "connect.sid=1", 403},
		{"removed later", []string{"state=1; SameSite=None", "state=; Max-Age=0"}, "state=1", 200},
		{"mended later", []string{"state=1; SameSite=None", "state=1; SameSite=Lax"}, "state=1", 403},
		{"a word in the name", []string{"acme_oidcNonce=1; SameSite=None"}, "acme_oidcNonce=1", 200},
		{"another name each time", []string{".AspNetCore.Correlation.x2Zk-nonce_81Qd92kQqk=N; SameSite=None"}, ".AspNetCore.Correlation.o9Xk_sid-1Qd92kQqkAAz=N", 200},
		{"a long name", []string{".AspNetCore.OpenIdConnect.Nonce." + strings.Repeat("Qd92kQ", 40) + "=N; SameSite=None"}, ".AspNetCore.OpenIdConnect.Nonce." + strings.Repeat("kQqkAA", 40) + "=N", 200},
		{"mod_auth_openidc", []string{"mod_auth_openidc_state_Qd92kQqkAAzQd92kQqk=e; SameSite=None"}, "mod_auth_openidc_state_AAzQd92kQqkd92kQqk=e", 200},
		{"ends soon", []string{"flow=1; SameSite=None; Max-Age=600"}, "flow=1", 200},
		{"ends late", []string{"flow=1; SameSite=None; Max-Age=86400"}, "flow=1", 403},
		{"ends with the browser", []string{"flow=1; SameSite=None"}, "flow=1", 403},
		{"a session of its own name", []string{"acme=8f3a; Secure; HttpOnly; SameSite=None"}, "acme=8f3a", 403},
		{"a token", []string{"token=eyJhbGciOi.e30.x; SameSite=None"}, "token=eyJhbGciOi.e30.x", 403},
		{"a token that ends soon", []string{"access_token=x; SameSite=None; Max-Age=900"}, "access_token=x", 403},
		{"who it is, ending soon", []string{"acmeUser=x; SameSite=None; Max-Age=900"}, "acmeUser=x", 403},
		{"a JWT that ends soon", []string{"acme=eyJhbGciOi.e30.x; SameSite=None; Max-Age=900"}, "acme=eyJhbGciOi.e30.x", 403},
		{"remembered", []string{"remember_me=x; SameSite=None; Max-Age=86400"}, "remember_me=x", 403},
		{"a word within another", []string{"realestate=x; SameSite=None"}, "realestate=x", 403},
		{"a word that goes on", []string{"statement=x; SameSite=None"}, "statement=x", 403},
		{"a session of a state", []string{"state_session=x; SameSite=None"}, "state_session=x", 403},
		{"named in the file", nil, "saml_state=1", 200},
		{"those of Google, Matomo, Mixpanel and a banner", nil, "_ga=GA1.1.1; _ga_AB12=1; _pk_id.1.cafe=x; mp_ab12_mixpanel=x; CookieConsent=true", 200},
		{"one of Google beside a session", nil, "_ga=GA1.1.1; connect.sid=x", 403},
		{"one that begins like Mixpanel's", nil, "mp_session=x", 403},
		{"one that begins like Google's", nil, "_gateway=x", 403},
		{"one that begins like a banner's", nil, "CookieConsenter=x", 403},
		{"no cookie at all", nil, "; ;", 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBed(t, func(o *crosssite.Options) { o.CrossSite = []string{"saml_state"} })
			b.app = set(test.lines...)
			b.send(t, "GET /start", "")
			b.app = nil
			if rec := b.send(t, "POST /acs", "", form, across, evil, "Cookie: "+test.cookie); rec.Code != test.status {
				t.Errorf("status %d, want %d", rec.Code, test.status)
			}
		})
	}
	b := newBed(t, nil)
	b.app = set("state=1; SameSite=None")
	b.send(t, "GET /start", "")
	b.app = nil
	if rec := b.send(t, "POST /acs", "", form, across, evil, "Cookie: state=1", "Authorization: Basic eDp5"); rec.Code != 403 {
		t.Errorf("beside Basic: status %d, want 403", rec.Code)
	}
}

func TestShapesAreAnnouncedAndRefused(t *testing.T) {
	tests := []struct{ body, what string }{
		{"SAMLResponse=x&RelayState=y", "a SAML answer"},
		{"state=x&code=y", "an OAuth answer"},
		{"id_token=x&state=y", "an OpenID Connect answer"},
		{"wa=wsignin1.0&wresult=x", "a WS-Federation answer"},
		{"cres=x", "a 3-D Secure answer"},
		{"PaRes=x&MD=y", "a 3-D Secure answer"},
		{"code=x", ""},
		{"amount=1", ""},
	}
	for _, test := range tests {
		b := newBed(t, nil)
		for range 3 { // told once
			if rec := b.send(t, "POST /callback/123", test.body, form, session, across, "Origin: https://idp.example"); rec.Code != 403 {
				t.Errorf("%s: status %d, want 403: fields are anybody's", test.body, rec.Code)
			}
		}
		entries, _ := b.memory.Entries()
		if len(entries) != 1 || entries[0].Shape != test.what || entries[0].Refused != 3 || entries[0].Route != "POST /callback/{id}" || entries[0].From != "https://idp.example" {
			t.Errorf("%s: entries = %+v, want one, refused 3 times, shape %q", test.body, entries, test.what)
		}
		if test.what == "" {
			if len(b.said) != 0 {
				t.Errorf("%s: said %q, want nothing", test.body, b.said)
			}
			continue
		}
		want := `csrf: {routes: [{route: "POST /callback/{id}", trusted_origins: ["https://idp.example"]}]}`
		if len(b.said) != 1 || !strings.Contains(b.said[0], test.what) || !strings.HasSuffix(b.said[0], want) {
			t.Errorf("%s: said %q, want one line that names %s and ends in %s", test.body, b.said, test.what, want)
		}
	}
}

// TestBounds: strangers cannot push out what is approved, nor grow what is kept.
func TestBounds(t *testing.T) {
	b := newBed(t, nil)
	b.app = cors("https://partner.example", true)
	b.send(t, "OPTIONS /api", "", partner, asks)
	b.app = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Add("Set-Cookie", "c"+r.URL.Query().Get("n")+"_state=1; SameSite=None")
	}
	for i := range 2000 {
		b.send(t, fmt.Sprintf("GET /api?n=%d", i), "", fmt.Sprintf("Origin: https://o%d.example", i))
		b.send(t, fmt.Sprintf("POST /x%d", i), "", form, session, across, evil)
	}
	b.app = nil
	if rec := b.send(t, "POST /api", "", form, session, across, partner); rec.Code != 200 {
		t.Errorf("the partner is refused after a flood: %d", rec.Code)
	}
	b.memory.Close()
	kept := b.kept[len(b.kept)-1]
	if len(kept.Approvals) != 256 || len(kept.Cookies) != 64 {
		t.Errorf("kept %d origins and %d cookies, want 256 and 64", len(kept.Approvals), len(kept.Cookies))
	}
	entries, dropped := b.memory.Entries()
	if len(entries) != 256 || dropped != 2000-256 {
		t.Errorf("%d entries and %d dropped, want 256 and %d", len(entries), dropped, 2000-256)
	}
}

func TestKeptOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, nil)
		b.app = func(w http.ResponseWriter, r *http.Request) {
			cors("https://partner.example", true)(w, r)
			w.Header().Set("Set-Cookie", "state=1; SameSite=None")
		}
		b.send(t, "OPTIONS /api", "", partner, asks)
		b.memory.Close()
		kept := b.kept[len(b.kept)-1]

		restart := func() *bed {
			next := newBed(t, nil)
			next.memory = crosssite.NewMemory(crosssite.MemoryOptions{Learnt: kept})
			next.with(t, nil)
			return next
		}
		next := restart()
		if rec := next.send(t, "POST /api", "", form, session, across, partner); rec.Code != 200 {
			t.Errorf("approved origin after a restart: %d, want 200", rec.Code)
		}
		if rec := next.send(t, "POST /acs", "", form, across, evil, "Cookie: state=1"); rec.Code != 200 {
			t.Errorf("cookie for other sites after a restart: %d, want 200", rec.Code)
		}
		time.Sleep(25 * time.Hour)
		for name, late := range map[string]*bed{"the same door": next, "after a restart": restart()} {
			for range 2 { // the refusal is no approval either
				if rec := late.send(t, "POST /api", "", form, session, across, partner); rec.Code != 403 {
					t.Errorf("a day later, %s: %d, want 403: no browser remembers the preflight", name, rec.Code)
				}
			}
		}
	})
}

func TestWhatWouldBeRefused(t *testing.T) {
	r := crosssite.Report{Entries: []crosssite.Entry{{Route: "POST /a", Refused: 1}, {Route: "POST /b", Refused: 1, Observed: 1}}}
	if would, sure := r.Would(); len(would) != 1 || would[0].Route != "POST /b" || !sure {
		t.Errorf("Would() = %v, %v, want what was observed, surely", would, sure)
	}
	r = crosssite.Report{Dropped: 1}
	if would, sure := r.Would(); len(would) != 0 || sure {
		t.Errorf("Would() = %v, %v with one that found no room, want not sure", would, sure)
	}
}

func TestReportBeginsAnew(t *testing.T) {
	b := newBed(t, nil)
	b.send(t, "POST /pay", "", form, session, across, evil)
	b.send(t, "POST /pay", "", form, session)
	b.with(t, nil)
	b.send(t, "POST /pay", "", form, session, "Sec-Fetch-Site: same-origin")
	if s := b.memory.Sources(); s.FetchMetadata != 2 || s.None != 1 {
		t.Errorf("Sources() = %+v, want 2 with Fetch Metadata and 1 with nothing, over a reload", s)
	}
	if entries, _ := b.memory.Entries(); len(entries) != 2 {
		t.Errorf("entries = %+v, want 2", entries)
	}
	b.memory.Begin()
	if entries, _ := b.memory.Entries(); len(entries) != 0 {
		t.Errorf("entries after Begin = %+v, want none", entries)
	}
}
