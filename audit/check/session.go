package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Target is what is audited. At least one of URL and Folder is given.
type Target struct {
	// URL is the address that users type: http or https, a host, and perhaps a port
	// and a path.
	URL string
	// Address is dialled in place of the URL's host, as host:port or host, when the
	// name does not lead there yet. Empty means the name is looked up, once.
	Address string
	// Plain is the host:port where plain HTTP is expected to redirect to the URL.
	// Empty means port 80 of the same host when the URL's port is 443, and otherwise
	// that it is not known.
	Plain string
	// Upstream is the address of the app behind a door, as host:port or http URL.
	// With it the audit tells the door's work from the app's, and looks for a way
	// around the door. Empty means not known.
	Upstream string
	// Folder holds the app's source. Its files are data: nothing in them is run,
	// expanded or contacted.
	Folder string
	// Advisories is the path of OSV records: a folder, a .jsonl, .jsonl.gz, .json or .zip
	// file, or an index made of them. It is the caller's choice and never the folder's.
	// Empty means that there are none, and that nothing is said of known holes.
	Advisories string
	// Registry is asked about the folder's packages too; nil asks nobody. It is the
	// caller's choice and never the folder's.
	Registry Registry
	// Documents are those of registries about the folder's packages, for their signatures.
	// They are the caller's choice and never the folder's. Nil means that no signature is
	// looked at.
	Documents Documents
	// Reachability lets the go command load the folder's packages, so that findings of Go
	// modules say whether the app calls what is vulnerable; see internal/goreach for what
	// that runs. False means that nothing is run, and that it is not known.
	Reachability bool
	// GoTags are the build tags for that, joined by commas; empty for none.
	GoTags string
	// Credentials are header lines, "Cookie: sid=…" or "Authorization: Bearer …",
	// joined by "\n", with which a user is logged in. They go to the target only, and
	// into no report. Empty means that only visitors are looked at.
	Credentials string
	// Login is the path of a HAR file with a recorded login, to be played again.
	// Credentials and Login exclude each other.
	Login string
	// HAR and OpenAPI are paths of files that name pages and routes to look at beside
	// those that are linked.
	HAR, OpenAPI string
	// Guess says which login active checks try with wrong passwords.
	Guess Guess
	// Forge says which routes active checks send what another site could send.
	Forge Forge
	// Scan asks for a whole scan of the TLS server, by which the check of TLS then judges
	// instead of by a few handshakes of its own; nil asks for none.
	Scan *Scan
}

// A Scan says how to scan a TLS server. The zero Scan is ready to use. Faults of
// implementations are tried on loopback addresses, and elsewhere where active probes are
// permitted.
type Scan struct {
	// ServerName is asked for and has to be in the certificate; empty is the URL's host.
	ServerName string
	// Logs is a list of certificate transparency logs in JSON, by which timestamps are
	// checked; empty only counts them.
	Logs []byte
	// ClientCertificate opens a server that demands one; nil for none.
	ClientCertificate *tls.Certificate
	// Roots are trusted beside the system's, as one store; Stores are further ones, each
	// with a word of its own.
	Roots  []*x509.Certificate
	Stores []Store
	// CRLs are lists of revoked certificates. FetchRevocation asks the authorities of
	// trusted certificates too; they learn of the scan.
	CRLs            []*x509.RevocationList
	FetchRevocation bool
	// Profile demands what a server may do: modern, intermediate or old are Mozilla's
	// levels, FILE or FILE#NAME names ProfileText, which has the shape of Mozilla's
	// guideline in JSON. Empty demands nothing.
	Profile     string
	ProfileText []byte
	// Alone says that no other practice is looked at: then no pages are crawled, and of
	// redirects to plain HTTP the front page's alone is judged.
	Alone bool
	// Resolver is HOST:PORT of the DNS resolver to ask about the name; empty is the
	// system's, for public names only.
	Resolver string
}

// A Store is a set of trusted roots with a name.
type Store struct {
	Name  string
	Roots []*x509.Certificate
}

