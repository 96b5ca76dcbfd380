package npmregistry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
)

// transports are the ways to registries: one without a client certificate, and one for each
// that the settings have. A connection on which a certificate was shown is used for nothing
// that it is not for. It is safe for concurrent use.
type transports struct {
	settings *Settings
	plain    *http.Transport

	mu    sync.Mutex
	known map[[2]string]*http.Transport
}

// RoundTrip sends a request with the certificate that the settings have for its address.
func (t *transports) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := t.of(r.URL)
	if err != nil {
		return nil, err
	}
	return to.RoundTrip(r)
}

func (t *transports) of(u *url.URL) (*http.Transport, error) {
	cert, key, files := t.settings.certificate(u)
	if u.Scheme != "https" || cert.value == "" && key.value == "" {
		return t.plain, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	id := [2]string{cert.at, key.at}
	if to := t.known[id]; to != nil {
		return to, nil
	}
	pair, err := loadPair(cert, key, files, u.Host)
	if err != nil {
		return nil, certificateError{err}
	}
	to := t.plain.Clone()
	to.TLSClientConfig.Certificates = []tls.Certificate{pair}
	to.Proxy = func(r *http.Request) (*url.URL, error) {
		proxy, err := t.plain.Proxy(r)
		if err == nil && proxy != nil && proxy.Scheme == "https" {
			return nil, certificateError{fmt.Errorf("%s: the certificate for %s would be shown to the proxy %s, too, which is spoken to over TLS: name it with http, or take %s out with noproxy", cert.at, r.URL.Host, proxy.Host, r.URL.Hostname())}
		}
		return proxy, err
	}
	t.known[id] = to
	return to, nil
}

// A certificateError is one of the settings, which another try does not change.
type certificateError struct{ error }

func (e certificateError) Unwrap() error { return e.error }

// certificate is what the settings name as client certificate and key for an address, both
// empty for none: files below its host, or the older "cert" and "key" that hold them and
// name no host. Those are for the user's own registry and no other.
func (s *Settings) certificate(u *url.URL) (cert, key setting, files bool) {
	if found := s.of(u, "certfile", "keyfile"); len(found) > 0 {
		return found["certfile"], found["keyfile"], true
	}
	own, err := url.Parse(s.own["registry"].value)
	if err != nil || own.Host == "" {
		own = &url.URL{Host: publicHost}
	}
	if !strings.EqualFold(u.Host, own.Host) {
		return setting{}, setting{}, false
	}
	return s.inline("cert"), s.inline("key"), false
}

func (s *Settings) inline(name string) setting {
	if v := s.own[name]; v.value != "null" {
		return v
	}
	return setting{}
}

// loadPair reads a certificate and its key. No error shows what is in them.
func loadPair(cert, key setting, files bool, host string) (tls.Certificate, error) {
	names := [2]string{"cert", "key"}
	if files {
		names = [2]string{"certfile", "keyfile"}
	}
	switch {
	case cert.value == "":
		return tls.Certificate{}, fmt.Errorf("%s: %s for %s has no %s beside it", key.at, names[1], host, names[0])
	case key.value == "":
		return tls.Certificate{}, fmt.Errorf("%s: %s for %s has no %s beside it", cert.at, names[0], host, names[1])
	}
	var texts [2][]byte
	var problems []error
	for i, v := range []setting{cert, key} {
		texts[i] = []byte(strings.ReplaceAll(v.value, `\n`, "\n"))
		if !files {
			continue
		}
		text, err := readPEM(v.value)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %s for %s: %w", v.at, names[i], host, err))
		}
		texts[i] = text
	}
	if err := errors.Join(problems...); err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		at := cert.at
		if key.at != cert.at {
			at += " and " + key.at
		}
		return tls.Certificate{}, fmt.Errorf("%s: %s and %s for %s are no certificate in PEM form with its own key, without a password: %w", at, names[0], names[1], host, err)
	}
	return pair, nil
}

// readPEM reads a small regular file; "~/" is no home there, as in npm.
func readPEM(name string) ([]byte, error) {
	if strings.Contains(name, "${") {
		return nil, errors.New("names a variable that is not set")
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, fmt.Errorf("%s is no file of at most %d bytes", name, maxFile)
	}
	return os.ReadFile(name)
}
