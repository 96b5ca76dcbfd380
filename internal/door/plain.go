package door

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// plainAnswer is the whole answer for plain HTTP on the TLS port: the neutral 400 page
// with the guards' headers. What was asked is not looked at.
func (d *Door) plainAnswer() []byte {
	g := d.current.Load()
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		return nil // unreachable: the arguments are constant
	}
	r.Header.Set("Accept", "text/html")
	w := &page{header: http.Header{}}
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.guards.conceal.Page(w, r, http.StatusBadRequest)
	})
	g.guards.headers.Handler(g.guards.conceal.Handler(answer)).ServeHTTP(w, r)
	return w.bytes()
}

// page is a ResponseWriter that keeps the answer.
type page struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (p *page) Header() http.Header { return p.header }

func (p *page) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

func (p *page) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.body.Write(b)
}

// bytes writes the answer as HTTP/1.1.
func (p *page) bytes() []byte {
	p.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	p.header.Set("Connection", "close")
	p.header.Set("Content-Length", strconv.Itoa(p.body.Len()))
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", p.status, http.StatusText(p.status))
	_ = p.header.Write(&b) // into memory
	b.WriteString("\r\n")
	b.Write(p.body.Bytes())
	return b.Bytes()
}
