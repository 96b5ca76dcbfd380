package wire

import (
	"encoding/json"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

// faultOf is the scan's name for what the check's own handshakes show.
var faultOf = map[string]string{
	"tls/absent": "target.not-tls", "tls/handshake": "target.no-handshake", "tls/old-only": "suite.cbc", "tls/old-protocol": "protocol.tls1.0", "tls/no-tls13": "protocol.no-tls1.3",
	"tls/weak-suite": "suite.no-forward-secrecy", "tls/cbc-suite": "suite.cbc", "tls/cert-expired": "cert.expired", "tls/cert-expiring": "cert.expires-soon",
	"tls/cert-host": "cert.name-mismatch", "tls/cert-untrusted": "cert.untrusted", "tls/cert-weak": "cert.rsa-small", "tls/cert-long": "cert.lifetime-long",
}

// mendTLS gives each finding its own mend, and lines for each server program. Which of
// them answers is known only from a scan.
func mendTLS(r *check.Result) {
	var seen tlsscan.Report
	if r.Scan != nil && json.Unmarshal(r.Scan, &seen) != nil {
		return // it was marshalled by this package
	}
	server, _ := mend.Recognise(seen.Features.Server)
	for i := range r.Findings {
		f := &r.Findings[i]
		name := faultOf[f.ID]
		if f.ID == "tls/scan-fault" {
			name = f.Subject
		}
		fault, ok := mend.For(name)
		if !ok {
			continue
		}
		f.Server, f.Fixes = string(server), make(map[string]string)
		for _, s := range mend.Servers() {
			f.Fixes[string(s)] = fault.Lines(s, seen.Hybrid())
		}
		if strings.HasPrefix(name, "target.") {
			continue // where there is no TLS at all, the practice says where to end it
		}
		door := "on by default: the door holds Mozilla's intermediate configuration"
		if strings.HasPrefix(name, "cert.") || strings.HasPrefix(name, "ocsp.") {
			door = "new files in tls.certificates of panoply.yaml, then panoply reload"
		}
		f.Fix = check.Fix{Express: fault.Short(), Go: fault.Short(), Door: door}
	}
}
