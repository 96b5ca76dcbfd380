// Package config is panoply.yaml: one strict reader, one validated struct, one JSON
// Schema written from it. Each default exists once, here.
//
//	cfg, err := config.Source{File: "panoply.yaml", Environ: os.Environ()}.Load()
//	if err != nil {
//		return err // every problem at once, one a line: panoply.yaml:12:3: headers.helmt: unknown key; …
//	}
//
// The file is the operator's own, so ${VAR} in its values is expanded, and PANOPLY_TLS_POLICY
// of the environment stands in for tls.policy. Of an audited application nothing is
// expanded, and no variable changes what its file says. JSON is read too. Anchors, aliases,
// tags and merge keys are refused: a configuration reads as it is written, and no
// few lines of it grow into a large one.
//
// It checks what can be known without opening a port or reaching the upstream. It does
// not know whether Helmet's options mean anything; the headers guard does.
//
// Sources: YAML 1.2.2; JSON Schema draft 2020-12; practice ids tls, headers, cookies
// and proxy-trust for what Validate refuses.
package config

import "github.com/panoplysec/panoply/guard"

// Config is what the door runs on. Start from Default; a Config from Source.Load is
// complete and valid. It is not changed after that, so it may be read concurrently.
type Config struct {
	// Version is the form of the file: 1, which is the default. A program that reads an
	// older form says so, rather than that it does not know the keys.
	Version int64 `yaml:"version" doc:"form of this file, 1" env:"-"`
	// Upstream is the application behind, where no route says otherwise: ":3000",
	// "127.0.0.1:3000", "http://host:port", "https://…", "h2c://…", "unix:/path", or the name
	// of one of Upstreams. Required to serve.
	Upstream string `yaml:"upstream" doc:"the application behind the door, such as :3000, or the name of one of upstreams"`
	// Upstreams are groups of addresses, each of one application.
	Upstreams []Upstream `yaml:"upstreams" doc:"groups of addresses, each of one application"`
	// Routes say which requests go to which of them.
	Routes []Route `yaml:"routes" doc:"which requests go to which of upstreams; the longest path holds"`
	// Listen is the HTTPS address. Default "localhost:8443": loopback, IPv4 and IPv6.
	Listen string `yaml:"listen" doc:"HTTPS address"`
	// Redirect is the plain HTTP address that sends known hosts to HTTPS, or "off".
	// Default "localhost:8080".
	Redirect string `yaml:"redirect" doc:"plain HTTP address that redirects to HTTPS, or off"`
	// PublicPort is the port by which clients reach HTTPS, where that is another than the
	// one of Listen: a container that listens on 8443 and is published on 443. Redirects,
	// names of cookies and what the door says of itself go by it. Default 0: that of Listen.
	PublicPort int64 `yaml:"public_port" doc:"port by which clients reach HTTPS, where it is mapped to that of listen; 0 for the same"`
	// Sites are the host names served. Empty means loopback names only; a listener
	// beyond loopback then is an error.
	Sites []string `yaml:"sites" doc:"host names served"`
	// State is the folder of keys, the local CA and the admin socket. Default: the
	// user's state folder, see StateDir.
	State string `yaml:"state" doc:"folder of keys, local CA and admin socket" kind:"file"`

	// InstallKey is the file of a key that all doors of a site have: 32 bytes or more. They
	// then agree on the names of session cookies, on sealed values, on the tokens of forms
	// and, unless Limits.Secret says otherwise, on what is counted. Default: a key of its
	// own in the state folder. With another key every visitor is logged out.
	InstallKey string `yaml:"install_key" doc:"file of the key that all doors of a site share, 32 bytes or more; empty: a key of its own in the state folder" kind:"file"`

	// Probes is "on" (default): at start, and each minute while a finding is open, the
	// door asks the app for three pages to see its trust proxy and NODE_ENV. Or "off".
	Probes string `yaml:"probes" doc:"ask the app for three pages that show wrong trust proxy and NODE_ENV settings" enum:"on,off"`

	// Kind is what the application is: "pages", "spa" (pages that a script makes, from JSON)
	// or "api"; "auto" (default) finds out by its answers. It decides in which form the
	// door's own pages are written where a client does not say; see docs/configuration.md.
	Kind string `yaml:"kind" doc:"what the application is, for the form of the door's own pages" enum:"auto,pages,spa,api"`

	// Contact is where who finds a hole should tell it, as addresses with a scheme:
	// "mailto:security@shop.example". The door answers /.well-known/security.txt with them.
	// Empty: the app's own answer is passed on.
	Contact []string `yaml:"contact" doc:"where to report a hole, such as mailto:security@shop.example; answers /.well-known/security.txt"`
	// HTTP1 is the server side of HTTP/1.1: "own" (default), the door's own loop, which
	// refuses what is ambiguous and answers with the door's own page, or "nethttp".
	HTTP1 string `yaml:"http1" doc:"server side of HTTP/1.1: the door's own (default), or net/http" enum:"own,nethttp"`
	// Exchange is the way to the app: "own" (default), the door's own exchange, which reads
	// answers strictly and frames them anew, or "proxy", which is httputil.ReverseProxy.
	Exchange string `yaml:"exchange" doc:"the way to the app: the door's own exchange (default), or httputil.ReverseProxy" enum:"own,proxy"`

	TLS     TLS     `yaml:"tls" doc:"certificates and the profile of connections"`
	Trust   Trust   `yaml:"trust" doc:"whose word about the client is taken"`
	Headers Headers `yaml:"headers" doc:"security headers"`
	Conceal Conceal `yaml:"conceal" doc:"banners and error pages"`
	// Errors maps a status from 400 to 599 to the file of your own page. The keys 4 and
	// 5, written 4xx and 5xx in the file, stand for the rest of their class.
	Errors  map[int]string `yaml:"errors" doc:"status code, 4xx or 5xx, to the file of your own page" kind:"file"`
	Cookies Cookies        `yaml:"cookies" doc:"mending and renaming of cookies"`
	// Sessions lifts the app's session cookies. Default: observed.
	Sessions Sessions `yaml:"sessions" doc:"sealing, timeouts and final logouts of session cookies"`
	// CSRF refuses what other sites make a visitor's browser send. Default: their forms.
	CSRF CSRF `yaml:"csrf" doc:"requests that other sites make a visitor's browser send"`
	// Login protects logins from guessing. Default: those that are found are observed.
	Login Login `yaml:"login" doc:"logins, protected from guessing"`
	// Limits says where counts are kept. Default: in this process.
	Limits Limits `yaml:"limits" doc:"where what is counted of logins is kept"`
	// Shields stand before known holes of the application. Default: none.
	Shields []Shield `yaml:"shields" doc:"virtual patches: what is refused because of a known hole of the app"`
	Bounds  Bounds   `yaml:"bounds" doc:"limits in time and size"`
	Admin   Admin    `yaml:"admin" doc:"where the door tells about itself"`
	Log     Log      `yaml:"log" doc:"the access log"`
	// Dependencies names a lockfile that is looked up in advisories. Default: none.
	Dependencies Dependencies `yaml:"dependencies" doc:"a lockfile that is looked up in advisories each day"`
	Audit        Audit        `yaml:"audit" doc:"what panoply audit may do, and how it proves control"`
	// Ignore holds findings of panoply audit that are left out. The door does not read it.
	Ignore []Ignore `yaml:"ignore" doc:"findings of panoply audit that are left out"`

	// file is the path that Load read, or empty.
	file string
	// origins says where each value that is not a default came from.
	origins map[string]Origin
}

