package crawl

import (
	"errors"
	"io"
	"net/url"
)

// ReadHAR reads the pages and routes of one origin from a HAR file.
func ReadHAR(io.Reader, *url.URL) ([]Seed, error) { return nil, errors.New("not built yet") }

// ReadOpenAPI reads the routes of a description.
func ReadOpenAPI([]byte, *url.URL) ([]Seed, error) { return nil, errors.New("not built yet") }
