package active_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/active"
)

// correct is a limiter by name and address, with another by address.
func correct() *site { return &site{key: byUserAndAddress, limit: 10, byAddress: 100} }

// but changes a site.
func but(s *site, change func(*site)) *site {
	change(s)
	return s
}

// A trial is one app with the verdict that it deserves.
type trial struct {
	name  string
	app   http.Handler
	guess check.Guess
	// want are the findings, notes included.
	want   []string
	status check.Status
	// reason and message must stand in the result's reason and in the messages.
	reason, message string
	// single serves on the one address that IPv6 has for loopback.
	single bool
	// tls serves over TLS.
	tls bool
	// check is the id of the check; empty for brute-force.
	check string
	// forge and credentials go to the target.
	forge       check.Forge
	credentials string
}

var trials = []trial{
	{name: "no limiter", app: &site{}, want: []string{"brute-force/unlimited"}, status: check.Broken, message: "30 of 30 wrong passwords"},
	{name: "no limiter, fewer tries", app: &site{}, guess: check.Guess{Tries: 7}, want: []string{"brute-force/unlimited"}, status: check.Broken, message: "7 of 7"},
	{name: "correct", app: correct(), status: check.Proved, reason: "10 wrong passwords for one name were judged, then 429 Too Many Requests; 10 of 30 at once; 10 with addresses that are made up; no known name was tried (--login-user); refused for 15m0s, so about 960 guesses a day pass for one name; one address is refused after 100 failures"},
	{name: "correct, a known name", app: but(correct(), func(s *site) { s.hash, s.hashOthers = 2*time.Millisecond, 2*time.Millisecond }),
		guess: check.Guess{User: known}, status: check.Proved, reason: "a known name gets the same answers"},
	{name: "by address alone", app: &site{byAddress: 5}, status: check.Proved, reason: "5 of 30 at once"},
	{name: "by name alone", app: &site{key: func(_ *http.Request, name string) string { return name }, limit: 5, byAddress: 90}, status: check.Proved, reason: "5 with addresses"},
	{name: "one metric of two", app: &site{key: byUserAndAddress, limit: 5}, status: check.Unproven, reason: "the second metric: 101 failures of one address"},
	{name: "counts after the check", app: but(correct(), func(s *site) { s.late = true }), want: []string{"brute-force/parallel"}, status: check.Broken, message: "30 of 30 wrong passwords that arrive together, and 10 of those in sequence"},
	{name: "leftmost X-Forwarded-For", app: but(correct(), func(s *site) { s.key = leftmost }), want: []string{"brute-force/forwarded"}, status: check.Broken, message: "30 of 30 wrong passwords when each claims another address in X-Forwarded-For, and 10 without"},
	{name: "known names only", app: but(correct(), func(s *site) { s.knownOnly, s.byAddress = true, 0 }), guess: check.Guess{User: known},
		want: []string{"brute-force/tells-users"}, status: check.Broken, message: "refusals"},
	{name: "known names only, none given", app: but(correct(), func(s *site) { s.knownOnly, s.byAddress = true, 0 }), want: []string{"brute-force/unlimited"}, status: check.Broken},
	{name: "another message for unknown names", app: but(correct(), func(s *site) {
		s.wrong = func(w http.ResponseWriter, _ *http.Request, name string) {
			w.WriteHeader(http.StatusUnauthorized)
			if name == known {
				fmt.Fprintf(w, "Wrong password for %s", name)
			} else {
				fmt.Fprintf(w, "There is no user %s", name)
			}
		}
	}), guess: check.Guess{User: known}, want: []string{"brute-force/tells-users"}, status: check.Broken, message: "by: body"},
	{name: "another code for unknown names", app: but(correct(), func(s *site) {
		s.wrong = func(w http.ResponseWriter, _ *http.Request, name string) {
			w.WriteHeader(http.StatusUnauthorized)
			code := 1001
			if name == known {
				code = 1002
			}
			fmt.Fprintf(w, `{"error":{"code":%d}}`, code)
		}
	}), guess: check.Guess{User: known}, want: []string{"brute-force/tells-users"}, status: check.Broken, message: "by: body"},
	{name: "another status and header for unknown names", app: but(correct(), func(s *site) {
		s.wrong = func(w http.ResponseWriter, _ *http.Request, name string) {
			if name == known {
				w.Header().Set("X-Account", "1")
				w.WriteHeader(http.StatusUnauthorized)
			} else {
				w.WriteHeader(http.StatusNotFound)
			}
			fmt.Fprint(w, "wrong password or user")
		}
	}), guess: check.Guess{User: known}, want: []string{"brute-force/tells-users"}, status: check.Broken, message: "status, header X-Account"},
	{name: "answers that differ of themselves", app: but(correct(), func(s *site) {
		n := 0
		s.wrong = func(w http.ResponseWriter, _ *http.Request, name string) {
			s.mu.Lock()
			n++
			w.Header().Set("X-Request-Id", fmt.Sprintf("%016x", n*7919))
			w.Header().Set("X-Served", fmt.Sprint(n%3))
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, "<p>%s: wrong name or password (%d)", name, n)
			s.mu.Unlock()
		}
	}), guess: check.Guess{User: known}, status: check.Proved, reason: "a known name gets the same answers"},
	{name: "slow hash for known names only", app: but(correct(), func(s *site) { s.hash = 40 * time.Millisecond }), guess: check.Guess{User: known},
		want: []string{"brute-force/times-users"}, status: check.Broken, message: "takes another time"},
	{name: "lock by redirect", app: but(correct(), func(s *site) {
		s.refuse = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/locked", http.StatusFound) }
		s.wrong = func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, "/login?error=1", http.StatusFound)
		}
	}), status: check.Proved, reason: "10 wrong passwords for one name were judged, then 302 Found to /locked"},
	{name: "200 with an error page", app: but(correct(), func(s *site) {
		s.refuse = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Your account is locked for 15 minutes") }
		s.wrong = func(w http.ResponseWriter, _ *http.Request, name string) { s.page(w, "Sorry, "+name) }
	}), status: check.Proved, reason: "10 wrong passwords for one name were judged, then 200 OK"},
	{name: "JSON", app: but(correct(), func(s *site) { s.json = true }), guess: check.Guess{Route: "POST /api/login", Format: "json"}, status: check.Proved, reason: "POST /api/login: 10 wrong passwords"},
	{name: "JSON without a limiter", app: &site{json: true}, guess: check.Guess{Route: "POST /api/login", Format: "json"}, want: []string{"brute-force/unlimited"}, status: check.Broken},
	{name: "basic", app: basic(5), guess: check.Guess{Route: "GET /admin", Format: "basic"}, status: check.Proved, reason: "GET /admin: 5 wrong passwords"},
	{name: "token form", app: but(correct(), func(s *site) { s.token = true }), status: check.Proved, reason: "10 of 30 at once"},
	{name: "token form without a limiter", app: &site{token: true}, want: []string{"brute-force/unlimited"}, status: check.Broken},
	{name: "route with the form of a page", app: but(correct(), func(s *site) { s.token = true }), guess: check.Guess{Route: "POST /login"}, status: check.Proved, reason: "10 of 30 at once"},
	{name: "refuses everything", app: &site{wrong: status(http.StatusForbidden, "Forbidden")}, status: check.Unproven, reason: "answered with 403"},
	{name: "still refuses from before", app: &site{wrong: status(http.StatusTooManyRequests, "Slow down")}, status: check.Unproven, reason: "refused already, with 429"},
	{name: "fails", app: &site{wrong: status(http.StatusInternalServerError, "oops")}, status: check.Unproven, reason: "answered with 500"},
	{name: "looks like success", app: &site{wrong: func(w http.ResponseWriter, r *http.Request, _ string) {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "new"})
		http.Redirect(w, r, "/", http.StatusFound)
	}}, status: check.Unproven, reason: "answered like a right one"},
	{name: "200 and no word", app: &site{json: true, wrong: status(http.StatusOK, `{"token":"abc"}`)}, guess: check.Guess{Route: "POST /api/login", Format: "json"}, status: check.Unproven, reason: "no word of an error"},
	{name: "changes without refusing", app: but(correct(), func(s *site) {
		s.refuse = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, "Did you forget your password? We can send you a link that helps.")
		}
	}), status: check.Unproven, reason: "after 10 of 13 guesses"},
	{name: "no login", app: &site{form: "<form method=post action=/search><input name=q></form>"}, status: check.Unproven, reason: "no login was found"},
	{name: "a form that makes accounts", app: &site{form: "<form method=post action=/register><input name=email><input type=password name=p></form>"}, status: check.Unproven, reason: "no login was found"},
	{name: "two passwords", app: &site{form: "<form method=post action=/login><input name=email><input type=password name=p><input type=password name=p2></form>"}, status: check.Unproven, reason: "no login was found"},
	{name: "another origin", app: &site{form: "<form method=post action=https://id.example/login><input name=email><input type=password name=p></form>"}, status: check.Unproven, reason: "no login was found"},
	{name: "no word of when to try again", app: but(correct(), func(s *site) {
		s.refuse = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }
		s.wrong = func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("X-RateLimit-Remaining", "7")
			w.WriteHeader(http.StatusUnauthorized)
		}
	}), want: []string{"brute-force/remaining-told", "brute-force/retry-after-absent"}, status: check.Proved},
	{name: "counts every request", app: every(40, correct()), status: check.Proved, reason: "429 Too Many Requests"},
	{name: "one address to ask from", app: correct(), single: true, guess: check.Guess{User: known}, status: check.Proved, reason: "one address is refused after 100 failures"},
	{name: "one address, by address alone", app: &site{byAddress: 5}, single: true, status: check.Unproven, reason: "wrong passwords at once: the limiter refuses this address already"},
	{name: "one address, leftmost X-Forwarded-For", app: but(correct(), func(s *site) { s.key, s.byAddress = leftmost, 0 }), single: true, want: []string{"brute-force/forwarded"}, status: check.Broken, message: "30 of 30"},
	{name: "slows down", app: but(correct(), func(s *site) {
		s.key = nil
		n := 0
		s.wrong = func(w http.ResponseWriter, _ *http.Request, _ string) {
			if n++; n > 4 {
				time.Sleep(1100 * time.Millisecond)
			}
			w.WriteHeader(http.StatusUnauthorized)
		}
	}), guess: check.Guess{Tries: 8}, status: check.Unproven, reason: "slowed down"},
	{name: "for a second by its own word", app: but(correct(), func(s *site) {
		s.refuse = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}), status: check.Unproven, reason: "1s by their own word, which lets 864000 guesses a day through"},
	{name: "by the moment", app: brief(20*time.Millisecond, 5), guess: check.Guess{Tries: 60}, status: check.Unproven, reason: "how long refusals last"},
	{name: "breaks off", app: but(&site{}, func(s *site) {
		var n atomic.Int32
		s.wrong = func(w http.ResponseWriter, _ *http.Request, _ string) {
			if n.Add(1) > 4 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusUnauthorized)
		}
	}), status: check.Unproven, reason: "after 4 of 7 guesses"},
	{name: "fails together", app: but(correct(), func(s *site) {
		var open atomic.Int32
		s.wrong = func(w http.ResponseWriter, _ *http.Request, _ string) {
			defer open.Add(-1)
			if open.Add(1) > 1 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			time.Sleep(20 * time.Millisecond)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}), status: check.Unproven, reason: "wrong passwords at once, "},
	{name: "hangs", app: hang(), guess: check.Guess{Route: "POST /login"}, status: check.Unproven, reason: "no answer"},
}

