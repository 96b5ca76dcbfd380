package wire_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
)

var cachingTwins = []twin{
	{check: "caching", name: "nobody is logged in", handler: app("<p>hello", "Cache-Control: public, max-age=600")},
	{check: "caching", name: "private and not stored", target: asUser, handler: shop("Cache-Control: no-store")},
	{check: "caching", name: "private to the browser", target: asUser, handler: shop("Cache-Control: private, max-age=60")},
	{check: "caching", name: "private and shared", bad: true, want: []string{"caching/private-shared"}, target: asUser, handler: shop("Cache-Control: public, max-age=600")},
	{check: "caching", name: "private and fresh", bad: true, want: []string{"caching/private-shared"}, target: asUser, handler: shop("Cache-Control: max-age=600")},
	{check: "caching", name: "private and nothing said", bad: true, want: []string{"caching/private-unsaid"}, target: asUser, handler: shop()},
	{check: "caching", name: "private and asked about each time", want: []string{"caching/private-stored"}, target: asUser, handler: shop("Cache-Control: no-cache")},
	{check: "caching", name: "session cookie in a shared answer", bad: true, want: []string{"caching/session-shared"},
		handler: app("<p>hello", "Cache-Control: public, max-age=600", "Set-Cookie: sid=abcdefghijklmnop; HttpOnly")},
	{check: "caching", name: "session cookie and stale at once", handler: app("<p>hello", "Cache-Control: public, max-age=0", "Set-Cookie: sid=abcdefghijklmnop")},
	{check: "caching", name: "deleted session cookie", handler: app("<p>hello", "Cache-Control: public, max-age=600", "Set-Cookie: sid=; Max-Age=0")},
	{check: "caching", name: "types without vary", want: []string{"caching/vary"}, handler: negotiating("Cache-Control: max-age=60")},
	{check: "caching", name: "types with vary", handler: negotiating("Cache-Control: max-age=60", "Vary: Accept-Encoding, Accept")},
	{check: "caching", name: "types that nobody keeps", handler: negotiating()},
}

// negotiating answers what is missing in the type that is asked for.
func negotiating(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind := "Content-Type: text/html"
		if r.Header.Get("Accept") == "application/json" {
			kind = "Content-Type: application/json"
		}
		app("<p>hello", append([]string{kind}, lines...)...)(w, r)
	}
}

func TestCaching(t *testing.T) {
	later := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		name                       string
		header                     http.Header
		shared, toUser, revalidate bool
	}{
		{"nothing said", http.Header{}, false, false, false},
		{"public", http.Header{"Cache-Control": {"public"}}, true, true, false},
		{"max-age", http.Header{"Cache-Control": {"Max-Age=60"}}, true, false, false},
		{"quoted", http.Header{"Cache-Control": {`max-age="60"`}}, true, false, false},
		{"shared age wins", http.Header{"Cache-Control": {"max-age=60", "s-maxage=0"}}, false, false, false},
		{"stale", http.Header{"Cache-Control": {"public, max-age=0"}}, false, false, true},
		{"no number", http.Header{"Cache-Control": {"max-age=soon"}}, false, false, true},
		{"asked about", http.Header{"Cache-Control": {"public, max-age=60, no-cache"}}, false, false, true},
		{"expires later", http.Header{"Expires": {later}}, true, false, false},
		{"expired", http.Header{"Expires": {"0"}}, false, false, true},
		{"max-age wins", http.Header{"Expires": {later}, "Cache-Control": {"max-age=0"}}, false, false, true},
		{"pragma", http.Header{"Pragma": {"no-cache"}}, false, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shared, toUser, revalidate := wire.Caching(tt.header)
			if shared != tt.shared || toUser != tt.toUser || revalidate != tt.revalidate {
				t.Errorf("Caching(%v) = %v, %v, %v, want %v, %v, %v", tt.header, shared, toUser, revalidate, tt.shared, tt.toUser, tt.revalidate)
			}
		})
	}
}

// login is a recording whose logout is one answer; a nil header means that no way to
// log out is known.
type login struct{ out http.Header }

func (l login) In(context.Context, int, check.Cookies) (check.Cookies, []*check.Exchange, error) {
	return check.Cookies{"sid": "known"}, nil, nil
}

func (l login) Out(context.Context, int, check.Cookies) (check.Cookies, []*check.Exchange, error) {
	if l.out == nil {
		return nil, nil, check.ErrNoLogout
	}
	return nil, []*check.Exchange{{URL: "https://shop.example/logout", Status: 303, Header: l.out}}, nil
}

func TestClearSiteData(t *testing.T) {
	for _, tt := range []struct {
		name string
		out  http.Header
		want int
	}{
		{"no way out", nil, 0},
		{"sent", http.Header{"Clear-Site-Data": {`"*"`}}, 0},
		{"not sent", http.Header{"Location": {"/"}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wire.LogoutNotes(login{tt.out}); len(got) != tt.want {
				t.Errorf("LogoutNotes(%v) = %v, want %d", tt.out, got, tt.want)
			}
		})
	}
}
