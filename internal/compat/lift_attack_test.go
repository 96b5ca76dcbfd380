package compat_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

// One logout must not keep a user of cookie-session, whose value is the same text at every
// login, out for good, nor end other devices' sessions.
func TestLiftLoginAgain(t *testing.T) {
	for _, kind := range []string{"memory", "cookie"} {
		t.Run(kind, func(t *testing.T) {
			_, cfg := liftedApp(t, kind)
			openDoor(t, cfg)
			desk, phone := doorClient(t, cfg), doorClient(t, cfg)
			desk.do("POST", "/login?user=ann")
			phone.do("POST", "/login?user=ann")
			desk.do("POST", "/logout")
			phone.shows("the other device", `{"user":"ann"}`)
			desk.shows("after the logout", `{}`)
			desk.do("POST", "/login?user=ann")
			desk.shows("logged in again", `{"user":"ann"}`)
		})
	}
}

// A planted cookie is out after the login, whenever its renewal was due.
func TestLiftPlanted(t *testing.T) {
	_, cfg := liftedApp(t, "memory")
	cfg.Sessions.Grace = config.Duration(2 * time.Second)
	cfg.Sessions.Renewal = config.Duration(time.Second)
	openDoor(t, cfg)
	planted := doorClient(t, cfg)
	planted.do("GET", "/show")
	v := planted.copy(cfg)
	time.Sleep(1200 * time.Millisecond) // a renewal is due
	v.do("POST", "/login?user=ann")
	planted.do("GET", "/show") // within the grace
	time.Sleep(2500 * time.Millisecond)
	planted.shows("who planted the cookie, after the grace", `{}`)
	v.shows("who logged in", `{"user":"ann"}`)
}

// An older value of cookie-session, from before the logout.
func TestLiftReplay(t *testing.T) {
	_, cfg := liftedApp(t, "cookie")
	openDoor(t, cfg)
	v := doorClient(t, cfg)
	v.do("POST", "/login?user=ann")
	old := v.copy(cfg)
	v.do("GET", `/set?members=`+url.QueryEscape(`{"cart":1}`))
	old.copy(cfg).shows("control, before the logout", `{"user":"ann"}`)
	v.shows("control, the change", `{"user":"ann","cart":1}`)
	v.do("POST", "/logout")
	old.shows("an older value after the logout", `{}`)
}
