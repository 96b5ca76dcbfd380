package tlsscan_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

// A list says what to put into a revocation list; zero is an empty one of today.
type list struct {
	revoked  []*x509.Certificate
	reason   int
	from, to time.Duration // from now; zero is yesterday and tomorrow
	extra    []pkix.Extension
}

func (l list) make(t *testing.T, by *authority) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(l.from - 24*time.Hour), NextUpdate: time.Now().Add(l.to + 24*time.Hour), ExtraExtensions: l.extra}
	for _, c := range l.revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now().Add(-time.Hour), ReasonCode: l.reason})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, by.cert, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func parsed(t *testing.T, c tls.Certificate) *x509.Certificate {
	t.Helper()
	x, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// issuing is the critical extension that says what a list is about (RFC 5280 section
// 5.2.5).
func issuing(t *testing.T, content ...asn1.RawValue) []pkix.Extension {
	t.Helper()
	var all []byte
	for _, c := range content {
		der, err := asn1.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, der...)
	}
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: all})
	if err != nil {
		t.Fatal(err)
	}
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: der}}
}

// at is the distribution point of a list by its address.
func at(t *testing.T, address string) asn1.RawValue {
	t.Helper()
	name, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(address)})
	if err != nil {
		t.Fatal(err)
	}
	full, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: name})
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: full}
}

