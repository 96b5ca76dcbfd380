package depreport

import (
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/osv"
	"github.com/panoplysec/panoply/internal/sbom"
)

func (s *Subject) cycloneDX() (any, error) {
	p := s.project()
	for _, h := range s.holes() {
		d := h.Dependency
		v := sbom.Vulnerability{
			ID: d.Advisory, URL: h.url(), Aliases: d.Aliases, Summary: h.summary(), Severity: h.level(), Vector: h.vector(),
			Advice: h.advice(), Ecosystem: d.Ecosystem, Name: d.Name, Version: d.Version,
			State: "in_triage", Detail: h.note(),
		}
		v.Score, _ = strconv.ParseFloat(d.CVSS, 64) // 0 where there is none
		for _, id := range h.cwes() {
			if n, err := strconv.Atoi(strings.TrimPrefix(id, "CWE-")); err == nil && n > 0 {
				v.CWEs = append(v.CWEs, n)
			}
		}
		switch status, why := h.status(); {
		case h.ignored != nil:
			// Somebody answers for it; that it does no harm is not proved by that.
			v.State, v.Response = "exploitable", []string{"will_not_fix"}
		case status == notAffected:
			v.State, v.Why, v.Detail = "not_affected", "code_not_reachable", why.impact
		}
		p.Vulnerabilities = append(p.Vulnerabilities, v)
	}
	return p.CycloneDX()
}

// level is the severity in CycloneDX's words: unknown where nobody told it.
func (h *hole) level() string {
	if h.hit != nil && h.hit.Level == osv.Unknown {
		return "unknown"
	}
	switch h.Severity {
	case check.Critical:
		return "critical"
	case check.High:
		return "high"
	case check.Medium:
		return "medium"
	case check.Low:
		return "low"
	}
	return "info"
}