// status answers every wrong password the same.
func status(code int, body string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

// basic protects a page by the browser's own question.
func basic(limit int) http.Handler {
	s := new(site)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, ok := r.BasicAuth()
		switch {
		case r.URL.Path != "/admin":
			fmt.Fprint(w, "hello")
		case ok && s.count(address(r), 1) > limit:
			s.refused(w, r)
		default:
			_ = name
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

// every limits all requests of an address.
func every(limit int, next http.Handler) http.Handler {
	s := new(site)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if address(r) != "127.0.0.1" && s.count(address(r), 1) > limit {
			s.refused(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// brief is a limiter that forgets after a moment.
func brief(window time.Duration, limit int) http.Handler {
	s := &site{byAddress: 100}
	start := time.Now()
	s.limit = limit
	s.key = func(r *http.Request, name string) string {
		return fmt.Sprint(byUserAndAddress(r, name), int(time.Since(start)/window))
	}
	return s
}

// hang never answers a login.
func hang() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			// Read, or the server does not see that the visitor leaves.
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}
	})
}

func TestTrials(t *testing.T) {
	for _, tt := range trials {
		t.Run(tt.name, func(t *testing.T) {
			if s, ok := tt.app.(*site); ok {
				s.counts = nil // of an earlier run of the test
			}
			r := audited(t, tt, audit.Options{Active: true, RequestTimeout: 2 * time.Second, Rate: 5000})
			tt.judge(t, r)
			if s, ok := tt.app.(*site); ok {
				guesses := 0
				for key, n := range s.counts {
					if strings.HasPrefix(key, "seen ") {
						guesses += n
					}
				}
				if guesses > 200 {
					t.Errorf("%d guesses, want 200 at most", guesses)
				}
				if n := s.counts["seen "+known]; tt.guess.User == "" && n > 0 || n > 60 {
					t.Errorf("%d guesses for %s", n, known)
				}
			}
		})
	}
}

// judge compares a result with what the app deserves.
func (tt trial) judge(t *testing.T, r check.Result) {
	t.Helper()
	var got, messages []string
	for _, f := range r.Findings {
		got, messages = append(got, f.ID), append(messages, f.Message)
		if f.Severity > check.Info && (len(f.Evidence) == 0 || f.Reproduce == "" || f.Subject == "") {
			t.Errorf("%s = %+v, want evidence, a command and a subject", f.ID, f)
		}
	}
	slices.Sort(got)
	slices.Sort(tt.want)
	if !slices.Equal(got, tt.want) {
		t.Errorf("findings = %v, want %v: %q", got, tt.want, messages)
	}
	if r.Status != tt.status || !strings.Contains(r.Reason, tt.reason) {
		t.Errorf("result = %q, %s; want %q, %s", r.Status, r.Reason, tt.status, tt.reason)
	}
	if all := strings.Join(messages, "\n"); !strings.Contains(all, tt.message) {
		t.Errorf("messages = %s, want %s", all, tt.message)
	}
}

// audited runs the check against the app, and returns what it said itself: the row of
// the practice may be pending.
func audited(t *testing.T, tt trial, o audit.Options) check.Result {
	t.Helper()
	s := httptest.NewUnstartedServer(tt.app)
	if tt.single {
		six, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Skip("this system has no IPv6")
		}
		s.Listener.Close()
		s.Listener = six
	}
	if tt.tls {
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
	} else {
		s.Start()
	}
	defer s.Close()
	defer s.CloseClientConnections()
	all := active.Checks()
	c := all[slices.IndexFunc(all, func(c check.Check) bool { return c.ID == cmp.Or(tt.check, "brute-force") })]
	var got check.Result
	run := c.Run
	c.Run = func(ctx context.Context, s *check.Session) check.Result {
		got = run(ctx, s)
		return got
	}
	if _, err := audit.Run(t.Context(), []check.Target{{URL: s.URL, Guess: tt.guess, Forge: tt.forge, Credentials: tt.credentials}}, []check.Check{c}, o); err != nil {
		t.Fatal(err)
	}
	return got
}
