package npmregistry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"time"
)

// A statusError is an answer that is none of success.
type statusError int

func (s statusError) Error() string {
	text := fmt.Sprintf("answers %d %s", int(s), http.StatusText(int(s)))
	if s >= 300 && s < 400 {
		text += ", and a redirect is not followed"
	}
	return text
}

func (s statusError) Is(target error) bool {
	return target == fs.ErrNotExist && int(s) == http.StatusNotFound
}

// again is an error after which another try may end otherwise.
type again struct{ error }

func (a again) Unwrap() error { return a.error }

// tries asks until there is an answer, or an error that another try does not change.
func tries(ctx context.Context, ask func() ([]byte, error)) ([]byte, error) {
	for try := 1; ; try++ {
		text, err := ask()
		if !errors.As(err, new(again)) || try == maxTries {
			return text, err
		}
		select {
		case <-time.After(pause << (try - 1)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// do sends a request and returns the body of an answer of success, which the caller closes.
func (c *Client) do(r *http.Request, credential string) (io.ReadCloser, error) {
	if credential != "" {
		r.Header.Set("Authorization", credential)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		var verification *tls.CertificateVerificationError
		if errors.As(err, &verification) || errors.As(err, new(certificateError)) {
			return nil, err
		}
		if refused := new(net.OpError); errors.As(err, &refused) && refused.Op == "remote error" {
			return nil, fmt.Errorf("%w (where it asks for a client certificate: the settings of npm name one with //%s/:certfile and //%[2]s/:keyfile)", err, r.URL.Host)
		}
		return nil, again{err}
	}
	switch code := answer.StatusCode; {
	case code == http.StatusOK:
		return answer.Body, nil
	case code == http.StatusTooManyRequests || code >= 500:
		err = again{statusError(code)}
	default:
		err = statusError(code)
	}
	return nil, errors.Join(err, answer.Body.Close())
}

// readAll reads and closes an answer of at most so many bytes.
func readAll(body io.ReadCloser, most int64) ([]byte, error) {
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, most+1))
	switch {
	case err != nil:
		return nil, again{fmt.Errorf("breaks its answer off: %w", err)}
	case int64(len(text)) > most:
		return nil, fmt.Errorf("answers with more than %d MiB", most>>20)
	}
	return text, nil
}