// TestLists holds what lists that are given say, and which of them say nothing.
func TestLists(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	inter := newAuthority(t, "intermediate", root, 1000*time.Hour)
	thief := newAuthority(t, "intermediate", nil, 1000*time.Hour) // the name, and another key
	cert := leaf{crl: []string{"http://crl.test/7.crl"}}.make(t, inter)
	it := parsed(t, cert)
	cert.Certificate = append(cert.Certificate, inter.cert.Raw)
	addr := serve(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	yes := asn1.RawValue{Class: asn1.ClassContextSpecific, Bytes: []byte{0xff}}
	onlyCAs, onlyUsers := yes, yes
	onlyCAs.Tag, onlyUsers.Tag = 2, 1
	day := 24 * time.Hour
	for _, tc := range []struct {
		name  string
		lists [][]byte
		want  string
		why   string // in not_tested or the evidence
	}{
		{name: "none given", want: "", why: "--crl"},
		{name: "not on it", lists: [][]byte{list{}.make(t, inter)}, want: "good"},
		{name: "on it", lists: [][]byte{list{revoked: []*x509.Certificate{it}, reason: 1}.make(t, inter)}, want: "revoked", why: "its key was taken"},
		{name: "on the second", lists: [][]byte{list{}.make(t, inter), list{revoked: []*x509.Certificate{it}}.make(t, inter)}, want: "revoked"},
		{name: "off hold", lists: [][]byte{list{revoked: []*x509.Certificate{it}, reason: 8}.make(t, inter)}, want: "good"},
		{name: "the issuer is on its authority's", lists: [][]byte{list{revoked: []*x509.Certificate{inter.cert}}.make(t, root), list{}.make(t, inter)}, want: "revoked", why: "in the chain"},
		{name: "not on one that has ended", lists: [][]byte{list{to: -25 * time.Hour}.make(t, inter)}, want: "unknown", why: "ended on"},
		{name: "on one that has ended", lists: [][]byte{list{to: -25 * time.Hour, revoked: []*x509.Certificate{it}}.make(t, inter)}, want: "revoked"},
		{name: "not yet of today", lists: [][]byte{list{from: 3 * day, to: 5 * day}.make(t, inter)}, want: "unknown", why: "begins on"},
		{name: "another authority's", lists: [][]byte{list{revoked: []*x509.Certificate{it}}.make(t, root)}, want: "unknown", why: "no list or answer is about"},
		{name: "signed by a stranger", lists: [][]byte{list{revoked: []*x509.Certificate{it}}.make(t, thief)}, want: "unknown", why: "not signed by it"},
		{name: "about authorities only", lists: [][]byte{list{extra: issuing(t, onlyCAs)}.make(t, inter)}, want: "unknown", why: "no list or answer is about"},
		{name: "about users only", lists: [][]byte{list{extra: issuing(t, onlyUsers)}.make(t, inter)}, want: "good"},
		{name: "its own part", lists: [][]byte{list{extra: issuing(t, at(t, "http://crl.test/7.crl"))}.make(t, inter)}, want: "good"},
		{name: "another part", lists: [][]byte{list{extra: issuing(t, at(t, "http://crl.test/8.crl"))}.make(t, inter)}, want: "unknown", why: "no list or answer is about"},
		{name: "changes only", lists: [][]byte{list{extra: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}}.make(t, inter)}, want: "unknown", why: "critical extension"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := tlsscan.Options{ServerName: "app.test", Roots: []*x509.Certificate{root.cert}}
			for _, der := range tc.lists {
				lists, err := tlsscan.ReadCRLs(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
				if err != nil {
					t.Fatal(err)
				}
				o.CRLs = append(o.CRLs, lists...)
			}
			r, err := tlsscan.Scan(t.Context(), addr, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Certificates[0].Revocation; got != tc.want || slices.Contains(r.Findings, "cert.revoked") != (tc.want == "revoked") {
				t.Errorf("revocation is %q with findings %v, want %q", got, r.Findings, tc.want)
			}
			if said := r.NotTested["cert.revoked"] + r.Evidence["cert.revoked"]; !strings.Contains(said, tc.why) || tc.want == "good" && said != "" {
				t.Errorf("said is %q, want %q in it", said, tc.why)
			}
		})
	}
}

// TestFetchRevocation asks an authority on loopback, which answers in many ways, once.
func TestFetchRevocation(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	other := newAuthority(t, "other", nil, 1000*time.Hour)
	var hits atomic.Int32
	var cert *x509.Certificate
	answer := func(t *testing.T, by *authority, status int) []byte {
		der, err := ocsp.CreateResponse(by.cert, by.cert, ocsp.Response{Status: status, SerialNumber: cert.SerialNumber, ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
			RevokedAt: time.Now().Add(-time.Hour)}, by.key)
		if err != nil {
			t.Error(err)
		}
		return der
	}
	for _, tc := range []struct {
		name           string
		ocsp, crl      func(t *testing.T, w http.ResponseWriter, r *http.Request)
		ask, untrusted bool
		want, why      string
		hits           int32
		onlyCRL        bool
	}{
		{name: "nobody is asked unasked", hits: 0, why: "--fetch-revocation"},
		{name: "good", ask: true, hits: 1, want: "good", ocsp: func(t *testing.T, w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if q, err := ocsp.ParseRequest(body); err != nil || q.SerialNumber.Cmp(cert.SerialNumber) != 0 {
				t.Errorf("the request is %v, %v", q, err)
			}
			w.Write(answer(t, root, ocsp.Good))
		}},
		{name: "revoked", ask: true, hits: 1, want: "revoked", ocsp: func(t *testing.T, w http.ResponseWriter, r *http.Request) { w.Write(answer(t, root, ocsp.Revoked)) }},
		{name: "the responder is down, the list has it", ask: true, hits: 2, want: "revoked",
			ocsp: func(t *testing.T, w http.ResponseWriter, r *http.Request) {
				http.Error(w, "no", http.StatusServiceUnavailable)
			},
			crl: func(t *testing.T, w http.ResponseWriter, r *http.Request) {
				w.Write(list{revoked: []*x509.Certificate{cert}}.make(t, root))
			}},
		{name: "the responder is a stranger, the list clears", ask: true, hits: 2, want: "good",
			ocsp: func(t *testing.T, w http.ResponseWriter, r *http.Request) { w.Write(answer(t, other, ocsp.Revoked)) },
			crl:  func(t *testing.T, w http.ResponseWriter, r *http.Request) { w.Write(list{}.make(t, root)) }},
		{name: "unknown, and no list", ask: true, hits: 2, want: "unknown", why: "status 404",
			ocsp: func(t *testing.T, w http.ResponseWriter, r *http.Request) { w.Write(answer(t, root, ocsp.Unknown)) },
			crl:  func(t *testing.T, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }},
		{name: "an answer without an end", ask: true, hits: 2, want: "unknown", why: "no certificate revocation list",
			ocsp: func(t *testing.T, w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 1<<20)) },
			crl:  func(t *testing.T, w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }},
		{name: "silence", ask: true, hits: 1, want: "unknown", why: "deadline", onlyCRL: true, crl: func(t *testing.T, w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{name: "sent elsewhere by https", ask: true, hits: 1, want: "unknown", why: "no address by http", onlyCRL: true,
			crl: func(t *testing.T, w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://127.0.0.1/", http.StatusFound)
			}},
		{name: "a certificate from nowhere asks nobody", ask: true, untrusted: true, hits: 0, want: "unknown", why: "so nobody was asked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			hits.Store(0)
			ca := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hits.Add(1)
				if r.URL.Path == "/ocsp" {
					tc.ocsp(t, w, r)
				} else {
					tc.crl(t, w, r)
				}
			}))
			defer ca.Close()
			l := leaf{crl: []string{ca.URL + "/crl"}, ocsp: []string{ca.URL + "/ocsp"}}
			if tc.onlyCRL {
				l.ocsp = nil
			}
			c := l.make(t, root)
			cert = parsed(t, c)
			c.Certificate = append(c.Certificate, root.cert.Raw)
			o := tlsscan.Options{ServerName: "app.test", FetchRevocation: tc.ask, Roots: []*x509.Certificate{root.cert}}
			if tc.untrusted {
				o.Roots = nil
			}
			if tc.why == "deadline" {
				o.Timeout = 2 * time.Second // it is waited for
			}
			r, err := tlsscan.Scan(t.Context(), serve(t, &tls.Config{Certificates: []tls.Certificate{c}}), o)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Certificates[0].Revocation; got != tc.want || hits.Load() != tc.hits || len(r.Asked) != int(tc.hits) {
				t.Errorf("revocation is %q after %d requests of %v, want %q after %d", got, hits.Load(), r.Asked, tc.want, tc.hits)
			}
			if said := r.NotTested["cert.revoked"]; !strings.Contains(said, tc.why) {
				t.Errorf("not tested says %q, want %q in it", said, tc.why)
			}
			if tc.want == "revoked" && r.Grade.Grade != "T" {
				t.Errorf("a revoked certificate has the grade %s", r.Grade.Grade)
			}
		})
	}
}

