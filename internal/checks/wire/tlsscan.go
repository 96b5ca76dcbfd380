package wire

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/tlsscan"
)

// A scanned server is what a whole scan says, for the check and for the report.
type scanned struct {
	report *tlsscan.Report
	doc    json.RawMessage
	found  []check.Finding
}

// scanTLS scans the server where the target asks for it, and tells what no rule of its own
// is for. Faults of implementations are tried only where active probes
// may be sent. A scan that may lack something comes with an error beside it.
func scanTLS(ctx context.Context, s *check.Session) (*scanned, error) {
	want := s.Target.Scan
	if want == nil {
		return nil, nil
	}
	addr, ip, err := dialled(ctx, s)
	if err != nil {
		return nil, err
	}
	o := tlsscan.Options{
		ServerName: want.ServerName, Roots: want.Roots, Resolver: want.Resolver, ClientCertificate: want.ClientCertificate, Passive: !s.Active && !ip.IsLoopback(),
		CRLs: want.CRLs, FetchRevocation: want.FetchRevocation,
	}
	for _, x := range want.Stores {
		o.Stores = append(o.Stores, tlsscan.Store(x))
	}
	if o.Profile, err = profileOf(want); err != nil {
		return nil, err
	}
	if o.ServerName == "" {
		o.ServerName = s.URL.Hostname()
	}
	if len(want.Logs) > 0 {
		if o.Logs, err = tlsscan.ReadLogs(strings.NewReader(string(want.Logs))); err != nil {
			return nil, err
		}
	}
	r, err := tlsscan.Scan(ctx, addr, o)
	if err != nil {
		return nil, err
	}
	doc, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	out := &scanned{report: r, doc: doc}
	for _, name := range r.Findings {
		severity, ok := scanSeverity[name]
		if !ok {
			continue // judgeScan tells it under a rule of its own, or it is advice
		}
		e := check.Evidence{Kind: check.Packet, Where: "TLS " + addr, Seen: r.Evidence[name], Command: "panoply audit --only tls --format json " + addr}
		f := tlsRules.Find("tls/scan-fault", name, e).Saying("%s: %s", name, r.Evidence[name]).In(check.Network)
		f.Severity = severity
		out.found = append(out.found, f)
	}
	out.found = append(out.found, profileFindings(r.Profile, want.Profile, addr)...)
	return out, doubtOf(r)
}

// dialled is the address to scan, looked up once, so that what is probed is what was
// judged to be loopback.
func dialled(ctx context.Context, s *check.Session) (string, netip.Addr, error) {
	host, port := s.URL.Hostname(), s.URL.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[s.URL.Scheme]
	}
	if a := s.Target.Address; a != "" {
		if h, p, err := net.SplitHostPort(a); err == nil {
			host, port = h, p
		} else {
			host = a
		}
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", netip.Addr{}, err
	}
	// IPv4 first: a name of this machine often listens there alone.
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return a.Unmap().BitLen() - b.Unmap().BitLen() })
	ip := ips[0].Unmap()
	return net.JoinHostPort(ip.String(), port), ip, nil
}

// scanSeverity has the scan's findings that no rule of this check tells already. What is
// not here is advice: it is in the scan's report only.
var scanSeverity = map[string]check.Severity{
	"protocol.sslv2": check.High, "protocol.sslv3": check.High,
	"suite.null": check.High, "suite.anon": check.High, "suite.export": check.High, "suite.des": check.High,
	"kex.dh-weak": check.Medium, "kex.dh-composite": check.High, "kex.curve-weak": check.Medium,
	"tls.heartbleed": check.Critical, "tls.ccs-injection": check.High, "tls.robot": check.High, "tls.ticketbleed": check.High,
	"tls.drown": check.High, "tls.poodle": check.High, "tls.freak": check.High, "tls.logjam": check.High, "tls.compression": check.Medium,
	"tls.insecure-renegotiation": check.Medium, "tls.client-renegotiation": check.Low, "tls.no-fallback-scsv": check.Low, "tls.early-data": check.Low,
	"cert.sct-invalid": check.Medium, "cert.self-signed": check.High, "cert.chain-incomplete": check.Medium, "cert.chain-order": check.Low,
	"cert.intermediate-expired": check.High, "cert.no-san": check.High, "cert.sha1": check.Medium, "cert.unreadable": check.High, "cert.rsa-exponent": check.High,
	"cert.revoked": check.Critical, "cert.roca": check.Critical, "cert.rsa-factored": check.Critical,
	"ocsp.revoked": check.Critical, "ocsp.stale": check.Medium, "ocsp.signature-invalid": check.Medium, "ocsp.unknown": check.Medium, "ocsp.must-staple-missing": check.High,
}
