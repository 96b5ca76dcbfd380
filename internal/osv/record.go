package osv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// A Record is what is kept of one advisory.
type Record struct {
	ID        string     `json:"id"`
	Modified  time.Time  `json:"modified"`
	Withdrawn *time.Time `json:"withdrawn,omitempty"`
	// Aliases are ids of the same hole elsewhere, such as its CVE.
	Aliases          []string    `json:"aliases,omitempty"`
	Summary          string      `json:"summary,omitempty"`
	Severity         []Vector    `json:"severity,omitempty"`
	Affected         []Affected  `json:"affected"`
	References       []Reference `json:"references,omitempty"`
	DatabaseSpecific specific    `json:"database_specific,omitzero"`
}

// A Vector is a severity as the record has it: "CVSS_V3" and "CVSS:3.1/AV:N/…".
type Vector struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

// Affected is one package of an advisory with its versions.
type Affected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Ranges            []Range  `json:"ranges,omitempty"`
	Versions          []string `json:"versions,omitempty"`
	Severity          []Vector `json:"severity,omitempty"`
	DatabaseSpecific  specific `json:"database_specific,omitzero"`
	EcosystemSpecific specific `json:"ecosystem_specific,omitzero"`
}

// A Range is a list of versions at which something changes.
type Range struct {
	Type   string  `json:"type"`
	Events []Event `json:"events"`
}

// An Event has one of its fields.
type Event struct {
	Introduced   string `json:"introduced,omitempty"`
	Fixed        string `json:"fixed,omitempty"`
	LastAffected string `json:"last_affected,omitempty"`
	Limit        string `json:"limit,omitempty"`
}

// A Reference is an address about the advisory.
type Reference struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// specific is what is kept of the parts that each database fills as it likes: a word for
// the severity, the weaknesses, and of Go's database the symbols. Of another shape they
// are nothing.
type specific struct {
	Severity string   `json:"severity,omitempty"`
	CWEIDs   []string `json:"cwe_ids,omitempty"`
	Imports  []Import `json:"imports,omitempty"`
	// LastKnown is how GitHub ends a range that no release mends: "< 0.20.2".
	LastKnown string `json:"last_known_affected_version_range,omitempty"`
}

// An Import is a package of Go that has the hole.
type Import struct {
	Path string `json:"path"`
	// Symbols are its functions and methods, "Parse" and "Decoder.Decode". None means all.
	Symbols []string `json:"symbols,omitempty"`
	// GOOS and GOARCH are the systems that have the hole; none means all.
	GOOS   []string `json:"goos,omitempty"`
	GOARCH []string `json:"goarch,omitempty"`
}

func (s *specific) UnmarshalJSON(text []byte) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) == nil {
		json.Unmarshal(fields["severity"], &s.Severity)
		json.Unmarshal(fields["cwe_ids"], &s.CWEIDs)
		json.Unmarshal(fields["last_known_affected_version_range"], &s.LastKnown)
		if json.Unmarshal(fields["imports"], &s.Imports) != nil {
			s.Imports = nil
		}
	}
	return nil
}

// withdrawn says whether a record has been taken back; it may be told beforehand.
func (r *Record) withdrawn(now time.Time) bool { return r.Withdrawn != nil && !r.Withdrawn.After(now) }

// Parse reads one record.
func Parse(text []byte) (*Record, error) {
	r := new(Record)
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("is no OSV record: %w", err)
	}
	if len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return nil, fmt.Errorf("has something after the record %.40q", r.ID)
	}
	if r.ID == "" {
		return nil, fmt.Errorf("is no OSV record: it has no id")
	}
	for _, a := range r.Affected {
		for _, g := range a.Ranges {
			for _, e := range g.Events {
				n := 0
				for _, field := range []string{e.Introduced, e.Fixed, e.LastAffected, e.Limit} {
					if field != "" {
						n++
					}
				}
				if n != 1 && g.Type != "GIT" {
					return nil, fmt.Errorf("has a range of %.80q whose event names %d versions, want one", a.Package.Name, n)
				}
			}
		}
	}
	return r, nil
}
