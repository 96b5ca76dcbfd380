package crawl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
)

// members is a site with pages of its users.
func members(w http.ResponseWriter, r *http.Request) {
	cookie, _ := r.Cookie("sid")
	user := cookie != nil
	token := fmt.Sprintf("%x", rand.Uint64())
	w.Header().Set("Content-Type", "text/html")
	login := func() { http.Redirect(w, r, "/login?next="+r.URL.Path, http.StatusFound) }
	switch r.URL.Path {
	case "/":
		io.WriteString(w, `<a href=/news>news</a><a href=/login>log in</a><a href=/api/me>me</a><a href=/home>home</a><a href=/gone>gone</a>`)
		if user {
			io.WriteString(w, `<a href=/account>Your account</a><a href=/logout>Log out</a><form method=post action=/logout><input type=hidden name=csrf value=`+token+`></form>`)
		}
	case "/news":
		fmt.Fprintf(w, `<p nonce=%q>Seen %d times.<input name=csrf value=%q type=hidden><img src=/logo.png>`, token, rand.IntN(100), token[:4])
	case "/login":
		io.WriteString(w, `<form method=post><input name=user><input type=password name=pass></form>`)
	case "/api/me":
		if w.Header().Set("Content-Type", "application/json"); !user {
			w.WriteHeader(http.StatusUnauthorized)
		}
		io.WriteString(w, `{}`)
	case "/home":
		if user {
			http.Redirect(w, r, "/home/user", http.StatusFound)
		} else {
			login()
		}
	case "/account", "/account/bills":
		if !user {
			login()
			return
		}
		io.WriteString(w, `<a href=/account/bills>bills</a><a href=/public>p</a><a href=/no>no</a><form action=/account/name method=post><input name=name></form><form action=/search><input name=q></form>`)
	case "/no":
		http.Error(w, token, http.StatusForbidden)
	case "/public", "/home/user":
		io.WriteString(w, `public<form action=/search><input name=q></form>`)
	case "/logo.png":
		w.Header().Set("Content-Type", "image/png")
	default:
		http.NotFound(w, r)
	}
}

func TestWalkAsUser(t *testing.T) {
	p := probe(t, http.HandlerFunc(members))
	site := p.walk(t, crawl.Options{User: true})
	compare(t, "pages", pages(site), []string{
		"visitor 200 document / (given)",
		"visitor 200 document /news (link on /)",
		"visitor 401 error /api/me (link on /)",
		"visitor 200 document /login (link on /)",
		"visitor 302 redirect /home (link on /)",
		"visitor 404 error /gone (link on /)",
		"visitor 200 asset /logo.png (link on /news)",
		"visitor 200 document /login?next=/home (redirect)",
		"visitor 302 redirect /account (link on /)",
		"visitor 200 document /home/user (redirect)",
		"visitor 302 redirect /account/bills (link on /account)",
		"visitor 200 document /public (link on /account)",
		"visitor 403 error /no (link on /account)",
		"visitor 404 error /search (link on /account)",
		"user alone 200 document / (given)",
		"user 200 document /news (link on /)",
		"user alone 200 api /api/me (link on /)",
		"user 200 document /login (link on /)",
		"user alone 302 redirect /home (link on /)",
		"user 404 error /gone (link on /)",
		"user 200 document /login?next=/home (redirect)",
		"user alone 200 document /account (link on /)",
		"user 200 document /home/user (redirect)",
		"user alone 200 document /account/bills (link on /account)",
		"user 200 document /public (link on /account)",
		"user 403 error /no (link on /account)",
		"user 404 error /search (link on /account)",
	})
	var forms []string
	for _, f := range site.Forms {
		forms = append(forms, fmt.Sprintf("%v %s %s", f.Private, f.Method, strings.TrimPrefix(f.Action, "http://"+p.url.Host)))
	}
	compare(t, "forms", forms, []string{"false POST /login", "false POST /login?next=/home", "true POST /logout", "true POST /account/name", "true GET /search", "true POST /account/name", "true GET /search"})
	if slices.ContainsFunc(p.asked, func(r check.Request) bool { return strings.Contains(r.Path, "logout") }) {
		t.Error("the user was logged out")
	}
}

func TestWalkAsUserBound(t *testing.T) {
	p := probe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.Header.Get("Cookie") != "" {
			fmt.Fprintf(w, "<a href=%sx>x</a><a href=%[1]sy>y</a>", r.URL.Path)
		}
	}))
	p.walk(t, crawl.Options{User: true, Pages: 50})
	if n := len(p.asked); n > 50+1+30 {
		t.Errorf("asked %d times, want at most 81", n)
	}
}

func TestWalkAsUserFails(t *testing.T) {
	p := probe(t, http.HandlerFunc(members))
	nobody := errors.New("nobody is logged in")
	site, err := crawl.Walk(t.Context(), crawl.Options{URL: p.url, User: true, Do: func(ctx context.Context, r check.Request) (*check.Exchange, error) {
		if r.As == check.User {
			return nil, nobody
		}
		return p.Do(ctx, r)
	}})
	if !errors.Is(err, nobody) || len(pages(site)) != 8 {
		t.Errorf("Walk = %d pages, %v, want the visitor's 8 and the reason", len(pages(site)), err)
	}
}