// TLS says with what and how connections are secured.
type TLS struct {
	// Certificates are pairs of PEM files. Empty means the local CA, for loopback
	// names only.
	Certificates []Certificate `yaml:"certificates" doc:"pairs of PEM files; empty for the local CA on loopback names"`
	// Policy is Mozilla's profile: "intermediate" (default) or "modern".
	Policy string `yaml:"policy" doc:"Mozilla profile" enum:"intermediate,modern"`
}

// Certificate is one pair of PEM files.
type Certificate struct {
	Cert string `yaml:"cert" doc:"PEM file, leaf first" kind:"file" required:"yes"`
	Key  string `yaml:"key" doc:"PEM file of the private key" kind:"file" required:"yes"`
}

// Trust says whose word about the client is taken.
type Trust struct {
	// Proxies are the CIDRs, or single addresses, of proxies in front of the door.
	// None by default. A prefix shorter than /7 trusts strangers and is refused.
	Proxies []string `yaml:"proxies" doc:"CIDRs of proxies in front of the door"`
	// Header is the one that they write: "x-forwarded-for" (default) or "forwarded".
	Header string `yaml:"header" doc:"the header that those proxies write" enum:"x-forwarded-for,forwarded"`
}

// Headers configures the headers guard: Helmet's options pasted verbatim, or nothing
// for the first-day set.
type Headers struct {
	Mode guard.Mode `yaml:"mode" doc:"enforce, observe or off"`
	// Helmet holds Helmet's own options in Helmet's own words. Set, it replaces the
	// first-day set whole.
	Helmet *Ordered `yaml:"helmet" doc:"options of Helmet, pasted verbatim"`
	// HSTS: "auto" (default; never on loopback or local certificates, a week of 300 s,
	// then a year), "off".
	HSTS string `yaml:"hsts" doc:"Strict-Transport-Security" enum:"auto,off"`
	// IncludeSubDomains and Preload are added to HSTS only when asked. Preload needs
	// IncludeSubDomains, as the browsers' lists do.
	IncludeSubDomains bool `yaml:"include_subdomains" doc:"add includeSubDomains to HSTS"`
	Preload           bool `yaml:"preload" doc:"add preload to HSTS; hard to take back"`
}