// TestStores holds each store's own word, and its path.
func TestStores(t *testing.T) {
	root, other := newAuthority(t, "root", nil, 1000*time.Hour), newAuthority(t, "other", nil, 1000*time.Hour)
	inter := newAuthority(t, "intermediate", root, 1000*time.Hour)
	c := leaf{}.make(t, inter)
	c.Certificate = append(c.Certificate, inter.cert.Raw)
	r, err := tlsscan.Scan(t.Context(), serve(t, &tls.Config{Certificates: []tls.Certificate{c}}), tlsscan.Options{ServerName: "app.test", Stores: []tlsscan.Store{
		{Name: "ours.pem", Roots: []*x509.Certificate{root.cert}}, {Name: "theirs.pem", Roots: []*x509.Certificate{other.cert}}}})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Certificates[0]
	if !got.Trusted || !got.Stores["ours.pem"] || got.Stores["theirs.pem"] || got.Stores["system"] || len(got.Stores) != 3 {
		t.Errorf("stores say %v, trusted %t", got.Stores, got.Trusted)
	}
	if want := []string{"CN=app.test", "CN=intermediate", "CN=root"}; !slices.Equal(got.Paths["ours.pem"], want) || len(got.Paths) != 1 {
		t.Errorf("paths are %v, want %v of ours.pem alone", got.Paths, want)
	}
	if r.Notes["cert.stores"] != "not trusted by theirs.pem" {
		t.Errorf("the notes are %v", r.Notes)
	}
}
