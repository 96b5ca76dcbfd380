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

// profileFindings are one a reason; given is the profile as it was asked for, nil has
// none.
func profileFindings(v *tlsscan.Verdict, given, addr string) []check.Finding {
	if v == nil {
		return nil
	}
	var found []check.Finding
	for _, reason := range v.Reasons {
		e := check.Evidence{Kind: check.Packet, Where: "TLS " + addr, Seen: v.Why[reason], Command: "panoply audit --only tls --profile " + given + " " + addr}
		found = append(found, tlsRules.Find("tls/profile", reason, e).Saying("the server does not keep %s: %s: %s", v.Name, reason, v.Why[reason]).In(check.Network))
	}
	return found
}

// doubtOf says what a scan did not see of what was asked of it: then nothing is proved.
func doubtOf(r *tlsscan.Report) error {
	if len(r.Incomplete) > 0 {
		return fmt.Errorf("the scan is incomplete: %s", strings.Join(r.Incomplete, "; "))
	}
	if v := r.Profile; v != nil && len(v.Untested) > 0 {
		return fmt.Errorf("of the profile %s it could not be seen: %s", v.Name, strings.Join(v.Untested, ", "))
	}
	return nil
}
