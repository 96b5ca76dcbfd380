package doctor

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/panoplysec/panoply/certs"
)

// A caaRecord is one record of RFC 8659 section 4.1.
type caaRecord struct {
	critical   bool
	tag, value string
}

// parseCAA reads the data of a record.
func parseCAA(data []byte) (r caaRecord, ok bool) {
	if len(data) < 2 {
		return r, false
	}
	n := int(data[1])
	if n == 0 || len(data) < 2+n {
		return r, false
	}
	tag := strings.ToLower(string(data[2 : 2+n]))
	if strings.ContainsFunc(tag, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') }) {
		return r, false
	}
	return caaRecord{critical: data[0]&0x80 != 0, tag: tag, value: string(data[2+n:])}, true
}

// issuer is the domain of an issue property, "" for nobody.
func (r caaRecord) issuer() string {
	domain, _, _ := strings.Cut(r.value, ";")
	return strings.ToLower(strings.Trim(domain, " \t"))
}

// caa returns the records that hold for a name, and the name that has them: the nearest on
// the way to the root that has any.
//
// Source: RFC 8659 section 3.
func (r *Resolver) caa(ctx context.Context, name string) (records []caaRecord, at string, err error) {
	for at = name; at != ""; _, at, _ = strings.Cut(at, ".") {
		answers, err := r.ask(ctx, at, typeCAA)
		if errors.Is(err, errNoName) {
			continue
		}
		if err != nil {
			return nil, at, err
		}
		for _, a := range answers {
			body, ok := a.Body.(*dnsmessage.UnknownResource)
			if !ok {
				continue
			}
			one, ok := parseCAA(body.Data)
			if !ok {
				return nil, at, fmt.Errorf("%s has a CAA record that cannot be read", at)
			}
			records = append(records, one)
		}
		if len(records) > 0 {
			return records, at, nil
		}
	}
	return nil, "", nil
}

// authorities are the names by which CAs are called in CAA records, for the organisation
// that stands in the certificates they issue.
var authorities = map[string][]string{
	"Let's Encrypt":             {"letsencrypt.org"},
	"Google Trust Services":     {"pki.goog"},
	"Google Trust Services LLC": {"pki.goog"},
	"ZeroSSL":                   {"sectigo.com", "zerossl.com"},
	"Sectigo Limited":           {"sectigo.com", "comodoca.com"},
	"DigiCert Inc":              {"digicert.com", "digicert.ne.jp", "symantec.com"},
	"GlobalSign nv-sa":          {"globalsign.com"},
	"Amazon":                    {"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"},
	"SSL Corporation":           {"ssl.com"},
	"SSL Corp":                  {"ssl.com"},
	"Entrust, Inc.":             {"entrust.net"},
	"GoDaddy.com, Inc.":         {"godaddy.com", "starfieldtech.com"},
	"Microsoft Corporation":     {"microsoft.com"},
	"Buypass AS-983163327":      {"buypass.com"},
	"Actalis S.p.A.":            {"actalis.it"},
	"IdenTrust":                 {"identrust.com"},
}

// firstAuthority is whom most sites without a certificate will ask.
const firstAuthority = "Let's Encrypt"

// checkCAA tells whether the CA of each site may issue for it again.
func checkCAA(ctx context.Context, o *Options) []Line {
	var lines []Line
	for _, site := range o.public() {
		l := Line{Check: "caa", Subject: site, Verdict: NotChecked}
		if o.Resolver == nil {
			l.Found, l.Do = noResolver, "name one with --resolver"
		} else {
			records, at, err := o.Resolver.caa(ctx, site)
			l.caa(records, at, err, o.authority(site))
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return []Line{{"caa", "", NotChecked, "no site has a name for which a public CA issues", ""}}
	}
	return lines
}

// authority is the organisation that issued the certificate of a site.
func (o *Options) authority(site string) string {
	for _, c := range o.Config.TLS.Certificates {
		pair, err := certs.LoadPair(certs.Pair{Cert: c.Cert, Key: c.Key})
		if err != nil || pair.Leaf == nil || pair.Leaf.VerifyHostname(site) != nil {
			continue
		}
		return organisation(pair.Leaf)
	}
	return firstAuthority
}

func organisation(leaf *x509.Certificate) string {
	if len(leaf.Issuer.Organization) > 0 {
		return leaf.Issuer.Organization[0]
	}
	return cmp.Or(leaf.Issuer.CommonName, "a CA without a name")
}

// caa judges the records for who issued the certificate.
func (l *Line) caa(records []caaRecord, at string, err error, by string) {
	if err != nil {
		l.Verdict, l.Found, l.Do = Warning, err.Error(), "a CA that hears this refuses too: mend the name server of the zone"
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "does not answer") {
			l.Verdict, l.Do = NotChecked, ""
		}
		return
	}
	var allowed []string
	for _, r := range records {
		switch {
		case r.tag == "issue":
			allowed = append(allowed, r.issuer())
		case r.critical && !slices.Contains([]string{"issuewild", "iodef", "contactemail", "contactphone", "issuemail", "issuevmc"}, r.tag):
			l.Verdict, l.Found = Problem, fmt.Sprintf("%s has the critical CAA property %q, for which a CA refuses", at, r.tag)
			l.Do = "remove the record"
			return
		}
	}
	names, known := authorities[by]
	mayNames := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
	switch {
	case len(allowed) == 0:
		l.Verdict, l.Found = OK, "no CAA record keeps any CA from issuing"
	case len(mayNames) == 0:
		l.Verdict, l.Found = Problem, fmt.Sprintf("the CAA record of %s lets no CA issue", at)
		l.Do = fmt.Sprintf("add: %s. CAA 0 issue \"%s\"", at, cmp.Or(append(names, "the name of your CA")[0]))
	case !known:
		l.Verdict, l.Found = NotChecked, fmt.Sprintf("the CAA record of %s lets %s issue; by which name %s goes there is not known here", at, strings.Join(mayNames, ", "), by)
	case slices.ContainsFunc(names, func(n string) bool { return slices.Contains(mayNames, n) }):
		l.Verdict, l.Found = OK, fmt.Sprintf("the CAA record of %s lets %s issue", at, by)
	default:
		l.Verdict, l.Found = Problem, fmt.Sprintf("the CAA record of %s lets %s issue, but not %s", at, strings.Join(mayNames, ", "), by)
		l.Do = fmt.Sprintf("add: %s. CAA 0 issue \"%s\"", at, names[0])
	}
}