// Conceal configures banners and error pages.
type Conceal struct {
	Mode guard.Mode `yaml:"mode" doc:"enforce, observe or off"`
	// Keep names banner headers to leave alone.
	Keep []string `yaml:"keep" doc:"banner headers to leave alone"`
	// Also names headers to remove beside the banners, such as SourceMap, or families
	// such as X-B3-*.
	Also []string `yaml:"also" doc:"headers to remove beside the banners"`
}

// Cookies configures mending and renaming.
type Cookies struct {
	Mode guard.Mode `yaml:"mode" doc:"enforce, observe or off"`
	// Session names the session cookies of the app that no shape gives away.
	Session []string `yaml:"session" doc:"names of the app's session cookies"`
	// Script names cookies that scripts read; they are never made HttpOnly nor renamed.
	Script []string `yaml:"script" doc:"names of cookies that scripts read"`
	// CrossSite names cookies that must come along when another site posts a form here;
	// their SameSite stays as the app set it.
	CrossSite []string `yaml:"cross_site" doc:"names of cookies that another site's form post must carry"`
	// Rename is "auto" (default) or "off".
	Rename string `yaml:"rename" doc:"rename session cookies to __Host- names" enum:"auto,off"`
	// Migrate is how long the app's own name is still accepted. Default 7 days.
	Migrate Duration `yaml:"migrate" doc:"how long the old cookie name is accepted"`
}

// Sessions configures what is done with the session cookies that Cookies knows. With
// enforce, an app whose users stay logged in for longer than Idle or Absolute asks them to
// log in again, and one that answers a GET to a logout route with a redirect, without
// logging out, does log out: name its routes.
type Sessions struct {
	// Mode is enforce, observe (default: which logouts would be made final is told) or off.
	Mode guard.Mode `yaml:"mode" doc:"enforce, observe or off"`
	// Seal is "on" (default): values leave encrypted. With "off" there are no timeouts.
	Seal string `yaml:"seal" doc:"encrypt the values of session cookies" enum:"on,off"`
	// Idle ends a session that is not used. Default 30 min; 0s: never.
	Idle Duration `yaml:"idle" doc:"a session that is not used for so long ends; 0s: never"`
	// Absolute ends a session. Default 24 h; 0s: never.
	Absolute Duration `yaml:"absolute" doc:"a session ends so long after its login; 0s: never"`
	// Renewal is how often a client gets a new cookie. Default 1 h; 0s: at a login only.
	Renewal Duration `yaml:"renewal" doc:"how often a client gets a new cookie; 0s: at a login only"`
	// Grace is how long the cookie of before is still taken. Default 30 s.
	Grace Duration `yaml:"grace" doc:"how long the cookie of before is still taken"`
	// Login are paths that log in, in place of those that are called so.
	Login []string `yaml:"login" doc:"paths that log in; empty: POST to those called login and the like"`
	// Logout are paths that log out, in place of those that are called so.
	Logout []string `yaml:"logout" doc:"paths that log out; empty: those called logout and the like"`
}

// Login configures the shield in front of the app's logins: failures are counted by user
// and address, by address, and by user; see package login. Its routes are enforced. With
// Find the door also finds logins by itself, from requests that post a password, and
// observes them until panoply login confirm, or until Auto is sure.
type Login struct {
	// Mode is enforce (default), observe or off; observe holds for all routes.
	Mode guard.Mode `yaml:"mode" doc:"enforce, observe or off"`
	// Find is "on" (default) or "off".
	Find string `yaml:"find" doc:"find logins that no route names" enum:"on,off"`
	// Auto is "off" (default) or "on": a login that was found is enforced once its path
	// calls it one and 20 successes and 20 failures were told apart.
	Auto string `yaml:"auto" doc:"enforce a found login once its path calls it one and 20 successes and 20 failures were told apart" enum:"on,off"`
	// Routes are the logins, password resets and the like.
	Routes []LoginRoute `yaml:"routes" doc:"logins that are enforced"`
}

