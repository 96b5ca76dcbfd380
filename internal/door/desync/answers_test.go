package desync_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAnswers plays applications that lie about where their answers end. Behind each case
// others ask, of whom each has to get the answer that is theirs.
func TestAnswers(t *testing.T) {
	cases := load(t, "answers.txt")
	byPath := map[string][]string{}
	for _, c := range cases {
		text := strings.NewReplacer("{wait}", `\x1e`, "{later}", `\x1e`, "{end}", `\x1e\x1d`).Replace(c.text)
		one := *c
		one.text = text
		byPath["/"+c.id+"p"] = strings.Split(one.bytes(t), "\x1e")
	}
	for _, p := range pairs {
		for _, protocol := range []string{"http/1.1", "h2"} {
			t.Run(p.name+"/"+protocol, func(t *testing.T) {
				t.Parallel()
				app := recording(t)
				app.answer = func(path string) ([]string, bool) {
					pieces, ok := byPath[path]
					return pieces, ok
				}
				h := open(t, p, app, nil)
				tr := &http.Transport{TLSClientConfig: insecure(protocol), ForceAttemptHTTP2: protocol == "h2"}
				defer tr.CloseIdleConnections()
				client := &http.Client{Transport: tr, Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				// One after another: who is wronged by a case is known then.
				for _, c := range cases {
					wants := c.wants(p.name == "own")
					if wants == nil {
						continue
					}
					t.Run(c.name, func(t *testing.T) {
						if err := h.asks(client, c, wants[0]); err != nil {
							t.Error(err)
						}
						if strings.Contains(c.text, "{later}") {
							time.Sleep(100 * time.Millisecond)
						}
						for i := range 3 {
							if err := h.other(fmt.Sprintf("/%sother%d", c.id, i)); err != nil {
								t.Error("the next client: ", err)
							}
						}
					})
				}
				if _, wrong := app.of("-"); len(wrong) > 0 {
					t.Errorf("the application was sent %q", wrong)
				}
			})
		}
	}
}

// asks gets a lying answer and tells whether the client got what the case says.
func (h *house) asks(client *http.Client, c *testCase, w want) error {
	method := http.MethodGet
	if strings.HasPrefix(c.name, "HEAD ") {
		method = http.MethodHead
	}
	req, err := http.NewRequest(method, "https://"+h.Addr().String()+"/"+c.id+"p", nil)
	if err != nil {
		return err
	}
	req.Host = "localhost"
	res, err := client.Do(req)
	status, body := "cut", []byte(nil)
	if err == nil {
		body, err = io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil {
			status = fmt.Sprint(res.StatusCode)
		}
	}
	if !contains(w.status, status) || status < "500" && string(body) != w.body {
		return fmt.Errorf("the answer is %s %.100q, %v, want %v %.100q", status, body, err, w.status, w.body)
	}
	return nil
}
