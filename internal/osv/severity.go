package osv

import (
	"strings"
)

// A Level is a severity in words. The zero value says that nobody told it.
type Level uint8

// The levels, least first.
const (
	Unknown Level = iota
	None
	Low
	Medium
	High
	Critical
)

var levels = [...]string{"unknown", "none", "low", "medium", "high", "critical"}

func (l Level) String() string {
	if int(l) < len(levels) {
		return levels[l]
	}
	return "unknown"
}

// levelOf is the level of a CVSS score.
func levelOf(score float64) Level {
	switch {
	case score >= 9:
		return Critical
	case score >= 7:
		return High
	case score >= 4:
		return Medium
	case score > 0:
		return Low
	}
	return None
}

// level computes the severity of a package's entry: from a vector of CVSS, the newest
// version first and the package's own before the record's, or else by the database's
// word.
func (r *Record) level(a *Affected) (Level, float64) {
	for _, kind := range []string{"CVSS_V4", "CVSS_V3"} {
		for _, vectors := range [][]Vector{a.Severity, r.Severity} {
			for _, v := range vectors {
				if v.Type != kind {
					continue
				}
				if score, ok := Score(v.Score); ok {
					return levelOf(score), score
				}
			}
		}
	}
	for _, word := range []string{a.EcosystemSpecific.Severity, a.DatabaseSpecific.Severity, r.DatabaseSpecific.Severity} {
		switch strings.ToLower(word) {
		case "low":
			return Low, 0
		case "moderate", "medium":
			return Medium, 0
		case "high", "important":
			return High, 0
		case "critical":
			return Critical, 0
		}
	}
	// What is made to do harm has no vector, and MAL- records have no word either.
	if strings.HasPrefix(r.ID, "MAL-") {
		return Critical, 0
	}
	return Unknown, 0
}

// Score computes the base score of a CVSS vector of version 3.0, 3.1 or 4.0. A 4.0 vector
// counts the maturity of exploits (E) as well where it tells it; other threat, temporal
// and environmental metrics are the user's business and left out. It is false where the
// text is no such vector.
func Score(vector string) (float64, bool) {
	version, rest, ok := strings.Cut(vector, "/")
	if !ok || len(vector) > 512 {
		return 0, false
	}
	m := make(map[string]string)
	for part := range strings.SplitSeq(rest, "/") {
		name, value, ok := strings.Cut(part, ":")
		if _, twice := m[name]; !ok || twice || name == "" {
			return 0, false
		}
		m[name] = value
	}
	switch version {
	case "CVSS:3.0", "CVSS:3.1":
		return score3(m, version == "CVSS:3.0")
	case "CVSS:4.0":
		return score4(m)
	}
	return 0, false
}