// A Guess names the login that active checks try with wrong passwords. The zero value
// means the form that the crawl found, and names that nobody has.
type Guess struct {
	// Route is a method and a path of the target, "POST /login", where no page shows
	// the form.
	Route string
	// UserField and PasswordField are the names of the fields; empty means those of the
	// form, or username and password.
	UserField, PasswordField string
	// Format is how the route takes them: "form", "json" or "basic". Empty means form.
	Format string
	// User is a name that the app knows, to see whether answers tell it from others.
	// Its account may be locked for a while. Empty means that this is not looked at.
	User string
	// Tries is how many wrong passwords a series has. Zero means 30; more than
	// [MaxTogether] and less than 5 are refused.
	Tries int
}

// A Forge names routes that change something, beside the forms that the crawl found, for
// active checks to send what another site could make a visitor's browser send. The zero
// value means the forms alone.
type Forge struct {
	// Routes are methods and paths of the target, "POST /cart"; "GET /ws" is one that
	// becomes a WebSocket. They are sent for real, several times each. More than
	// [MaxForged] are refused.
	Routes []string
	// Format is how the routes take their fields where no form says so: "form" or "json".
	// Empty means form.
	Format string
	// Fields are what the routes are sent, as in a query: "id=1&qty=2". They go before
	// the values of a form that leads there. In JSON, numbers, true, false and null stand
	// as such. Empty means those of the form, or none.
	Fields string
}

// MaxForged is how many routes a [Forge] takes.
const MaxForged = 20

// A Session is one target during one run.
type Session struct {
	// Target is what was given.
	Target Target
	// URL is the parsed Target.URL with a path; nil when there is none.
	URL *url.URL
	// Upstream is the parsed Target.Upstream; nil when it is not known.
	Upstream *url.URL
	// Wire sends requests; nil when there is no URL.
	Wire Prober
	// Loopback says that every address dialled for URL is a loopback address.
	Loopback bool
	// Active says that probes may be sent that could change something: it was asked for,
	// and control of the host is proved.
	Active bool
	// Roots verifies certificates: the system's and those given to the run.
	Roots *x509.CertPool
	// Crawl returns the site as far as it was walked. The walk is made when the first
	// check asks, and shared. The error says why it ended early; what it saw until then
	// counts. Nil when there is no URL.
	Crawl func(context.Context) (*Site, error)
	// Login logs in afresh as the recording did; nil when there is no recording.
	Login Login
	// Folder is the audited folder, read only; links that lead out of it are not
	// followed. Nil when there is none.
	Folder fs.FS
	// Idle is how long a session may be left unused to see whether it ends by itself.
	// Zero means that nobody waits.
	Idle time.Duration
	// Scorer is the version of MDN's HTTP Observatory that grades: "v6" or "v4".
	Scorer string

	mu     sync.Mutex
	shared map[any]func() any
}

// Shared returns what was made under the key, and makes it when nobody has: work that
// several checks need, such as reading the source, is done once for a session. The key
// is of an unexported type, as with contexts.
func (s *Session) Shared(key any, made func() any) any {
	s.mu.Lock()
	if s.shared == nil {
		s.shared = make(map[any]func() any)
	}
	once := s.shared[key]
	if once == nil {
		once = sync.OnceValue(made)
		s.shared[key] = once
	}
	s.mu.Unlock()
	return once()
}

// A Login is a recorded login that can be played again, each time as a new browser.
// It is safe for concurrent use.
type Login interface {
	// In logs in with a browser that holds the cookies given, usually none, and returns
	// the cookies that it holds afterwards, with the exchanges of the way. Turns with
	// different numbers are played apart from each other. An error means that the
	// recording could not be played to its end.
	In(ctx context.Context, turn int, held Cookies) (Cookies, []*Exchange, error)
	// Out logs out again as the recording did, or by the site's own link or form. The
	// error is ErrNoLogout when neither shows a way.
	Out(ctx context.Context, turn int, held Cookies) (Cookies, []*Exchange, error)
}

// ErrNoLogout says that no way to log out is known.
var ErrNoLogout = errors.New("no way to log out is known")

// Cookies is what a browser holds for one host: names and values.
type Cookies map[string]string

// Header writes them as a header line, sorted by name; empty without cookies.
func (c Cookies) Header() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(name + "=" + c[name])
	}
	if b.Len() == 0 {
		return ""
	}
	return "Cookie: " + b.String()
}

