package active_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A site is an app with a login, by what it does wrong. The zero value has a form, knows
// alice, and limits nothing.
type site struct {
	// key is what the limiter counts by, and limit how many failures it allows; without
	// a key there is no limiter.
	key   func(r *http.Request, name string) string
	limit int
	// byAddress is the second limiter, by address alone.
	byAddress int
	// late counts after the check, which takes a moment.
	late bool
	// knownOnly counts failures of names that exist only.
	knownOnly bool
	// refuse answers what is refused; nil for 429.
	refuse http.HandlerFunc
	// wrong answers a wrong password; nil for 401 with the form.
	wrong func(w http.ResponseWriter, r *http.Request, name string)
	// hash is how long the password of a name that exists takes, and of others.
	hash, hashOthers time.Duration
	// json takes JSON at POST /api/login and shows no form.
	json bool
	// token wants the token of the page and of its cookie, each once.
	token bool
	// form replaces the form of the page.
	form string

	mu     sync.Mutex
	counts map[string]int
	tokens map[string]string
}

const known = "alice@shop.example"

func byUserAndAddress(r *http.Request, name string) string { return name + " " + address(r) }

func address(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

func leftmost(r *http.Request, name string) string {
	if v := r.Header.Get("X-Forwarded-For"); v != "" {
		first, _, _ := strings.Cut(v, ",")
		return name + " " + first
	}
	return byUserAndAddress(r, name)
}

func (s *site) count(key string, by int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = make(map[string]int)
	}
	s.counts[key] += by
	return s.counts[key]
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	switch {
	case r.URL.Path == "/" && s.json:
		fmt.Fprint(w, "<!doctype html><div id=root></div>")
	case r.URL.Path == "/":
		fmt.Fprint(w, "<!doctype html><a href=/login>Log in</a>")
	case r.URL.Path == "/login" && r.Method == http.MethodGet && !s.json:
		s.page(w, "")
	case r.URL.Path == "/locked":
		fmt.Fprint(w, "<!doctype html><p>This account rests.")
	case r.URL.Path == "/login" && r.Method == http.MethodPost && !s.json, r.URL.Path == "/api/login" && s.json && r.Method == http.MethodPost:
		s.login(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *site) page(w http.ResponseWriter, message string) {
	if s.form != "" {
		fmt.Fprint(w, s.form)
		return
	}
	hidden := ""
	if s.token {
		sid, token := fmt.Sprintf("sid-%d", s.count("sid", 1)), fmt.Sprintf("token-%d", s.count("token", 1))
		s.mu.Lock()
		if s.tokens == nil {
			s.tokens = make(map[string]string)
		}
		s.tokens[sid] = token
		s.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: sid})
		hidden = `<input type=hidden name=_csrf value="` + token + `">`
	}
	fmt.Fprintf(w, `<!doctype html><form method=post action=/login>%s<p>%s</p><input name=email><input type=password name=password><button>Log in</button></form>`, message, hidden)
}

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	name, password := r.FormValue("email"), r.FormValue("password")
	if s.json {
		var body map[string]string
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
		name, password = body["username"], body["password"]
	}
	s.count("seen "+name, 1)
	if s.token && !s.spend(r) {
		http.Error(w, "invalid CSRF token", http.StatusForbidden)
		return
	}
	if name == "" || password == "" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	key := ""
	if s.key != nil && (!s.knownOnly || name == known) {
		key = "fail " + s.key(r, name)
		by := 1
		if s.late {
			by = 0
		}
		if n := s.count(key, by); s.late && n >= s.limit || !s.late && n > s.limit {
			s.refused(w, r)
			return
		}
	}
	if s.byAddress > 0 && s.count("address "+address(r), 1) > s.byAddress {
		s.refused(w, r)
		return
	}
	took := s.hashOthers
	if name == known {
		took = s.hash
	}
	if s.late {
		took += 50 * time.Millisecond
	}
	time.Sleep(took)
	if s.late && key != "" {
		s.count(key, 1)
	}
	if s.wrong != nil {
		s.wrong(w, r, name)
		return
	}
	if s.json {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"bad_credentials"}`)
		return
	}
	w.WriteHeader(http.StatusUnauthorized)
	s.page(w, "Wrong name or password for "+name)
}

// spend takes the token of the page, which is good once.
func (s *site) spend(r *http.Request) bool {
	c, err := r.Cookie("sid")
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token, ok := s.tokens[c.Value]
	delete(s.tokens, c.Value)
	return ok && token == r.FormValue("_csrf")
}

func (s *site) refused(w http.ResponseWriter, r *http.Request) {
	if s.refuse != nil {
		s.refuse(w, r)
		return
	}
	w.Header().Set("Retry-After", "900")
	w.WriteHeader(http.StatusTooManyRequests)
	fmt.Fprint(w, "Too many attempts")
}
