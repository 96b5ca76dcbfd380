package compat_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/need"
)

// liftedApp is app/sessions.cjs and the configuration of a door before it.
func liftedApp(t *testing.T, kind string) (*process, *config.Config) {
	t.Helper()
	need.Modules(t, "express-session", "cookie-session", "keygrip")
	app := node(t, "sessions.cjs", `SECRETS=["the app's secret"]`, "KIND="+kind)
	cfg := configFor(t, app.port(t))
	cfg.Probes = "off"
	cfg.Sessions.Mode = guard.Enforce
	return app, cfg
}

// doorClient speaks to the door as app.localhost, as a browser does, and does not follow.
func doorClient(t *testing.T, cfg *config.Config) *doorVisitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse("https://" + cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	return &doorVisitor{t, base, http.Client{
		Jar: jar, Timeout: 30 * time.Second,
		// The local CA is of no interest here.
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type doorVisitor struct {
	t      *testing.T
	base   *url.URL
	client http.Client
}

func (v *doorVisitor) do(method, path string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequest(method, v.base.String()+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	w, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return w, string(body)
}

func (v *doorVisitor) cookies() []*http.Cookie { return v.client.Jar.Cookies(v.base) }

// copy is somebody with the same cookies.
func (v *doorVisitor) copy(cfg *config.Config) *doorVisitor {
	c := doorClient(v.t, cfg)
	c.client.Jar.SetCookies(v.base, v.cookies())
	return c
}

func (v *doorVisitor) shows(what, want string) {
	v.t.Helper()
	if _, got := v.do("GET", "/show"); got != want {
		v.t.Errorf("%s: the application shows %s, want %s", what, got, want)
	}
}

// TestLift has a real Express app behind the door whose cookies leave sealed.
func TestLift(t *testing.T) {
	for _, kind := range []string{"memory", "cookie"} {
		t.Run(kind, func(t *testing.T) {
			_, cfg := liftedApp(t, kind)
			d := openDoor(t, cfg)
			v := doorClient(t, cfg)
			v.do("POST", "/login?user=ann")
			v.shows("after the login", `{"user":"ann"}`)
			for _, c := range v.cookies() {
				if strings.Contains(c.Value, "s%3A") || strings.Contains(c.Name, "connect.sid") || strings.Contains(c.Value, "eyJ1c2Vy") {
					t.Errorf("the client holds what the application set: %s=%s", c.Name, c.Value)
				}
			}
			_, own := v.do("GET", "/raw")
			if !strings.Contains(own, map[string]string{"memory": "connect.sid=s%3A", "cookie": "session=eyJ1c2Vy"}[kind]) {
				t.Errorf("the application sees Cookie: %s, want its own", own)
			}
			// Whoever changes a sealed value is nobody.
			forger := v.copy(cfg)
			bad := forger.cookies()
			for _, c := range bad {
				c.Value = c.Value[:len(c.Value)/2] + "AAAA" + c.Value[len(c.Value)/2+4:]
				c.Path, c.Secure = "/", true
			}
			forger.client.Jar.SetCookies(v.base, bad)
			forger.shows("with a changed cookie", map[string]string{"memory": `{}`, "cookie": `{}`}[kind])

			// A restart of the door keeps everybody logged in.
			closeDoor(t, d)
			d = openDoor(t, cfg)
			v.shows("after a restart of the door", `{"user":"ann"}`)

			// Switched off at once, clients get the application's own value back.
			if err := d.Switch("sessions", "off"); err != nil {
				t.Fatal(err)
			}
			v.shows("with the guard off", `{"user":"ann"}`)
			for _, c := range v.cookies() {
				if kind == "memory" && !strings.HasPrefix(c.Value, "s%3A") {
					t.Errorf("with the guard off the client holds %s=%s", c.Name, c.Value)
				}
			}
			if err := d.Switch("sessions", "on"); err != nil {
				t.Fatal(err)
			}
			v.shows("with the guard on again", `{"user":"ann"}`)

			// Restored, the application alone knows the client.
			if err := d.RestoreCookies(true); err != nil {
				t.Fatal(err)
			}
			v.do("GET", "/show")
			alone := "http://" + cfg.Upstream
			r, _ := http.NewRequest("GET", alone+"/show", nil)
			for _, c := range v.cookies() {
				r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
			}
			w, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Body.Close()
			if body, _ := io.ReadAll(w.Body); string(body) != `{"user":"ann"}` {
				t.Errorf("after the restore the application alone shows %s to %v", body, v.cookies())
			}
		})
	}
}

// TestLiftLogout has express-session with resave write a session back that was ended
// meanwhile: the door refuses it.
func TestLiftLogout(t *testing.T) {
	app, cfg := liftedApp(t, "memory")
	d := openDoor(t, cfg)
	v := doorClient(t, cfg)
	v.do("POST", "/login?user=ann")
	other := v.copy(cfg)
	done := make(chan string)
	go func() {
		_, body := other.do("GET", "/slow")
		done <- body
	}()
	var slow struct{ Slow bool }
	app.read(t, &slow)
	v.do("POST", "/logout")
	if _, err := app.in.Write([]byte("go on\n")); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got != "ann" {
		t.Errorf("the request under way says %q, want ann", got)
	}
	// MemoryStore has the session again now.
	v.shows("after the logout", `{}`)
	other.shows("after the logout, with the cookie of the other request", `{}`)
	closeDoor(t, d)
	openDoor(t, cfg)
	other.shows("after a restart of the door", `{}`)
}

// TestLiftLogin has an app that keeps its id at login: who planted the cookie is out.
func TestLiftLogin(t *testing.T) {
	_, cfg := liftedApp(t, "memory")
	cfg.Sessions.Grace = config.Duration(200 * time.Millisecond)
	openDoor(t, cfg)
	planted := doorClient(t, cfg)
	planted.do("GET", "/show") // saveUninitialized: a session before the login
	v := planted.copy(cfg)
	v.do("POST", "/login?user=ann")
	v.shows("after the login", `{"user":"ann"}`)
	time.Sleep(300 * time.Millisecond)
	planted.shows("with the cookie from before the login", `{}`)
	v.shows("for the one who logged in", `{"user":"ann"}`)
}