// A Prober is the only way of a check to the network. It contacts the target's address,
// its plain port and its upstream, and nobody else; it holds the rate budget, the
// timeouts and the bounds. It is safe for concurrent use.
type Prober interface {
	// Do sends a request once and remembers the answer: an equal Request gets the same
	// Exchange, which nobody may change. Redirects are answers like others. An error
	// means that there is no answer; its text is for the report.
	Do(ctx context.Context, r Request) (*Exchange, error)
	// Together sends requests at the same moment, each on a connection of its own that
	// was opened before: what checks first and counts later lets them all pass. At most
	// [MaxTogether] are taken, all with the same Client. An answer or an error stands at
	// the place of its request. The rate of the run is kept by waiting afterwards.
	Together(ctx context.Context, all []Request) ([]*Exchange, []error)
	// Handshake completes one TLS handshake with the target and closes. The server
	// name is set when the Config has none; verification is left to the caller.
	Handshake(ctx context.Context, c *tls.Config) (*tls.ConnectionState, error)
	// Dial opens and closes one TCP connection to the upstream's port on an address of
	// this machine. Other addresses are refused.
	Dial(ctx context.Context, to netip.AddrPort) error
}

// MaxTogether is how many requests [Prober].Together takes.
const MaxTogether = 60

// A Place is where a request goes.
type Place uint8

const (
	// Front is the target's URL.
	Front Place = iota
	// Plain is the plain HTTP port of the same host.
	Plain
	// Behind is the target's upstream, asked as a door would: under the name of the
	// front. Without an upstream the request fails.
	Behind
)

// Who asks.
type Who uint8

const (
	// Visitor: nobody is logged in.
	Visitor Who = iota
	// User: with the target's credentials, or those of its recorded login. Without
	// either the request fails.
	User
)

// A Request is one probe. It is comparable, so that equal probes are sent once.
type Request struct {
	// As is who asks.
	As Who
	// Turn tells equal requests apart that must each be sent, as to compare the
	// session ids of several visitors.
	Turn int
	// To is the place; the zero value is the target's URL.
	To Place
	// Method is GET when empty.
	Method string
	// Path is the raw request target, not escaped, cleaned or parsed. Empty means that
	// of the target's URL.
	Path string
	// Headers holds more header lines, each "Name: value", joined by "\n".
	Headers string
	// Body is sent when not empty.
	Body string
	// Secret says that headers and body hold credentials: no evidence shows them.
	Secret bool
	// Active says that the request could change something. It is refused unless active
	// probes are permitted.
	Active bool
	// Client tells visitors apart by the address that they come from: each number from 1
	// is another loopback address of this machine, new in every run, so that an app that
	// counts by address counts afresh. The request fails with [ErrOneClient] where the
	// target is not on an IPv4 loopback address, or the system has one such address only.
	Client uint8
}

// ErrOneClient says that requests can come from one address only.
var ErrOneClient = errors.New("requests can come from one address only")

// An Exchange is a request and its answer.
type Exchange struct {
	Request Request
	// URL is the address that was asked, absolute.
	URL string
	// Status, Header and Trailer are the final answer's.
	Status  int
	Header  http.Header
	Trailer http.Header
	// Early holds the headers of 1xx answers, in order.
	Early []http.Header
	// Body is the content with gzip taken off, up to the run's bound.
	Body []byte
	// Truncated says that the body went on beyond the bound or broke off.
	Truncated bool
	// Took is how long the answer's first byte was awaited once the request was sent;
	// zero where that was not seen.
	Took time.Duration
	// TLS is nil over plain HTTP.
	TLS *tls.ConnectionState
	// Public says that the certificate is valid for the host by the system's roots
	// alone, so for everybody's browser.
	Public bool
}

// Documents are what npm's registries say of packages. They are safe for concurrent use.
type Documents interface {
	// Registry names the registry of a package, for reports: an address, or a folder.
	Registry(name string) string
	// Keys returns the keys with which the registry of a package signs, as it answers
	// them; nil where it has none.
	Keys(ctx context.Context, name string) ([]byte, error)
	// Packument returns all that the registry says of a package.
	Packument(ctx context.Context, name string) ([]byte, error)
}
