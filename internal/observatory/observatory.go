// Package observatory scores one recorded answer of a site the way MDN's HTTP
// Observatory does: the same result codes, passes, modifiers, score and grade, by the
// algorithm of its development head (6) or of its last published package (4).
//
//	report, err := observatory.Score(observatory.Answer{
//		Hostname: "shop.example.com",
//		FinalURL: "https://shop.example.com/",
//		Status:   200,
//		HTTPS:    observatory.Reach{Available: true, Verified: true},
//		Header:   response.Header,
//		Body:     string(body),
//	}, observatory.Options{})
//
// The rules are kept as they run, odd ones included: max-age=abc passes, frame-ancestors
// in a meta element earns its bonus, a broken percent escape in one of two policies makes
// both invalid. A reader who wants a verdict on the site, not on its Observatory score,
// asks the audit.
//
// It does not fetch anything: the caller records the answer and brings the preload list.
// Four places part from the original. Where it gives up with an exception, because a
// script's address is no URL or (algorithm 6) a redirect's host has no dot, Score carries
// on. Host names outside ASCII are turned into Punycode without most of the Unicode
// mapping of IDNA. Sources with characters beyond Latin-1 sort by code point, not by
// language. In algorithm 4 the parser of golang.org/x/net stands for jsdom's; they differ
// on raw text inside a select and where elements are nested more than 512 deep.
//
// Sources: https://github.com/mdn/mdn-http-observatory (src/analyzer, src/grader),
// https://github.com/fb55/htmlparser2 (how algorithm 6 reads HTML),
// https://github.com/salesforce/tough-cookie (which cookies are kept) and
// https://github.com/remusao/tldts (which hosts are one site).
package observatory

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Version selects the algorithm.
type Version int

// The algorithms. The zero value is the newest.
const (
	// V6 is the algorithm of the development head: twelve tests.
	V6 Version = iota
	// V4 is the algorithm of the package 1.4.8 on npm: ten tests.
	V4
)

// Number is the version as the Observatory counts it: 6 or 4.
func (v Version) Number() int {
	if v == V4 {
		return 4
	}
	return 6
}

// String is Number in decimal.
func (v Version) String() string { return strconv.Itoa(v.Number()) }

// Options are what is not part of the answer. The zero value is algorithm 6 with an
// empty preload list.
type Options struct {
	// Version is the algorithm.
	Version Version
	// Preload is the list of hosts that browsers only reach over HTTPS.
	Preload PreloadList
}

// An Answer is what a scan of one site has recorded. Text is decoded text, not bytes:
// a header in Latin-1 has to be decoded by the caller.
type Answer struct {
	// Hostname is the site that was asked for, in lower case.
	Hostname string
	// FinalURL is the page that Header and Body belong to, after redirects.
	FinalURL string
	// Status is the status of that page.
	Status int
	// HTTPS and HTTP say what answers on the two schemes.
	HTTPS, HTTP Reach
	// Redirects is the chain of the plain-HTTP request, first and last address included.
	Redirects []Hop
	// Header is the header of the page. Several fields of one name are judged as
	// several; Fetched joins them as the Observatory's own client does.
	Header http.Header
	// CORS is the answer to the preflight; nil when there was none.
	CORS *Preflight
	// Body is the page.
	Body string
}

// Reach says whether one scheme of a site answers.
type Reach struct {
	// Available is false when nothing answers.
	Available bool `json:"available"`
	// Verified is false when the certificate chain does not hold. On plain HTTP it is
	// about the addresses that the redirects lead to.
	Verified bool `json:"verified"`
}

// A Hop is one address of a chain of redirects.
type Hop struct {
	URL    string `json:"url"`
	Status int    `json:"status"`
}

// A Preflight is the answer to an OPTIONS request with an Origin.
type Preflight struct {
	// Origin is the origin that was sent. A live scan of the Observatory loses it and so
	// never finds a reflected origin: leave it empty to get that verdict.
	Origin string
	// Header is the header of the answer.
	Header http.Header
}

// Score does not grade every answer. The errors it returns match one of these.
var (
	// ErrDown: neither scheme answers.
	ErrDown = errors.New("the site does not answer")
	// ErrStatus: the status is not 2xx, 3xx, 401 or 403.
	ErrStatus = errors.New("the status is not one that is graded")
	// ErrURL: FinalURL is not an absolute http or https address.
	ErrURL = errors.New("the final URL is not an absolute http or https address")
)

// Score grades an answer. Its time is linear in the size of the answer.
func Score(a Answer, o Options) (Report, error) {
	if !a.HTTPS.Available && !a.HTTP.Available {
		return Report{}, ErrDown
	}
	if a.Status < 200 || a.Status >= 400 && a.Status != 401 && a.Status != 403 {
		return Report{}, fmt.Errorf("%w: %d", ErrStatus, a.Status)
	}
	final, ok := parseAddress(a.FinalURL, nil)
	if !ok || final.scheme != "http" && final.scheme != "https" {
		return Report{}, fmt.Errorf("%w: %.200q", ErrURL, a.FinalURL)
	}
	return grade(verdicts(newSite(a, o, final)), o.Version), nil
}

// verdicts runs the tests in the order in which the Observatory lists them.
func verdicts(s *site) []Test {
	policy := cspTest(s)
	hsts := hstsTest(s)
	tests := []Test{
		policy.test,
		cookieTest(s, hsts.Pass),
		corsTest(s),
		redirectionTest(s),
		referrerTest(s),
		hsts,
		integrityTest(s),
		sniffTest(s),
		frameTest(s, policy.frameAncestors),
		resourcePolicyTest(s),
	}
	if s.version == V4 {
		return tests
	}
	return append(tests[:2:2], append([]Test{embedderTest(s), openerTest(s)}, tests[2:]...)...)
}

// site is an answer with what several tests need of it.
type site struct {
	Answer
	version Version
	preload PreloadList
	final   address
	page    page
}

func newSite(a Answer, o Options, final address) *site {
	s := &site{Answer: a, version: o.Version, preload: o.Preload, final: final}
	if s.readable() {
		s.page = readPage(a.Body, o.Version)
		if !htmlTypes[s.mime()] {
			s.page.policies, s.page.referrer = nil, ""
		}
	}
	return s
}

// readable reports whether scripts are looked for. Algorithm 6 also does so in a page
// without a media type, whose meta elements it does not look at.
func (s *site) readable() bool {
	mime := s.mime()
	return htmlTypes[mime] || mime == "" && s.version != V4
}
