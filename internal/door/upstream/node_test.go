package upstream_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
)

// nodeApp closes idle connections after 40 ms.
const nodeApp = `
const s = require('http').createServer((req, res) => {
  if (req.url === '/hints') res.writeEarlyHints({link: '</a.css>; rel=preload'});
  if (req.url === '/sse') { res.writeHead(200, {'content-type': 'text/event-stream'}); res.write('data: 1\n\n'); return }
  if (req.url === '/early') { res.writeHead(401, {'content-length': 2}); return res.end('no') }
  if (req.url === '/trailer') { res.writeHead(200, {trailer: 'x-sum'}); res.write('ok'); res.addTrailers({'x-sum': '7'}); return res.end() }
  let n = 0
  req.on('data', d => n += d.length)
  req.on('end', () => res.end(JSON.stringify({method: req.method, host: req.headers.host, n, trailers: req.trailers})))
})
s.keepAliveTimeout = 40
s.listen(0, '127.0.0.1', () => console.log(s.address().port))
`

func node(t *testing.T) (address string) {
	t.Helper()
	cmd := exec.Command(need.Program(t, "node"), "-e", nodeApp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + strings.TrimSpace(port)
}

func TestNode(t *testing.T) {
	f := newFullDuplex(t, node(t))
	get := func(path string) (*http.Response, string) {
		t.Helper()
		res, err := http.Get(f.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Error(path, err)
		}
		return res, string(body)
	}
	early := ""
	req, _ := http.NewRequest("GET", f.URL+"/hints", nil)
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error { early = fmt.Sprint(code, h.Get("Link")); return nil },
	}))
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != 200 || early != "103</a.css>; rel=preload" {
		t.Errorf("hints = %v, %v, early %q", res, err, early)
	} else {
		res.Body.Close()
	}
	if res, body := get("/trailer"); body != "ok" || res.Trailer.Get("X-Sum") != "7" {
		t.Errorf("trailers = %q %v, want x-sum", body, res.Trailer)
	}
	res, err := http.Post(f.URL+"/early", "text/plain", strings.NewReader(strings.Repeat("x", 8<<20)))
	if err != nil || res.StatusCode != 401 {
		t.Errorf("early = %v, %v, want 401", res, err)
	} else {
		res.Body.Close()
	}
	for _, size := range []int{1, 100_000, 5 << 20} {
		res, err := http.Post(f.URL+"/", "text/plain", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", size))})
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if want := fmt.Sprintf(`"n":%d,`, size); !strings.Contains(string(body), want) {
			t.Errorf("POST = %q, want %s", body, want)
		}
	}
	atOnce(t, f.URL+"/sse")
}

// TestNodeClosesIdleConnections asks just when Node lets go: nobody may see it.
func TestNodeClosesIdleConnections(t *testing.T) {
	f := newFront(t, node(t), nil)
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer c.CloseIdleConnections()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 40 {
				res, err := c.Get(f.URL)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != 200 {
					t.Errorf("GET = %d, want 200", res.StatusCode)
				}
				time.Sleep(35*time.Millisecond + rand.N(10*time.Millisecond))
			}
		})
	}
	wg.Wait()
}
