package cookie_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
)

var (
	newSecret = []byte("new secret of thirty-two bytes !")
	oldSecret = []byte("old secret of thirty-two bytes !")
)

func mustSealer(t testing.TB, use string, keys ...[]byte) *cookie.Sealer {
	t.Helper()
	s, err := cookie.NewSealer(cookie.SealerOptions{Keys: keys, Use: use})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealedOpens(t *testing.T) {
	s := mustSealer(t, "session", newSecret)
	for _, n := range []int{0, 1, 2, 3, 11, 16, 300, 4093, 70_000} {
		t.Run(fmt.Sprint(n, " bytes"), func(t *testing.T) {
			plain := bytes.Repeat([]byte{0xa5}, n)
			prefix := []byte("kept")
			sealed := s.Seal(prefix, "sid", plain)
			if !bytes.HasPrefix(sealed, prefix) || len(sealed) != len(prefix)+cookie.SealedLen(n) {
				t.Fatalf("Seal appended %d bytes to %q, want %d", len(sealed)-len(prefix), prefix, cookie.SealedLen(n))
			}
			if i := bytes.IndexFunc(sealed, func(r rune) bool {
				return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", r)
			}); i >= 0 {
				t.Errorf("sealed text holds %q", sealed[i])
			}
			got, key, ok := s.Open([]byte("kept"), "sid", string(sealed[len(prefix):]))
			if want := "kept" + string(plain); string(got) != want || key != 0 || !ok {
				t.Errorf("Open(Seal(%d bytes)) = %d bytes, %d, %v, want them behind %q, 0, true", n, len(got), key, ok, prefix)
			}
		})
	}
}

// What a release has sealed, every later one must open.
func TestSealedTextOfOldOpens(t *testing.T) {
	const sealed = "S95Q0i-Fyj4EeiaTnmhIyEdc2f8KH0tK955bic01XVbJFYEZlIffAcTa3iYXqOV0nQ77OHcH"
	s := mustSealer(t, "session", newSecret, oldSecret)
	got, key, ok := s.Open(nil, "sid", sealed)
	if string(got) != `{"user":7}` || key != 1 || !ok {
		t.Errorf("Open = %q, %d, %v, want {\"user\":7}, 1, true", got, key, ok)
	}
}

func TestSealedOpensOnlyWhereItBelongs(t *testing.T) {
	const plain = "user=7"
	sealed := string(mustSealer(t, "session", oldSecret).Seal(nil, "sid", []byte(plain)))
	for _, c := range []struct {
		name string
		s    *cookie.Sealer
		as   string
		key  int
		ok   bool
	}{
		{"same", mustSealer(t, "session", oldSecret), "sid", 0, true},
		{"rotated", mustSealer(t, "session", newSecret, oldSecret), "sid", 1, true},
		{"key dropped", mustSealer(t, "session", newSecret), "sid", 0, false},
		{"other cookie", mustSealer(t, "session", oldSecret), "sie", 0, false},
		{"no name", mustSealer(t, "session", oldSecret), "", 0, false},
		{"other use", mustSealer(t, "token", oldSecret), "sid", 0, false},
		{"no use", mustSealer(t, "", oldSecret), "sid", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, key, ok := c.s.Open(nil, c.as, sealed)
			want := ""
			if c.ok {
				want = plain
			}
			if string(got) != want || key != c.key || ok != c.ok {
				t.Errorf("Open = %q, %d, %v, want %q, %d, %v", got, key, ok, want, c.key, c.ok)
			}
		})
	}
}

// Of all spellings that decode to the same bytes, one is read.
func TestSealedHasOneSpelling(t *testing.T) {
	s := mustSealer(t, "session", newSecret)
	// 45 and 46 bytes leave bits over; 48 fill the last group.
	for _, n := range []int{1, 2, 4} {
		sealed := string(s.Seal(nil, "sid", make([]byte, n)))
		stray := []byte(sealed)
		stray[len(stray)-1]++
		for name, value := range map[string]string{
			"empty":              "",
			"cut":                sealed[:len(sealed)-1],
			"padded":             sealed + "=",
			"padded twice":       sealed + "==",
			"line break at end":  sealed + "\n",
			"line break":         sealed[:10] + "\r\n" + sealed[10:],
			"line break in id":   sealed[:3] + "\n" + sealed[3:],
			"four line breaks":   sealed[:10] + "\n\n\n\n" + sealed[10:],
			"one character more": sealed + "A",
			"twice":              sealed + sealed,
			"space":              " " + sealed,
			"percent":            "%" + sealed[1:],
			"stray bits":         string(stray),
			"other alphabet":     strings.NewReplacer("-", "+", "_", "/").Replace(sealed) + "+/",
			"id only":            sealed[:8],
			"overhead only":      sealed[:59],
		} {
			t.Run(fmt.Sprint(name, " of ", n), func(t *testing.T) {
				if got, _, ok := s.Open([]byte("kept"), "sid", value); ok || string(got) != "kept" {
					t.Errorf("Open(%q) = %q, %v, want the bytes given and false", value, got, ok)
				}
			})
		}
	}
}

