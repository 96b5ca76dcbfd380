package depreport

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
)

// What follows is OpenVEX 0.2.0, in its order and its names.
type (
	vexDocument struct {
		Context    string         `json:"@context"`
		ID         string         `json:"@id"`
		Author     string         `json:"author"`
		Timestamp  string         `json:"timestamp"`
		Version    int            `json:"version"`
		Tooling    string         `json:"tooling"`
		Statements []vexStatement `json:"statements"`
	}
	vexStatement struct {
		Vulnerability vexVulnerability `json:"vulnerability"`
		Products      []vexProduct     `json:"products"`
		Status        string           `json:"status"`
		Notes         string           `json:"status_notes,omitempty"`
		Justification string           `json:"justification,omitempty"`
		Impact        string           `json:"impact_statement,omitempty"`
		Action        string           `json:"action_statement,omitempty"`
	}
	vexVulnerability struct {
		ID          string   `json:"@id,omitempty"`
		Name        string   `json:"name"`
		Description string   `json:"description,omitempty"`
		Aliases     []string `json:"aliases,omitempty"`
	}
	vexProduct struct {
		ID            string         `json:"@id"`
		Identifiers   map[string]any `json:"identifiers"`
		Subcomponents []vexProduct   `json:"subcomponents,omitempty"`
	}
)

// The statuses of OpenVEX that a finding can have. What is mended is no finding.
const (
	affected           = "affected"
	notAffected        = "not_affected"
	underInvestigation = "under_investigation"
)

// A reason is why something is not affected.
type reason struct{ justification, impact string }

// status says what is known of a hole. Nothing is called not affected without a proof:
// that nobody was seen to import a package, or that only development needs it, is none. The
// call graph of a Go program with the symbols of the advisory is one.
func (h *hole) status() (string, reason) {
	if r := h.Dependency.Reachability; r != nil && h.Dependency.Ecosystem == string(lockfile.Go) {
		switch r.Label {
		case check.NotCalled:
			return notAffected, reason{"vulnerable_code_not_in_execute_path", "no call of the app leads to what the advisory names"}
		case check.NotImported:
			return notAffected, reason{"vulnerable_code_not_present", "no package of the advisory is linked into the app"}
		}
	}
	if h.Confidence == check.Firm || h.Confidence == check.Tentative {
		// A range that holds more than what runs, such as the least version of go.mod.
		return underInvestigation, reason{}
	}
	return affected, reason{}
}

func vexID(purl string) vexProduct {
	return vexProduct{ID: purl, Identifiers: map[string]any{"purl": purl}}
}

func (s *Subject) openVEX() (any, error) {
	doc := vexDocument{
		Context: "https://openvex.dev/ns/v0.2.0", Author: "panoply", Timestamp: s.Time.UTC().Format(time.RFC3339), Version: 1,
		Tooling: strings.TrimSpace("panoply " + s.Version), Statements: []vexStatement{},
	}
	app := s.project().App()
	for _, h := range s.holes() {
		d := h.Dependency
		product := vexID(app)
		product.Subcomponents = []vexProduct{vexID(h.purl())}
		status, why := h.status()
		x := vexStatement{
			Vulnerability: vexVulnerability{ID: h.url(), Name: d.Advisory, Description: h.summary(), Aliases: d.Aliases},
			Products:      []vexProduct{product}, Status: status, Notes: h.note(), Justification: why.justification, Impact: why.impact,
		}
		switch {
		case status == affected && h.ignored != nil:
			x.Action = "none: " + h.note()
		case status == affected:
			x.Action = h.advice()
		}
		if x.Notes == "" && d.Dev {
			x.Notes = "for development only, by " + cmp.Or(h.file, "the lockfile")
		}
		doc.Statements = append(doc.Statements, x)
	}
	slices.SortStableFunc(doc.Statements, func(a, b vexStatement) int {
		return cmp.Or(cmp.Compare(a.Vulnerability.Name, b.Vulnerability.Name), cmp.Compare(a.Products[0].Subcomponents[0].ID, b.Products[0].Subcomponents[0].ID))
	})
	doc.Statements = slices.CompactFunc(doc.Statements, func(a, b vexStatement) bool {
		return a.Vulnerability.Name == b.Vulnerability.Name && a.Products[0].Subcomponents[0].ID == b.Products[0].Subcomponents[0].ID && a.Status == b.Status && a.Notes == b.Notes
	})
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	// The content decides the name, so that equal documents are one.
	id := sha256.Sum256(text)
	id[6] = id[6]&0x0f | 0x80 // a UUID of version 8, RFC 9562: of our own making
	id[8] = id[8]&0x3f | 0x80
	doc.ID = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
	return doc, nil
}