// LoginRoute is one login, as login.Route.
type LoginRoute struct {
	// Route is a method and a path, such as "POST /login".
	Route string `yaml:"route" doc:"method and path, such as POST /login" required:"yes"`
	// User and Password are the names of the fields; empty are the usual ones.
	User     string `yaml:"user" doc:"field of the user's name; empty: the usual ones"`
	Password string `yaml:"password" doc:"field of the password; empty: the usual ones"`
	// Realm tells apart logins whose users may have the same names.
	Realm string `yaml:"realm" doc:"name of the users' realm, where two logins have different users"`
	// Basic says that these paths ask for the password by Basic authentication.
	Basic bool `yaml:"basic" doc:"these paths ask for the password by Basic authentication"`
	// Key is the header field that carries an API key.
	Key string `yaml:"key" doc:"header field of an API key; its failures are counted by address"`
	// Success says how the app answers a right password; without it, what apps usually do.
	Success LoginSuccess `yaml:"success" doc:"how a right password is answered; empty: what apps usually do"`
	// Observe counts and tells only.
	Observe bool `yaml:"observe" doc:"count and tell, refuse nothing"`
}

// LoginSuccess is login.Success: what is set has to hold.
type LoginSuccess struct {
	Status   []int64 `yaml:"status" doc:"status codes"`
	Location string  `yaml:"location" doc:"path of the redirect, with * at the end for any that begins so"`
	Cookie   string  `yaml:"cookie" doc:"cookie that is set"`
	Body     string  `yaml:"body" doc:"text within the first 16 KiB of the body"`
}

// Limits says where counts are kept. Doors of one site behind a balancer share a Redis, or
// each of them allows the whole of a limit.
type Limits struct {
	// Redis is "host:port", or the path of a socket; several are nodes of one Cluster.
	// Empty: this process, and blocks in the state folder.
	Redis []string `yaml:"redis" doc:"host:port of a Redis or Valkey, several for a Cluster; empty: this process"`
	// RedisUser and RedisPassword log in; RedisTLS is "off" (default) or "on".
	RedisUser     string `yaml:"redis_user" doc:"user name for the Redis"`
	RedisPassword string `yaml:"redis_password" doc:"file of the password for the Redis" kind:"file"`
	RedisTLS      string `yaml:"redis_tls" doc:"TLS to the Redis" enum:"on,off"`
	// Instances is how many doors share the Redis. While it is away each allows its part.
	Instances int64 `yaml:"instances" doc:"how many doors share the Redis"`
	// Secret keys the hashes of names and addresses: 16 bytes or more, the same for all
	// doors. Needed with Redis; without it the door has its own.
	Secret string `yaml:"secret" doc:"file of the secret that doors share, 16 bytes or more" kind:"file"`
}

// Bounds are the door's limits in time and size. The defaults are those of Default; a
// zero is refused, but for BodyMax, where it means no limit. Durations are at least a
// millisecond.
type Bounds struct {
	// HeadTimeout is the time for a request head, from the connection's first byte to
	// the blank line. Default 10 s, at most an hour.
	HeadTimeout Duration `yaml:"head_timeout" doc:"time for a request head"`
	// HeadBytes is the size of a request head. Default 65536, 1 KiB to 16 MiB.
	HeadBytes int64 `yaml:"head_bytes" doc:"bytes of a request head"`
	// IdleTimeout is how long a connection is kept between requests. Default 60 s, at
	// most a day.
	IdleTimeout Duration `yaml:"idle_timeout" doc:"idle time of a kept connection"`
	// BodyGrace is the time before BodyMinRate holds. Default 10 s, at most an hour.
	BodyGrace Duration `yaml:"body_grace" doc:"time before body_min_rate holds"`
	// BodyMinRate is the slowest a request body may come, in bytes a second. Default
	// 1024. Negative: no such bound.
	BodyMinRate int64 `yaml:"body_min_rate" doc:"slowest request body in bytes a second, -1 for no bound"`
	// BodyMax is the size of a request body in bytes. Default 0: no limit.
	BodyMax int64 `yaml:"body_max" doc:"bytes of a request body, 0 for no limit"`
	// ConnectTimeout is the time to connect to the upstream. Default 5 s, at most an hour.
	ConnectTimeout Duration `yaml:"connect_timeout" doc:"time to connect to the upstream"`
	// ResponseTimeout is the time to the upstream's response header. Default 60 s, at
	// most a day.
	ResponseTimeout Duration `yaml:"response_timeout" doc:"time to the upstream's response header"`
	// DrainTimeout is the time for open requests at stop. Default 30 s, at most an hour.
	DrainTimeout Duration `yaml:"drain_timeout" doc:"time for open requests at stop"`
	// StreamIdle is how long a WebSocket or an event stream may be silent. Default
	// 5 min, at most 30 days.
	StreamIdle Duration `yaml:"stream_idle" doc:"silence allowed on WebSocket and event streams"`
}