// The two secrets were searched for: under this use their ids are the same.
func TestSealedOpensWhenIDsCollide(t *testing.T) {
	a, b := []byte("secret number 00093517"), []byte("secret number 00039253")
	sealed := mustSealer(t, "session", b).Seal(nil, "sid", []byte("x"))
	if other := mustSealer(t, "session", a).Seal(nil, "sid", []byte("x")); !bytes.Equal(sealed[:5], other[:5]) {
		t.Fatalf("ids differ: %s and %s", sealed[:5], other[:5])
	}
	got, key, ok := mustSealer(t, "session", a, newSecret, b).Open(nil, "sid", string(sealed))
	if string(got) != "x" || key != 2 || !ok {
		t.Errorf("Open = %q, %d, %v, want x, 2, true", got, key, ok)
	}
}

func TestNewSealerTellsEveryProblem(t *testing.T) {
	for _, c := range []struct {
		name   string
		keys   [][]byte
		fields []string
	}{
		{"none", nil, []string{"Sealer.Keys"}},
		{"short", [][]byte{newSecret, []byte("fifteen bytes!!"), nil}, []string{"Sealer.Keys[1]", "Sealer.Keys[2]"}},
		{"twice", [][]byte{newSecret, oldSecret, newSecret, newSecret}, []string{"Sealer.Keys[2]", "Sealer.Keys[3]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := cookie.NewSealer(cookie.SealerOptions{Keys: c.keys})
			var fields []string
			for _, e := range guard.OptionErrors(err) {
				fields = append(fields, e.Field)
			}
			if fmt.Sprint(fields) != fmt.Sprint(c.fields) {
				t.Errorf("NewSealer complained of %v, want %v", fields, c.fields)
			}
			if err != nil && strings.Contains(err.Error(), "secret of thirty") {
				t.Errorf("error %q tells a secret", err)
			}
		})
	}
}

// Nonces are told apart by more than luck of one run: both halves change, and within a
// run only the second does.
func TestNoncesDiffer(t *testing.T) {
	s := mustSealer(t, "session", newSecret)
	halves, seconds := map[string]int{}, map[string]bool{}
	const runs, run = 4, 256
	for range runs * run {
		raw, err := base64.RawURLEncoding.DecodeString(string(s.Seal(nil, "sid", nil)))
		if err != nil {
			t.Fatal(err)
		}
		halves[string(raw[4:16])]++
		seconds[string(raw[16:28])] = true
	}
	if len(seconds) != runs*run {
		t.Errorf("%d second halves in %d values, want all different", len(seconds), runs*run)
	}
	if len(halves) != runs {
		t.Errorf("%d first halves in %d values, want %d", len(halves), runs*run, runs)
	}
	for half, n := range halves {
		if n != run {
			t.Errorf("%d values share %x, want %d", n, half, run)
		}
	}
}

func TestSealerConcurrently(t *testing.T) {
	s := mustSealer(t, "session", newSecret, oldSecret)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				plain := fmt.Sprint(i, j)
				if got, _, ok := s.Open(nil, "sid", string(s.Seal(nil, "sid", []byte(plain)))); string(got) != plain || !ok {
					t.Errorf("Open(Seal(%q)) = %q, %v", plain, got, ok)
				}
			}
		})
	}
	all.Wait()
}

func TestSealerAllocations(t *testing.T) {
	s := mustSealer(t, "session", newSecret)
	plain := make([]byte, 300)
	sealed := string(s.Seal(nil, "sid", plain))
	foreign := "AAAAAAAA" + sealed[8:]
	for _, c := range []struct {
		name string
		most float64
		f    func()
	}{
		{"seal", 2, func() { s.Seal(nil, "sid", plain) }},
		{"open", 4, func() { s.Open(nil, "sid", sealed) }}, // 3 without -race
		{"open what another key sealed", 0, func() { s.Open(nil, "sid", foreign) }},
	} {
		if got := testing.AllocsPerRun(100, c.f); got > c.most {
			t.Errorf("%s: %v allocations, want at most %v", c.name, got, c.most)
		}
	}
}

func BenchmarkSealer(b *testing.B) {
	s := mustSealer(b, "session", newSecret, oldSecret)
	for _, n := range []int{54, 300, 3000} {
		plain := make([]byte, n)
		sealed := string(s.Seal(nil, "sid", plain))
		var room []byte
		run := func(name string, f func()) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
			})
		}
		run("seal", func() { s.Seal(nil, "sid", plain) })
		run("open", func() { s.Open(nil, "sid", sealed) })
		run("seal+open", func() { s.Open(nil, "sid", string(s.Seal(nil, "sid", plain))) })
		run("seal+open, room kept", func() {
			room = s.Seal(room[:0], "sid", plain)
			s.Open(room[len(room):], "sid", sealed)
		})
	}
}
