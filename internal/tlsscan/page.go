package tlsscan

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// page asks for "/" on a finished connection and reads Strict-Transport-Security. A
// server that asks for a certificate shows here whether it insists.
func (s *scan) page(ctx context.Context, c io.ReadWriter, asked bool) {
	head, err := s.get(c)
	if asked {
		s.mu.Lock()
		s.features.ClientAuth = "requested"
		s.mu.Unlock()
		var a wire.Alert
		if err != nil && (errors.As(err, &a) || hungUp(err)) {
			s.demanded(ctx)
			return
		}
	}
	s.headers(head, err)
}

// demanded notes that there is no page without a certificate, and shows one if given.
func (s *scan) demanded(ctx context.Context) {
	s.mu.Lock()
	s.features.ClientAuth = "required"
	s.mu.Unlock()
	s.say("target.client-cert-required", "the server ends every handshake without a certificate of the client")
	if s.o.ClientCertificate == nil {
		s.skip("http.hsts-missing", "the server demands a client certificate, and none was given")
		return
	}
	raw, err := s.dial(ctx)
	if err != nil {
		s.skip("http.hsts-missing", err.Error())
		return
	}
	defer raw.Close()
	c := tls.Client(raw, &tls.Config{
		InsecureSkipVerify: true, ServerName: s.name, Certificates: []tls.Certificate{*s.o.ClientCertificate},
		NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS10,
	})
	head, err := s.get(c)
	s.headers(head, err)
}

func (s *scan) headers(head textproto.MIMEHeader, err error) {
	if err != nil {
		s.skip("http.hsts-missing", "no page came: "+err.Error())
		return
	}
	s.banner(head)
	age := maxAge(head.Get("Strict-Transport-Security"))
	s.mu.Lock()
	s.features.HSTS, s.features.sentHSTS = &age, head.Get("Strict-Transport-Security") != ""
	s.altSvc = alternatives(head.Get("Alt-Svc"))
	s.features.Redirect = head.Get("Location")
	for _, at := range s.altSvc {
		s.features.AltSvc = append(s.features.AltSvc, at.String())
	}
	s.mu.Unlock()
	switch {
	case age == 0:
		s.say("http.hsts-missing", "the page has no Strict-Transport-Security with a max-age")
	case age < 63072000:
		s.say("http.hsts-short", "Strict-Transport-Security has a max-age of %d seconds, less than two years", age)
	}
}

// maxHead is how much of an answer is read.
const maxHead = 32 << 10

// host is what the request asks for.
func (s *scan) host() (string, error) {
	_, port, _ := net.SplitHostPort(s.addr)
	host := s.o.ServerName
	if port != "443" {
		host = net.JoinHostPort(host, port)
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if strings.ContainsAny(host, "\r\n /") {
		return "", fmt.Errorf("%q is no host", host)
	}
	return host, nil
}

func (s *scan) get(c io.ReadWriter) (textproto.MIMEHeader, error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	request := "GET / HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: panoply\r\nAccept: */*\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(c, request); err != nil {
		return nil, err
	}
	return readHead(c)
}

// readHead reads the status line and the fields of an answer, and nothing after.
func readHead(r io.Reader) (textproto.MIMEHeader, error) {
	t := textproto.NewReader(bufio.NewReader(io.LimitReader(r, maxHead)))
	for range 4 { // informational answers come before the one that counts
		line, err := t.ReadLine()
		if err != nil {
			return nil, err
		}
		version, status, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(version, "HTTP/") {
			return nil, errors.New("the service does not speak HTTP")
		}
		head, err := t.ReadMIMEHeader()
		if err != nil && !(errors.Is(err, io.EOF) && len(head) > 0) {
			return nil, err
		}
		if !strings.HasPrefix(status, "3") {
			head.Del("Location") // it leads somewhere in a redirect alone
		}
		if !strings.HasPrefix(status, "1") {
			return head, nil
		}
	}
	return nil, errors.New("the service sends informational answers only")
}

// maxAge reads the directive as browsers do, which read nothing of a value that has it
// twice (RFC 6797 section 6.1); 0 is none.
func maxAge(value string) int {
	found := -1
	for part := range bytes.SplitSeq([]byte(value), []byte(";")) {
		name, age, _ := strings.Cut(strings.TrimSpace(string(part)), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "max-age") {
			continue
		}
		n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(age), `"`))
		if err != nil || n < 0 || found >= 0 {
			return 0
		}
		found = n
	}
	return max(found, 0)
}
