package redisstore

import (
	"crypto/tls"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/guard"
)

const (
	// DefaultPrefix is in front of the keys of sessions and limits.
	DefaultPrefix = "panoply:"
	// DefaultTimeout bounds one call.
	DefaultTimeout = 500 * time.Millisecond

	maxTimeout = 30 * time.Second
)

// Options configure a Store, or Limits.
type Options struct {
	// Address is where the server listens, as "host:port", or the path of a unix socket.
	// Several are nodes of one Cluster, of which the others are learnt. Required.
	Address []string
	// Username and Password are sent with AUTH; empty for none. They are never in an
	// error.
	Username, Password string
	// DB is the number of the database. A Cluster has only 0.
	DB int
	// TLS makes connections of TLS. Nil is plain TCP: for loopback, or a network that
	// nobody else is on.
	TLS *tls.Config
	// Prefix is in front of every key of a session or a limit. Empty is DefaultPrefix. Two
	// apps that share a server need two prefixes. For Limits it has no braces.
	Prefix string
	// Timeout bounds each call, connecting included, beside the caller's own context. Zero
	// is DefaultTimeout; at most 30 seconds.
	Timeout time.Duration
	// Cache keeps what was loaded in this process, too, until the server says that it has
	// changed (Redis client-side caching). A read then often needs no round trip; a logout
	// through another process is seen when its message arrives, usually within a
	// millisecond, but while a connection hangs only after Timeout. Default: off. Limits
	// are never cached.
	Cache bool
}

// Effective returns the options with every default in its place.
func (o Options) Effective() Options {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return o
}

func (o Options) problems() error {
	p := guard.Problems{Package: "redisstore"}
	if len(o.Address) == 0 {
		p.Add("Address", "", `one or more of "host:port", or the path of a socket`, "")
	}
	for _, a := range o.Address {
		if strings.HasPrefix(a, "/") {
			if len(o.Address) > 1 {
				p.Add("Address", a, "a socket alone", "nodes of a Cluster have a host and a port")
			}
			continue
		}
		i := strings.LastIndexByte(a, ':')
		if i <= 0 || strings.Contains(a, "://") {
			p.Add("Address", a, `"host:port", or the path of a socket`, `a URL's parts go into Username, Password, DB and TLS`)
			continue
		}
		if n, err := strconv.ParseUint(a[i+1:], 10, 16); err != nil || n == 0 {
			p.Add("Address", a, "a port from 1 to 65535", "")
		}
	}
	if o.DB < 0 {
		p.Add("DB", strconv.Itoa(o.DB), "zero or more", "")
	}
	if o.DB > 0 && len(o.Address) > 1 {
		p.Add("DB", strconv.Itoa(o.DB), "0 with several addresses", "a Cluster has one database")
	}
	if o.Username != "" && o.Password == "" {
		p.Add("Password", "", "the password of Username", "")
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		p.Add("Timeout", o.Timeout.String(), "zero (500ms) to "+maxTimeout.String(), "")
	}
	return p.Err()
}
