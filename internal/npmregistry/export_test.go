package npmregistry

import (
	"net/http"
	"net/url"
	"time"
)

// Hurry has tries follow each other at once.
func Hurry() { pause = time.Millisecond }

// Credential is what is sent to an address.
var Credential = (*Settings).credential

// ProxyOf is the proxy by which an address is asked; nil for none.
func ProxyOf(c *Client, u *url.URL) (*url.URL, error) {
	return c.http.Transport.(*transports).plain.Proxy(&http.Request{URL: u})
}
