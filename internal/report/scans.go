package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit"
)

// A scanned is what people read first of a scan of a TLS server.
type scanned struct {
	Of       string
	Verdicts []verdictOf
}

// A verdictOf is one judgement of a scan: whose, the word, and why.
type verdictOf struct{ By, Word, Why string }

// wholeScan has the members of a scan's report that are read here; docs/tls-scan.md tells
// all.
type wholeScan struct {
	Address string `json:"address"`
	Grade   *struct {
		Grade    string                           `json:"grade"`
		Score    int                              `json:"score"`
		Caps     []struct{ Grade, Reason string } `json:"caps"`
		Warnings []string                         `json:"warnings"`
		Untested []string                         `json:"untested"`
	} `json:"grade"`
	Mozilla      map[string]held                   `json:"mozilla"`
	Profile      *held                             `json:"profile"`
	PostQuantum  *struct{ Verdict, Reason string } `json:"post_quantum"`
	Incomplete   []string                          `json:"incomplete"`
	Certificates []struct {
		Subject    string          `json:"subject"`
		Key        string          `json:"key"`
		Bits       int             `json:"bits"`
		NotAfter   time.Time       `json:"not_after"`
		Trusted    bool            `json:"trusted"`
		NameOK     bool            `json:"name_ok"`
		Stores     map[string]bool `json:"stores"`
		Revocation string          `json:"revocation"`
	} `json:"certificates"`
}

// held is a server held against a profile.
type held struct {
	Name     string            `json:"name"`
	Pass     bool              `json:"pass"`
	Reasons  []string          `json:"reasons"`
	Why      map[string]string `json:"why"`
	Untested []string          `json:"untested"`
}

// scansOf reads the scans of a report. What is none has no verdict.
func scansOf(r *audit.Report) []scanned {
	var all []scanned
	for _, row := range r.Practices {
		for _, raw := range row.Scans {
			var w wholeScan
			if json.Unmarshal(raw, &w) != nil {
				continue
			}
			if v := w.verdicts(); len(v) > 0 {
				all = append(all, scanned{line(w.Address), v})
			}
		}
	}
	return all
}

func (w *wholeScan) verdicts() []verdictOf {
	var all []verdictOf
	add := func(by, word, why string) { all = append(all, verdictOf{line(by), line(word), line(why)}) }
	if w.Profile != nil {
		word, why := w.Profile.said()
		add("profile "+w.Profile.Name, word, why)
		delete(w.Mozilla, w.Profile.Name) // said already
	}
	if g := w.Grade; g != nil {
		why := fmt.Sprintf("score %d", g.Score)
		if len(g.Caps) > 0 {
			why = g.Caps[0].Reason
		}
		if n := len(g.Caps) - 1; n > 0 {
			why += fmt.Sprintf(", and %d more", n)
		}
		if len(g.Warnings) > 0 && len(g.Caps) == 0 {
			why += "; " + strings.Join(g.Warnings, "; ")
		}
		add("SSL Labs 2009r", g.Grade, why+unseen(g.Untested))
	}
	for _, name := range slices.SortedFunc(maps.Keys(w.Mozilla), strictest) {
		v := w.Mozilla[name]
		word, why := v.said()
		add("Mozilla "+name, word, why)
	}
	if q := w.PostQuantum; q != nil {
		add("post-quantum", q.Verdict, q.Reason)
	}
	for _, c := range w.Certificates {
		word, why := "trusted", fmt.Sprintf("%s, %s with %d bits, until %s", c.Subject, c.Key, c.Bits, c.NotAfter.UTC().Format(time.DateOnly))
		if !c.Trusted {
			word = "untrusted"
		}
		if !c.NameOK {
			why += "; for another name"
		}
		by := map[bool][]string{}
		for _, name := range slices.Sorted(maps.Keys(c.Stores)) {
			by[c.Stores[name]] = append(by[c.Stores[name]], name)
		}
		if len(by[true]) > 0 {
			why += "; by " + strings.Join(by[true], ", ")
		}
		if len(by[false]) > 0 {
			why += "; not by " + strings.Join(by[false], ", ")
		}
		if c.Revocation != "" {
			why += "; revocation: " + c.Revocation
		}
		add("certificate", word, why)
	}
	if len(w.Incomplete) > 0 && len(all) > 0 {
		add("incomplete", "yes", strings.Join(w.Incomplete, "; "))
	}
	return all
}

// strictest sorts Mozilla's levels as it lists them, the strictest first.
func strictest(a, b string) int {
	at := func(name string) int {
		return slices.IndexFunc([]string{"old", "intermediate", "modern"}, func(l string) bool { return strings.HasSuffix(name, l) })
	}
	return cmp.Or(at(b)-at(a), strings.Compare(b, a))
}

// said is the verdict in a word, and its first reason.
func (h *held) said() (word, why string) {
	if h.Pass {
		return "yes", strings.TrimPrefix(unseen(h.Untested), "; ")
	}
	if len(h.Reasons) == 0 {
		return "no", ""
	}
	why = cmp.Or(h.Why[h.Reasons[0]], h.Reasons[0])
	if rest := h.Reasons[1:]; len(rest) > 0 {
		why += "; and " + strings.Join(rest, ", ")
	}
	return "no", why + unseen(h.Untested)
}

func unseen(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; not seen: " + strings.Join(names, ", ")
}

// scans writes the verdicts below the summary, one a line.
func (p *printer) scans(r *audit.Report) {
	for _, s := range scansOf(r) {
		p.printf("\n%s\n", p.paint(bold, "TLS of "+s.Of))
		widest := 0
		for _, v := range s.Verdicts {
			widest = max(widest, len([]rune(v.By)))
		}
		widest = min(widest, 24)
		for _, v := range s.Verdicts {
			head := "  " + pad(v.By, widest) + gap + pad(v.Word, 9) + gap
			for i, l := range wrap(v.Why, max(p.style.Width-len([]rune(head)), 20)) {
				if i == 0 {
					p.printf("%s", strings.TrimRight(head+l, " ")+"\n")
				} else {
					p.printf("%s%s\n", strings.Repeat(" ", len([]rune(head))), l)
				}
			}
			if v.Why == "" {
				p.printf("%s\n", strings.TrimRight(head, " "))
			}
		}
	}
}
