package active_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// A stall is a shop with a form, by what guards it. The zero value is naked.
type stall struct {
	// guard answers what it refuses, and says so; nil lets everything pass.
	guard func(w http.ResponseWriter, r *http.Request) bool
	// cookie is what the page sets; empty for sid=….
	cookie string
	// form replaces the form of the page, and add the answer to what it sends.
	form string
	add  http.HandlerFunc
	// token wants the token of the page: of its session, or of any where anybody is set.
	token, anybody bool
	// script is a script of the page.
	script string
	// socket opens a WebSocket at /ws for whoever asks.
	socket bool
	// override makes another method of what _method says, behind the guard.
	override bool
	// login answers wrong passwords; without it there is no login.
	login bool
	// private shows the form to whoever holds the cookie user=….
	private bool

	mu       sync.Mutex
	visitors int
	sent     map[string]int
}

func (s *stall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.sent == nil {
		s.sent = make(map[string]int)
	}
	s.sent[r.Method+" "+r.URL.Path]++
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if s.guard != nil && s.guard(w, r) {
		return
	}
	if m := r.URL.Query().Get("_method"); s.override && m != "" {
		r.Method = m
	}
	switch path := r.URL.Path; {
	case path == "/" && r.Method == http.MethodGet:
		s.page(w, r)
	case path == "/done":
		fmt.Fprint(w, "<!doctype html><p>Thank you.")
	case path == "/login" && s.login && r.Method == http.MethodGet:
		fmt.Fprint(w, "<!doctype html><form method=post action=/login><input name=user><input type=password name=password><button>Log in</button></form>")
	case path == "/login" && s.login && r.Method == http.MethodPost:
		http.Error(w, "wrong name or password for "+r.FormValue("user"), http.StatusUnauthorized)
	case path == "/ws" && s.socket && r.Header.Get("Upgrade") == "websocket":
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		_, _ = io.Copy(io.Discard, rw) // until the browser leaves
	case path == "/cart" && r.Method == http.MethodPost && s.token && !s.holds(r):
		http.Error(w, "invalid csrf token", http.StatusForbidden)
	case path == "/cart" && s.add != nil:
		s.add(w, r)
	case path == "/cart" && r.Method == http.MethodPost:
		http.Redirect(w, r, "/done", http.StatusSeeOther)
	case path == "/cart" && r.Method == http.MethodDelete, path == "/api/cart" && r.Method == http.MethodPost && isJSON(r):
		w.WriteHeader(http.StatusNoContent)
	case path == "/api/cart" && r.Method == http.MethodPost:
		http.Error(w, "no JSON", http.StatusUnsupportedMediaType)
	default:
		http.NotFound(w, r)
	}
}

func (s *stall) page(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.visitors++
	sid := fmt.Sprintf("s%07dabcdefgh", s.visitors)
	s.mu.Unlock()
	if c, err := r.Cookie("sid"); err == nil {
		sid = c.Value
	}
	switch s.cookie {
	case "":
		w.Header().Add("Set-Cookie", "sid="+sid+"; Path=/")
	case "none":
	default:
		w.Header().Add("Set-Cookie", "sid="+sid+"; "+s.cookie)
	}
	if _, err := r.Cookie("user"); s.private && err != nil {
		fmt.Fprint(w, "<!doctype html><p>Hello, stranger.")
		return
	}
	form := s.form
	if form == "" {
		form = "<form method=post action=/cart>" + s.hidden(sid) + "<input type=hidden name=id value=7><input name=note><button>Add to cart</button></form>"
	}
	links := ""
	if s.login {
		links = "<a href=/login>Log in</a>"
	}
	fmt.Fprintf(w, "<!doctype html>%s%s<script>%s</script>", links, form, s.script)
}

func (s *stall) hidden(sid string) string {
	if !s.token {
		return ""
	}
	return "<input type=hidden name=_csrf value=\"token-" + sid + "\">"
}

func (s *stall) holds(r *http.Request) bool {
	c, err := r.Cookie("sid")
	given := r.PostFormValue("_csrf")
	if given == "" && r.MultipartForm == nil && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		given = r.FormValue("_csrf")
	}
	return err == nil && given == "token-"+c.Value || s.anybody && strings.HasPrefix(given, "token-s")
}

func isJSON(r *http.Request) bool {
	var v map[string]any
	return json.NewDecoder(r.Body).Decode(&v) == nil && v["id"] == 1.0
}

// strict refuses whatever does not say that it comes from the site itself, sockets
// included; odd requests as well.
func strict(w http.ResponseWriter, r *http.Request) bool {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	own := scheme + "://" + r.Host
	if r.Header.Get("Upgrade") == "" && slices.Contains([]string{http.MethodGet, http.MethodHead}, r.Method) {
		return false
	}
	site, origin, referer := r.Header.Values("Sec-Fetch-Site"), r.Header.Values("Origin"), r.Header.Get("Referer")
	ok := false
	switch {
	case len(site) > 1, len(origin) > 1:
	case len(site) == 1:
		ok = site[0] == "same-origin" || site[0] == "none"
	case len(origin) == 1:
		ok = origin[0] == own
	case referer != "":
		u, err := url.Parse(referer)
		ok = err == nil && u.Scheme+"://"+u.Host == own
	}
	if !ok {
		http.Error(w, "this came from elsewhere", http.StatusForbidden)
	}
	return !ok
}

// standard is what net/http brings.
func standard() func(w http.ResponseWriter, r *http.Request) bool {
	p := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request) bool {
		err := p.Check(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
		}
		return err != nil
	}
}

// only refuses what the condition says.
func only(refuse func(r *http.Request) bool) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		no := r.Method != http.MethodGet && refuse(r)
		if no {
			http.Error(w, "no", http.StatusForbidden)
		}
		return no
	}
}

// loosened is strict but for what the condition lets pass.
func loosened(pass func(r *http.Request) bool) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool { return !pass(r) && strict(w, r) }
}
