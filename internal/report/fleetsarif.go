package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// fleetSARIF writes a log of one run over all members, for code scanning takes twenty
// runs a file at most. The rules stand before the first result, so that nothing has to
// be kept but them.
type fleetSARIF struct {
	w        io.Writer
	o        Options
	book     *rulebook
	some     bool
	unproven []sarifNotification
}

// maxNotes is how many members that told nothing are named in a log.
const maxNotes = 1000

func newFleetSARIF(w io.Writer, o Options) (FleetWriter, error) {
	// Rules of the engine itself are known before it has found anything.
	all := new(audit.Report)
	for _, rule := range audit.Rules() {
		all.Findings = append(all.Findings, check.Finding{ID: rule.ID})
	}
	f := &fleetSARIF{w: w, o: o, book: newRulebook(all, o.Checks)}
	head, err := json.Marshal(struct {
		Tool              sarifTool        `json:"tool"`
		AutomationDetails sarifAutomation  `json:"automationDetails"`
		Taxonomies        []sarifComponent `json:"taxonomies,omitempty"`
		ColumnKind        string           `json:"columnKind"`
		RedactionTokens   []string         `json:"redactionTokens"`
	}{sarifTool{f.book.driver(o.Version)}, sarifAutomation{"panoply-audit/fleet/"}, f.book.taxonomies(), "utf16CodeUnits", []string{redact.Mask}})
	if err != nil {
		return nil, fmt.Errorf("report: writing SARIF: %w", err)
	}
	_, err = fmt.Fprintf(w, "{\"$schema\":%q,\"version\":\"2.1.0\",\"runs\":[\n%s,\n\"results\":[", sarifSchema, inertJSON(head[:len(head)-1]))
	return f, err
}

func (f *fleetSARIF) Add(m *Member) error {
	if gaps := m.Gaps(); len(gaps) > 0 && len(f.unproven) < maxNotes {
		f.unproven = append(f.unproven, sarifNotification{"note", message(m.name() + " is not whole: " + gaps[0])})
	}
	if m.Report == nil {
		return nil
	}
	r := clean(m.Report)
	for i := range r.Findings {
		if err := f.result(m, sarifResultOf(r, f.book, &r.Findings[i])); err != nil {
			return err
		}
	}
	for i := range r.Ignored {
		x := sarifResultOf(r, f.book, &r.Ignored[i].Finding)
		x.Suppressions = []sarifSuppression{suppression(&r.Ignored[i])}
		if err := f.result(m, x); err != nil {
			return err
		}
	}
	return nil
}

// result writes one result. Code scanning shall tell servers of one host apart, which
// differ by the port or the name that is asked for and share a fingerprint.
func (f *fleetSARIF) result(m *Member, x sarifResult) error {
	if own, ok := x.Fingerprints["primaryLocationLineHash"]; ok {
		sum := sha256.Sum256([]byte(own + " " + m.name()))
		x.Fingerprints["primaryLocationLineHash"] = hex.EncodeToString(sum[:8]) + ":1"
	}
	if _, ok := f.book.index[x.RuleID]; !ok {
		x.RuleIndex = -1 // a rule of its own id only
	}
	text, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("report: writing SARIF: %w", err)
	}
	_, err = f.w.Write(append([]byte(separator(&f.some)), inertJSON(text)...))
	return err
}

func (f *fleetSARIF) Close(s Summary) error {
	text, err := json.Marshal(struct {
		Invocations []sarifInvocation `json:"invocations"`
		Properties  map[string]any    `json:"properties"`
	}{[]sarifInvocation{{Successful: s.Incomplete == 0 && !s.Stopped, Notifications: f.unproven}}, map[string]any{"summary": s}})
	if err != nil {
		return fmt.Errorf("report: writing SARIF: %w", err)
	}
	_, err = fmt.Fprintf(f.w, "\n],\n%s]}\n", inertJSON(text[1:]))
	return err
}
