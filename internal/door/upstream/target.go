package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/panoplysec/panoply/guard"
)

const (
	schemeHTTPS = "https"
	schemeH2C   = "h2c"
	// pingAfter is how long a connection of HTTP/2 may say nothing before it is asked, and
	// pingTime the time for its answer: it carries all requests, and may have died unseen.
	pingAfter = 15 * time.Second
	pingTime  = 5 * time.Second
	// streamBuffer is how much of an answer one stream of HTTP/2 may hold for a slow client.
	streamBuffer = 256 << 10
)

// settleTarget checks where the application is.
func (o *Options) settleTarget(problems *guard.Problems) {
	switch o.Network {
	case "", "tcp":
		o.Network = "tcp"
		if host, port, err := net.SplitHostPort(o.Address); err != nil || host == "" || port == "" {
			problems.Add("Address", o.Address, "host:port", "")
		}
	case "unix":
		if !filepath.IsAbs(o.Address) {
			problems.Add("Address", o.Address, "the absolute path of a socket", "")
		}
	default:
		problems.Add("Network", o.Network, "tcp or unix", "")
	}
	switch o.Scheme {
	case "", "http", schemeH2C:
		if o.TLS != nil {
			problems.Add("TLS", "", "nil without https", "")
		}
	case schemeHTTPS:
		if o.TLS != nil && o.TLS.InsecureSkipVerify {
			problems.Add("TLS", "InsecureSkipVerify", "a configuration that verifies", "name who signs the certificate in RootCAs")
		}
	default:
		problems.Add("Scheme", o.Scheme, "http, https or h2c", "")
	}
}

// host is what stands for the application in a URL, and in Host where a request has none.
func (o *Options) host() string {
	if o.Network == "unix" {
		return "localhost"
	}
	return o.Address
}

// dialer connects to the application.
func (o *Options) dialer() func(context.Context, string, string) (net.Conn, error) {
	if o.Network != "unix" {
		return dialer(o.Connect)
	}
	d, path := &net.Dialer{Timeout: o.Connect}, o.Address
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) }
}

// Reach connects to the application and lets go, TLS and the check of its certificate
// included. Of the options it needs what says where it is.
func (o Options) Reach(ctx context.Context) error {
	if err := o.settle(); err != nil {
		return err
	}
	c, err := o.dialer()(ctx, o.Network, o.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	if o.Scheme != schemeHTTPS {
		return nil
	}
	return tls.Client(c, o.tlsConfig()).HandshakeContext(ctx)
}

// Ask gets path of the application as host, within ctx, and returns nil for a status from
// 200 to 399. It is a request of the door's own, by a connection of its own.
func (o Options) Ask(ctx context.Context, host, path, agent string) error {
	if err := o.settle(); err != nil {
		return err
	}
	t := o.transport()
	t.DisableKeepAlives = true
	defer t.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base()+path, nil)
	if err != nil {
		return err
	}
	r.Host = host
	r.Header.Set("User-Agent", agent)
	res, err := t.RoundTrip(r)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 399 {
		return fmt.Errorf("upstream: answered %d", res.StatusCode)
	}
	return nil
}

// base is the beginning of the application's URLs.
func (o *Options) base() string { return o.urlScheme() + "://" + o.host() }

func (o *Options) urlScheme() string {
	if o.Scheme == schemeHTTPS {
		return schemeHTTPS
	}
	return "http"
}

// tlsConfig names the host that the certificate has to be for.
func (o *Options) tlsConfig() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		c = o.TLS.Clone()
	}
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(o.host())
	}
	return c
}

// transport makes an http.Transport for the application.
func (o *Options) transport() *http.Transport {
	t := &http.Transport{
		DialContext:            o.dialer(),
		DisableCompression:     true, // the answer's coding is between client and application
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleConnTimeout,
		ResponseHeaderTimeout:  o.Response,
		TLSHandshakeTimeout:    o.Connect,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHead,
		WriteBufferSize:        8 << 10,
		ReadBufferSize:         8 << 10,
		Protocols:              new(http.Protocols),
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTime, MaxReceiveBufferPerStream: streamBuffer},
	}
	switch o.Scheme {
	case schemeH2C:
		t.Protocols.SetUnencryptedHTTP2(true)
	case schemeHTTPS:
		t.TLSClientConfig = o.tlsConfig()
		t.Protocols.SetHTTP1(true)
		t.Protocols.SetHTTP2(true)
	default:
		t.Protocols.SetHTTP1(true)
	}
	return t
}
