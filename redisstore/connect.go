package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("redisstore: the store is closed")

// retryAfter keeps requests from trying to connect all the time.
const retryAfter = 100 * time.Millisecond

// connection makes the client when it is first needed: a process starts whether or not
// its Redis is there yet.
type connection struct {
	option  rueidis.ClientOption
	timeout time.Duration
	address string

	client atomic.Pointer[bounded]
	health *health

	mu      sync.Mutex
	closed  bool
	trying  chan struct{} // closed when the attempt under way ends; nil: none is
	err     error         // of the last attempt
	retryAt time.Time
}

func newConnection(o Options) *connection {
	c := &connection{timeout: o.Timeout, address: strings.Join(o.Address, ","), health: newHealth()}
	c.option = rueidis.ClientOption{
		InitAddress: o.Address, Username: o.Username, Password: o.Password, SelectDB: o.DB,
		TLSConfig: o.TLS, Dialer: net.Dialer{Timeout: o.Timeout},
		ConnWriteTimeout: o.Timeout, DisableCache: !o.Cache,
		// A quarter of the default: sessions are small, and so is the process then.
		ReadBufferEachConn: 1 << 17, WriteBufferEachConn: 1 << 17,
		DialCtxFn: c.dial,
	}
	return c
}

func (c *connection) dial(ctx context.Context, address string, d *net.Dialer, t *tls.Config) (conn net.Conn, err error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	if t != nil {
		conn, err = (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, network, address)
	} else {
		conn, err = d.DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	return watched{conn, c.health}, nil
}

// use calls f with the client and a context that ends in time, and says in an error where
// it happened.
func (c *connection) use(ctx context.Context, what string, f func(ctx context.Context, client rueidis.Client) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	client, err := c.get(ctx)
	if err == nil {
		err = f(ctx, client)
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		return fmt.Errorf("redisstore: %s at %s: %w", what, c.address, err)
	}
	return err
}

func (c *connection) ping(ctx context.Context) error {
	return c.use(ctx, "ping", func(ctx context.Context, client rueidis.Client) error {
		return client.Do(ctx, client.B().Ping().Build()).Error()
	})
}

func (c *connection) get(ctx context.Context) (rueidis.Client, error) {
	if client := c.client.Load(); client != nil {
		return client, nil
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	if c.trying == nil {
		if time.Now().Before(c.retryAt) {
			err := c.err
			c.mu.Unlock()
			return nil, err
		}
		c.trying = make(chan struct{})
		go c.try(c.trying)
	}
	trying := c.trying
	c.mu.Unlock()
	select {
	case <-trying:
	case <-ctx.Done():
		return nil, fmt.Errorf("connect: %w", ctx.Err())
	}
	if client := c.client.Load(); client != nil {
		return client, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	return nil, c.err
}

func (c *connection) try(done chan struct{}) {
	client, err := rueidis.NewClient(c.option)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(done)
	c.trying = nil
	switch {
	case err != nil:
		c.err, c.retryAt = fmt.Errorf("connect: %w", err), time.Now().Add(retryAfter)
	case c.closed:
		client.Close()
	default:
		c.client.Store(&bounded{client, c.health})
	}
}

func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	if client := c.client.Swap(nil); client != nil {
		client.Close()
	}
}
