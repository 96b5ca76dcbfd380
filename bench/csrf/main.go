// Command csrf measures package csrf beside its Go peers: the decision beside
// http.CrossOriginProtection, and a token's whole way through the middleware beside
// gorilla/csrf and nosurf. The sides take turns of a few milliseconds within one run, so that
// noise meets all, and the medians are compared.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/csrf"
	"github.com/justinas/nosurf"

	"github.com/panoplysec/panoply/csrf"
)

const site = "https://shop.example"

func main() {
	rounds := flag.Int("rounds", 101, "turns that each side has")
	calls := flag.Int("calls", 2000, "calls in a turn")
	flag.Parse()
	fmt.Println("| one POST | panoply | allocations | peer | its time | allocations | ratio |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, row := range append(decisions(), tokens()...) {
		row.print(*rounds, *calls)
	}
}

// A row is two ways to do the same.
type row struct {
	name, peer   string
	ours, theirs func()
}

func (r row) print(rounds, calls int) {
	var mine, other []float64
	for range rounds {
		mine = append(mine, measure(r.ours, calls))
		other = append(other, measure(r.theirs, calls))
	}
	a, b := median(mine), median(other)
	fmt.Printf("| %s | %.0f ns | %.0f | %s | %.0f ns | %.0f | %.2f |\n", r.name,
		a, testing.AllocsPerRun(100, r.ours), r.peer, b, testing.AllocsPerRun(100, r.theirs), a/b)
}

func measure(f func(), calls int) float64 {
	began := time.Now()
	for range calls {
		f()
	}
	return float64(time.Since(began).Nanoseconds()) / float64(calls)
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func post(path string, headers ...string) *http.Request {
	r := httptest.NewRequest("POST", site+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func decisions() []row {
	plain := must(csrf.New(csrf.Options{}))
	ruled := must(csrf.New(csrf.Options{
		TrustedOrigins: []string{"https://app.example", "https://admin.example"},
		Routes: []csrf.Route{
			{Pattern: "POST /hook/{id}", Exempt: "signed"}, {Pattern: "/saml/acs", Exempt: "signed"}, {Pattern: "POST /pay/", Exempt: "signed"},
		},
	}))
	plainPeer, ruledPeer := http.NewCrossOriginProtection(), http.NewCrossOriginProtection()
	for _, origin := range []string{"https://app.example", "https://admin.example"} {
		if err := ruledPeer.AddTrustedOrigin(origin); err != nil {
			stop(err)
		}
	}
	for _, pattern := range []string{"POST /hook/{id}", "/saml/acs", "POST /pay/"} {
		ruledPeer.AddInsecureBypassPattern(pattern)
	}
	decide := func(name string, g *csrf.Guard, peer *http.CrossOriginProtection, r *http.Request, passes bool) row {
		if a, b := g.Check(r) == nil, peer.Check(r) == nil; a != passes || b != passes {
			stop(fmt.Errorf("%s: passes %v here and %v there, want %v", name, a, b, passes))
		}
		return row{"decision: " + name, "CrossOriginProtection", func() { _ = g.Check(r) }, func() { _ = peer.Check(r) }}
	}
	const cookie = "id=0123456789abcdef"
	return []row{
		decide("Sec-Fetch-Site: same-origin", plain, plainPeer,
			post("/buy", "Sec-Fetch-Site", "same-origin", "Origin", site, "Cookie", cookie), true),
		decide("Origin only, own", plain, plainPeer, post("/buy", "Origin", site, "Cookie", cookie), true),
		decide("refused, 2 trusted origins and 3 exempt patterns", ruled, ruledPeer,
			post("/buy/now", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example", "Cookie", cookie), false),
		decide("refused by Origin alone, the same", ruled, ruledPeer,
			post("/buy/now", "Origin", "https://evil.example", "Cookie", cookie), false),
	}
}

type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// tokens puts a good token through each middleware, in the header and in a form.
func tokens() []row {
	session := []byte("what stands for a session, so long")
	g := must(csrf.New(csrf.Options{
		Binding: func(*http.Request) ([]byte, error) { return session, nil },
		Keys:    [][]byte{[]byte("a benchmark's key, of 32 bytes...")}, RequireToken: true,
	}))
	reached := 0
	app := func(ask func(*http.Request) string, token *string) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if token != nil {
				*token = ask(r)
			}
			reached++
		})
	}
	type side struct {
		name, header, field string
		wrap                func(http.Handler) http.Handler
		ask                 func(*http.Request) string
	}
	ours := side{"panoply", "X-Csrf-Token", "_csrf", g.Handler, func(r *http.Request) string { return must(g.Token(r)) }}
	peers := []side{
		{"gorilla/csrf 1.7.3", "X-Csrf-Token", "gorilla.csrf.Token", gorilla.Protect([]byte("a benchmark's key, of 32 bytes..")), gorilla.Token},
		{"nosurf 1.2.0", "X-Csrf-Token", "csrf_token", func(h http.Handler) http.Handler { return nosurf.New(h) }, nosurf.Token},
	}
	// prepared answers a GET for a token and a cookie, and returns the POSTs that bring them.
	prepared := func(s side) (header, form, page func()) {
		var token string
		first := httptest.NewRecorder()
		s.wrap(app(s.ask, &token)).ServeHTTP(first, httptest.NewRequest("GET", site+"/", nil))
		cookie := "id=0123456789abcdef"
		for _, c := range first.Result().Cookies() {
			cookie += "; " + c.Name + "=" + c.Value
		}
		h, w := s.wrap(app(nil, nil)), &nowhere{http.Header{}}
		both := []string{"Sec-Fetch-Site", "same-origin", "Origin", site, "Cookie", cookie}
		byHeader := post("/buy", append(both, s.header, token)...)
		byForm := post("/buy", append(both, "Content-Type", "application/x-www-form-urlencoded")...)
		text := url.Values{"item": {"bread"}, "count": {"2"}, s.field: {token}}.Encode()
		reader := strings.NewReader("")
		body := io.NopCloser(reader)
		header = func() { clear(w.h); h.ServeHTTP(w, byHeader) }
		form = func() {
			clear(w.h)
			reader.Reset(text)
			byForm.Body, byForm.ContentLength = body, int64(len(text))
			h.ServeHTTP(w, byForm)
		}
		var made string
		shown, get := s.wrap(app(s.ask, &made)), httptest.NewRequest("GET", site+"/", nil)
		get.Header.Set("Cookie", cookie)
		page = func() { clear(w.h); shown.ServeHTTP(w, get) }
		for name, f := range map[string]func(){"header": header, "form": form, "page": page} {
			before := reached
			if f(); reached != before+1 {
				stop(fmt.Errorf("%s: the request with the token in the %s did not reach the app", s.name, name))
			}
		}
		return header, form, page
	}
	var rows []row
	header, form, page := prepared(ours)
	for _, peer := range peers {
		theirHeader, theirForm, theirPage := prepared(peer)
		rows = append(rows, row{"token in the header", peer.name, header, theirHeader},
			row{"token in a form", peer.name, form, theirForm}, row{"a GET whose page has a token", peer.name, page, theirPage})
	}
	return rows
}

func must[T any](v T, err error) T {
	if err != nil {
		stop(err)
	}
	return v
}

func stop(err error) {
	fmt.Fprintln(os.Stderr, "csrf:", err)
	os.Exit(1)
}
