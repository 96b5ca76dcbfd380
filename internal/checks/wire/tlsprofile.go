package wire

import (
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/tlsscan"
)

// profileOf is what the target demands of its server; nil for nothing.
func profileOf(s *check.Scan) (*tlsscan.Profile, error) {
	if s.Profile == "" {
		return nil, nil
	}
	if level, ok := tlsscan.MozillaLevel(s.Profile); ok && s.ProfileText == nil {
		return level, nil
	}
	file, pick, _ := strings.Cut(s.Profile, "#")
	return tlsscan.ReadProfile(file, s.ProfileText, pick)
}

// profileFindings are one a reason; given is the profile as it was asked for. A profile that could not be looked at whole is not
// kept: the error says what is missing.
func profileFindings(v *tlsscan.Verdict, given, addr string) ([]check.Finding, error) {
	var found []check.Finding
	for _, reason := range v.Reasons {
		e := check.Evidence{Kind: check.Packet, Where: "TLS " + addr, Seen: v.Why[reason], Command: "panoply audit --only tls --profile " + given + " " + addr}
		found = append(found, tlsRules.Find("tls/profile", reason, e).Saying("the server does not keep %s: %s: %s", v.Name, reason, v.Why[reason]).In(check.Network))
	}
	if len(v.Untested) > 0 {
		return found, fmt.Errorf("of the profile %s it could not be seen: %s", v.Name, strings.Join(v.Untested, ", "))
	}
	return found, nil
}
