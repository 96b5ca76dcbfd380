package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Health asks the door whose TCP listener is at address, a host:port on loopback, for what
// keeps it from being ready: nothing when it is. With live it asks only whether it runs.
// An error means that no door answers there.
func Health(ctx context.Context, address string, live bool) ([]string, error) {
	path := "/-/ready"
	if live {
		path = "/-/healthy"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, fmt.Errorf("no door answers on %s: %w", address, err)
	}
	client := http.Client{
		// Neither a proxy of the environment nor a redirect may answer in the door's place.
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the address is said once
		}
		return nil, fmt.Errorf("no door answers on %s: %w", address, err)
	}
	defer res.Body.Close()
	var said struct {
		Healthy, Ready *bool
		Problems       []string
	}
	// What is no JSON of the door leaves both nil.
	_ = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&said)
	switch {
	case live && said.Healthy != nil && *said.Healthy && res.StatusCode == http.StatusOK:
		return nil, nil
	case !live && said.Ready != nil && *said.Ready && res.StatusCode == http.StatusOK:
		return nil, nil
	case !live && said.Ready != nil && !*said.Ready && len(said.Problems) > 0:
		return said.Problems, nil
	}
	return nil, fmt.Errorf("what answers on %s with %d is not a door", address, res.StatusCode)
}
