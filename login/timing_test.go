package login_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
)

// roomy lets every attempt of a timing through, so that both sides take the same way.
func roomy() login.Policies {
	many := func(d time.Duration) limit.Policy { return limit.Policy{Points: 1 << 24, Duration: d} }
	return login.Policies{UserIP: many(day), IP: many(day), User: many(time.Hour), Device: many(time.Hour), Global: many(time.Hour)}
}

const day = 24 * time.Hour

// welch times both sides, one after the other in random order, n times each, and returns
// Welch's t of all samples but the slowest 5 %: those are the machine's.
func welch(n int, sides [2]func(i int)) float64 {
	var samples [2][]float64
	var all []float64
	for i := range n {
		first := rand.IntN(2)
		for _, side := range [2]int{first, 1 - first} {
			start := time.Now()
			sides[side](i)
			took := float64(time.Since(start))
			samples[side] = append(samples[side], took)
			all = append(all, took)
		}
	}
	slices.Sort(all)
	most := all[len(all)*95/100]
	var mean, variance [2]float64
	for side, s := range samples {
		s = slices.DeleteFunc(s, func(x float64) bool { return x > most })
		for _, x := range s {
			mean[side] += x / float64(len(s))
		}
		for _, x := range s {
			variance[side] += (x - mean[side]) * (x - mean[side]) / float64(len(s)-1) / float64(len(s))
		}
	}
	return (mean[0] - mean[1]) / math.Sqrt(variance[0]+variance[1])
}

// indistinct fails where time tells two sides apart three times out of three. Each time it
// asks for new sides, whose users nobody has tried.
func indistinct(t *testing.T, n int, sides func(round int) [2]func(i int)) {
	t.Helper()
	var seen []string
	for round := range 3 {
		both := sides(round)
		for i := range warmUp {
			both[0](n + i)
			both[1](n + i)
		}
		score := welch(n, both)
		seen = append(seen, fmt.Sprintf("%.2f", score))
		if math.Abs(score) < 4.5 {
			t.Logf("t = %s over %d samples a side", strings.Join(seen, ", "), n)
			return
		}
	}
	t.Errorf("t = %s over %d samples a side, want one below 4.5", strings.Join(seen, ", "), n)
}

const warmUp = 200

// TestTiming holds that the time of a decision tells no user that is there from one that is
// not, and no device of another user from none of a user's own. What a user did within the
// hour before is another matter: see the package comment.
func TestTiming(t *testing.T) {
	const n = 10_000
	policies := roomy()
	policies.User.Duration = 50 * time.Millisecond // the hour, made short
	s := shield(t, login.Options{Policies: policies, Secret: []byte("0123456789abcdef")})
	name := func(kind string, round, i int) string { return fmt.Sprintf("%s%d-%05d", kind, round, i) }
	decide := func(kind string, round int, cookie *http.Cookie) func(i int) {
		r := from("203.0.113.7")
		if cookie != nil {
			r.AddCookie(cookie)
		}
		users := make([]string, n+warmUp)
		for i := range users {
			users[i] = name(kind, round, i)
		}
		ctx := t.Context()
		return func(i int) { s.Attempt(ctx, users[i], r).Failed() }
	}
	// here are users that are there: they have logged in, once, a while ago.
	here := func(round int) {
		for i := range n + warmUp {
			s.Attempt(t.Context(), name("here", round, i), from("198.51.100.1")).Succeeded(httptest.NewRecorder())
		}
		time.Sleep(150 * time.Millisecond)
	}
	mallory := logIn(t, s, "mallory", from("203.0.113.7"))
	t.Run("users", func(t *testing.T) {
		indistinct(t, n, func(round int) [2]func(int) {
			here(round)
			return [2]func(int){decide("here", round, nil), decide("gone", round, nil)}
		})
	})
	t.Run("users, with a device of one's own", func(t *testing.T) {
		indistinct(t, n, func(round int) [2]func(int) {
			here(round + 3)
			return [2]func(int){decide("here", round+3, mallory), decide("none", round+3, mallory)}
		})
	})
	t.Run("devices", func(t *testing.T) {
		// Of two tokens that are not made for this user, neither is nearer.
		bob := logIn(t, s, "bob", from("203.0.113.7"))
		indistinct(t, n, func(round int) [2]func(int) {
			return [2]func(int){decide("even", round, mallory), decide("odds", round, bob)}
		})
	})
}

// TestTimingOverHTTP asks a server whose app does the same work for all. Here the users
// that are there have logged in just before.
func TestTimingOverHTTP(t *testing.T) {
	const n = 10_000
	a := guarded(t, login.Options{Policies: roomy(), Secret: []byte("0123456789abcdef")}, func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte("x"))
		for range 20 {
			sum = sha256.Sum256(sum[:])
		}
		if r.FormValue("password") == "right" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	srv := httptest.NewServer(a)
	defer srv.Close()
	client := srv.Client()
	ask := func(kind string, round int) func(int) {
		return func(i int) {
			resp, err := client.Post(srv.URL+"/login", formType, strings.NewReader(fmt.Sprintf("username=%s%d-%05d&password=wrong", kind, round, i)))
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("answer %d", resp.StatusCode)
			}
		}
	}
	indistinct(t, n, func(round int) [2]func(int) {
		for i := range n + warmUp {
			a.form("198.51.100.1", fmt.Sprintf("username=here%d-%05d&password=right", round, i))
		}
		return [2]func(int){ask("here", round), ask("gone", round)}
	})
}
