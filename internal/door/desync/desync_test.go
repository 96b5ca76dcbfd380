package desync_test

import (
	"strings"
	"sync"
	"testing"
)

// players is how many cases are played at once.
const players = 16

// every runs play for each of n, some at once.
func every(n int, play func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range players {
		wg.Go(func() {
			for i := range next {
				play(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// TestRequests plays the cases over HTTP/1.1.
func TestRequests(t *testing.T) {
	attack(t, load(t, "requests.txt"), (*house).play)
}

// TestHTTP2 plays the cases over HTTP/2, which becomes HTTP/1.1 on its way.
func TestHTTP2(t *testing.T) {
	cases := load(t, "http2.txt")
	for _, c := range cases {
		c.text = strings.ReplaceAll(c.text, " ", `\x1f`) // between words; a blank in one is \s
	}
	attack(t, cases, (*house).play2)
}

func attack(t *testing.T, cases []*testCase, play func(*house, *testCase, string, []want) error) {
	texts := make([]string, len(cases))
	for i, c := range cases {
		texts[i] = c.bytes(t)
	}
	for _, p := range pairs {
		for name, start := range map[string]func(*testing.T) *backend{"recording": recording, "node": nodeServer} {
			t.Run(p.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				h := open(t, p, start(t), nil)
				errs, others := make([]error, len(cases)), make([]error, len(cases))
				every(len(cases), func(i int) {
					c := cases[i]
					if c.wants(p.name == "own") == nil {
						return
					}
					errs[i] = play(h, c, texts[i], c.wants(p.name == "own"))
					others[i] = h.other("/" + c.id + "other")
				})
				h.end() // after which nothing more reaches the application
				if _, wrong := h.app.of("-"); len(wrong) > 0 {
					t.Errorf("the application was sent what can be read in two ways:\n%s", strings.Join(wrong, "\n"))
				}
				for i, c := range cases {
					if c.wants(p.name == "own") == nil {
						continue
					}
					seen, _ := h.app.of(c.id)
					t.Run(c.name, func(t *testing.T) {
						if errs[i] != nil {
							t.Error(errs[i])
						}
						if others[i] != nil {
							t.Error("the next client: ", others[i])
						}
						if err := judge(c, c.wants(p.name == "own"), seen); err != nil {
							t.Error(err)
						}
					})
				}
			})
		}
	}
}
