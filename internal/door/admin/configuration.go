package admin

import (
	"context"
	"net/http"
)

// ConfigurationControl is what the socket asks of a door about its configuration.
type ConfigurationControl interface {
	// Configuration lists every value that is in force, and is never nil.
	Configuration() []Setting
}

// A Setting is one value that is in force in the door. Secrets are in files, so the value
// is at most the name of one.
type Setting struct {
	// Path is the key, such as "bounds.head_timeout".
	Path string `json:"path"`
	// Value is as it would be written in the file.
	Value string `json:"value"`
	// Origin is where it came from: "default", "panoply.yaml:3" or "--listen".
	Origin string `json:"origin"`
	// Stays says that a reload keeps it whatever the file says: it was given when the
	// door was started.
	Stays bool `json:"stays,omitempty"`
	// Fixed says that a reload which would change it is refused.
	Fixed bool `json:"fixed,omitempty"`
}

func serveConfiguration(mux *http.ServeMux, c ConfigurationControl) {
	mux.HandleFunc("GET /configuration", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.Configuration()) })
}

// Configuration asks for every value that is in force.
func (c *Client) Configuration(ctx context.Context) (all []Setting, err error) {
	err = c.do(ctx, http.MethodGet, "/configuration", nil, &all)
	return all, err
}