// Admin is where the door tells about itself.
type Admin struct {
	// Listen is a loopback address for read-only health and metrics, or "off".
	// Default "127.0.0.1:9180".
	Listen string `yaml:"listen" doc:"loopback address of health and metrics, or off"`
	// AllowOthers lets Listen be an address beyond loopback, and says why: a Prometheus that
	// scrapes containers, on a network that nobody else is on. What is read there tells how
	// many requests, refusals and logins there are. It stays read-only.
	AllowOthers string `yaml:"allow_others" doc:"why others than this machine may read health and metrics; empty: they may not"`
	// Hosts are names by which those others ask, such as door-a. An address needs none.
	Hosts []string `yaml:"hosts" doc:"names by which others ask for health and metrics, beside the address"`
}

// Log configures the access log.
type Log struct {
	// Access is "on" (default) or "off".
	Access string `yaml:"access" doc:"write the access log" enum:"on,off"`
	// File is the file of the access log; empty (default) is stdout. It is made with mode
	// 0640; SIGUSR1 opens it anew after a rotation. Its folder must exist.
	File string `yaml:"file" doc:"file of the access log, empty for stdout; SIGUSR1 opens it anew" kind:"file"`
	// Queries logs query values too. They often are secrets.
	Queries bool `yaml:"queries" doc:"log query values, which often are secrets"`
}

// Dependencies has the door look an app's lockfile up in advisories: at start, whenever
// one of the files has changed, and as often as Every says. What is new is told in the log,
// in metrics and to Webhook. Nothing of it keeps the door from serving.
type Dependencies struct {
	// Lockfile is a package-lock.json, npm-shrinkwrap.json, yarn.lock, pnpm-lock.yaml,
	// bun.lock or go.mod. Empty (default) watches none.
	Lockfile string `yaml:"lockfile" doc:"lockfile of the app, to be looked up in advisories; empty for none" kind:"file"`
	// Advisories are what panoply audit --advisories takes. Empty (default) is what panoply
	// db update has fetched for the user that the door runs as.
	Advisories string `yaml:"advisories" doc:"OSV records, as for panoply audit --advisories; empty: what panoply db update has fetched" kind:"file"`
	// Every is how often it is looked where nothing has changed. Default 24 h, a minute to
	// 30 days.
	Every Duration `yaml:"every" doc:"how often it is looked where no file has changed"`
	// Webhook gets what is new, as JSON by POST: https, or http on loopback. Empty: nobody.
	Webhook string `yaml:"webhook" doc:"address that is sent what is new, as JSON: https, or http on loopback"`
}

// Audit says what panoply audit may do with this host.
type Audit struct {
	// Key is the file of the key with which the host proves to an audit that both are
	// the same owner's. Default: audit.key in the state folder, made at the door's start.
	Key string `yaml:"key" doc:"file of the key that proves control of this host" kind:"file"`
	// Production says that real visitors come here: active probes are refused, by the
	// door and by an audit that reads this file.
	Production bool `yaml:"production" doc:"real visitors come here, so active probes are refused"`
}

// Ignore is a finding that is left out of reports until a day. All are required, but that
// of scope and path there is one.
type Ignore struct {
	// ID is a rule's or a practice's id, such as headers/csp-absent, or an advisory's, such
	// as CVE-2024-45296.
	ID string `yaml:"id" doc:"id of a rule, a practice or an advisory" required:"yes"`
	// Scope is a path, file, subject or address; * stands for any text.
	Scope string `yaml:"scope" doc:"path, file, subject or address, with * for any text"`
	// Path is a way from the app to a dependency, with * for any packages and ranges of
	// versions.
	Path string `yaml:"path" doc:"in place of scope, ways to a dependency, such as * > qs@6.x"`
	// Reason says why.
	Reason string `yaml:"reason" doc:"why" required:"yes"`
	// Until is the last day on which the entry holds.
	Until string `yaml:"until" doc:"last day, such as 2026-12-31" required:"yes"`
}
