package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"syscall"
)

// ErrNoDoor says that nothing listens on the socket.
var ErrNoDoor = errors.New("no door runs on this state folder; start one with panoply serve")

// Status asks for the status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.do(ctx, http.MethodGet, "/status", nil, &s)
	return s, err
}

// Switch sets a guard's mode at once: off, observe, enforce, or on for what the
// configuration says. It holds over reloads, until the door stops.
func (c *Client) Switch(ctx context.Context, guard, mode string) error {
	return c.do(ctx, http.MethodPost, "/switch", Order{guard, mode}, nil)
}

// RestoreCookies makes the door give session cookies the application's own names back,
// or rename them again.
func (c *Client) RestoreCookies(ctx context.Context, restore bool) error {
	return c.do(ctx, http.MethodPost, "/cookies", CookieOrder{restore}, nil)
}

// Reload makes the door read its configuration again. The error is what is wrong with
// it; the door then keeps the old one.
func (c *Client) Reload(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/reload", struct{}{}, nil)
}

// Upgraded is what became of an upgrade.
type Upgraded struct {
	// Process is the door's from now on.
	Process int `json:"process"`
}

// Upgrade has the door's program started again and take over. The error is why it did
// not; the door then goes on.
func (c *Client) Upgrade(ctx context.Context) (u Upgraded, err error) {
	err = c.do(ctx, http.MethodPost, "/upgrade", struct{}{}, &u)
	return u, err
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://door"+path, body)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return ErrNoDoor
	}
	if err != nil {
		return fmt.Errorf("ask the door: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return fmt.Errorf("ask the door: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		var f failure
		if json.Unmarshal(text, &f) == nil && f.Error != "" {
			return errors.New(f.Error)
		}
		return fmt.Errorf("the door answered %d", res.StatusCode)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}
