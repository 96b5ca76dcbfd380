package observatory

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// recordedAnswer is the JSON of an Answer.
type recordedAnswer struct {
	Hostname  string             `json:"hostname"`
	FinalURL  string             `json:"final_url"`
	Status    int                `json:"status"`
	HTTPS     Reach              `json:"https"`
	HTTP      Reach              `json:"http"`
	Redirects []Hop              `json:"http_redirects"`
	Header    recordedHeader     `json:"headers"`
	CORS      *recordedPreflight `json:"cors"`
	Body      string             `json:"body"`
}

type recordedPreflight struct {
	Origin string         `json:"request_origin"`
	Header recordedHeader `json:"headers"`
}

// recordedHeader is an object of names in lower case, with a string for one field and a
// list for several.
type recordedHeader http.Header

// MarshalJSON writes the form in which recorded answers are kept.
func (a Answer) MarshalJSON() ([]byte, error) {
	r := recordedAnswer{
		Hostname: a.Hostname, FinalURL: a.FinalURL, Status: a.Status, HTTPS: a.HTTPS, HTTP: a.HTTP,
		Redirects: a.Redirects, Header: recordedHeader(a.Header), Body: a.Body,
	}
	if a.CORS != nil {
		r.CORS = &recordedPreflight{a.CORS.Origin, recordedHeader(a.CORS.Header)}
	}
	return json.Marshal(r)
}

// UnmarshalJSON reads the form in which recorded answers are kept.
func (a *Answer) UnmarshalJSON(data []byte) error {
	var r recordedAnswer
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	*a = Answer{
		Hostname: r.Hostname, FinalURL: r.FinalURL, Status: r.Status, HTTPS: r.HTTPS, HTTP: r.HTTP,
		Redirects: r.Redirects, Header: http.Header(r.Header), Body: r.Body,
	}
	if r.CORS != nil {
		a.CORS = &Preflight{r.CORS.Origin, http.Header(r.CORS.Header)}
	}
	return nil
}

// MarshalJSON writes an object of names in lower case.
func (h recordedHeader) MarshalJSON() ([]byte, error) {
	object := map[string]any{}
	for name, values := range h {
		if len(values) == 1 {
			object[strings.ToLower(name)] = values[0]
		} else {
			object[strings.ToLower(name)] = values
		}
	}
	return json.Marshal(object)
}

// UnmarshalJSON reads an object of names in any case.
func (h *recordedHeader) UnmarshalJSON(data []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	header := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		var one string
		if json.Unmarshal(object[name], &one) == nil {
			header.Add(name, one)
			continue
		}
		var several []string
		if err := json.Unmarshal(object[name], &several); err != nil {
			return fmt.Errorf("header %s: want a string or a list of strings: %w", name, err)
		}
		for _, value := range several {
			header.Add(name, value)
		}
	}
	*h = recordedHeader(header)
	return nil
}
