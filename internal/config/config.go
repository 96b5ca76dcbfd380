// Package config is panoply.yaml: one strict reader, one validated struct, one JSON
// Schema written from it. Each default exists once, here.
//
// The file is the operator's own, so ${VAR} in it is expanded; nothing else is ever
// read from the environment or from the audited application.
package config

import (
	"time"

	"github.com/panoplysec/panoply/guard"
)

// Config is what the door runs on. The zero value of every field is completed by
// Default; a Config from Load or Flags is complete and valid.
type Config struct {
	// Upstream is the application behind: ":3000", "127.0.0.1:3000" or
	// "http://host:port". Required to serve.
	Upstream string `yaml:"upstream" doc:"the application behind the door, such as :3000"`
	// Listen is the HTTPS address. Default "localhost:8443": loopback, IPv4 and IPv6.
	Listen string `yaml:"listen" doc:"HTTPS address"`
	// Redirect is the plain HTTP address that sends known hosts to HTTPS, or "off".
	// Default "localhost:8080".
	Redirect string `yaml:"redirect" doc:"plain HTTP address that redirects to HTTPS, or off"`
	// Sites are the host names served. Empty means loopback names only; a listener
	// beyond loopback then is an error.
	Sites []string `yaml:"sites" doc:"host names served"`
	// State is the folder of keys, the local CA and the admin socket. Default: the
	// user's state folder, see StateDir.
	State string `yaml:"state" doc:"folder of keys, local CA and admin socket"`

	TLS     TLS            `yaml:"tls"`
	Trust   Trust          `yaml:"trust"`
	Headers Headers        `yaml:"headers"`
	Conceal Conceal        `yaml:"conceal"`
	Errors  map[int]string `yaml:"errors" doc:"status code to the file of your own page"`
	Cookies Cookies        `yaml:"cookies"`
	Bounds  Bounds         `yaml:"bounds"`
	Admin   Admin          `yaml:"admin"`
	Log     Log            `yaml:"log"`
}

// TLS says with what and how connections are secured.
type TLS struct {
	// Certificates are pairs of PEM files. Empty means the local CA, for loopback
	// names only.
	Certificates []Certificate `yaml:"certificates"`
	// Policy is Mozilla's profile: "intermediate" (default) or "modern".
	Policy string `yaml:"policy" doc:"Mozilla profile: intermediate or modern"`
}

// Certificate is one pair of PEM files.
type Certificate struct {
	Cert string `yaml:"cert" doc:"PEM file, leaf first"`
	Key  string `yaml:"key" doc:"PEM file of the private key"`
}

// Trust says whose word about the client is taken.
type Trust struct {
	// Proxies are the CIDRs of proxies in front of the door. None by default.
	Proxies []string `yaml:"proxies" doc:"CIDRs of proxies in front of the door"`
	// Header is the one that they write: "x-forwarded-for" (default) or "forwarded".
	Header string `yaml:"header" doc:"x-forwarded-for or forwarded"`
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
	HSTS string `yaml:"hsts" doc:"auto or off"`
	// IncludeSubDomains and Preload are added to HSTS only when asked.
	IncludeSubDomains bool `yaml:"include_subdomains"`
	Preload           bool `yaml:"preload"`
}

// Conceal configures banners and error pages.
type Conceal struct {
	Mode guard.Mode `yaml:"mode" doc:"enforce, observe or off"`
	// Keep names banner headers to leave alone.
	Keep []string `yaml:"keep" doc:"banner headers to leave alone"`
}

// Cookies configures mending and renaming.
type Cookies struct {
	Mode guard.Mode `yaml:"mode" doc:"enforce, observe or off"`
	// Session names the session cookies of the app that no shape gives away.
	Session []string `yaml:"session" doc:"names of the app's session cookies"`
	// Script names cookies that scripts read; they are never made HttpOnly nor renamed.
	Script []string `yaml:"script" doc:"names of cookies that scripts read"`
	// Rename is "auto" (default) or "off".
	Rename string `yaml:"rename" doc:"auto or off"`
	// Migrate is how long the app's own name is still accepted. Default 7 days.
	Migrate Duration `yaml:"migrate" doc:"how long the old cookie name is accepted"`
}

// Bounds are the door's limits in time and size. Zero takes the default; "off" is
// written as a negative value where the comment allows it.
type Bounds struct {
	HeadTimeout     Duration `yaml:"head_timeout" doc:"time for a request head (default 10s)"`
	HeadBytes       int64    `yaml:"head_bytes" doc:"bytes of a request head (default 65536)"`
	IdleTimeout     Duration `yaml:"idle_timeout" doc:"idle keep-alive (default 60s)"`
	BodyGrace       Duration `yaml:"body_grace" doc:"time before body_min_rate holds (default 10s)"`
	BodyMinRate     int64    `yaml:"body_min_rate" doc:"bytes a second of a request body (default 1024)"`
	BodyMax         int64    `yaml:"body_max" doc:"bytes of a request body, 0 for no limit"`
	ConnectTimeout  Duration `yaml:"connect_timeout" doc:"time to connect to the upstream (default 5s)"`
	ResponseTimeout Duration `yaml:"response_timeout" doc:"time to the upstream's response header (default 60s)"`
	DrainTimeout    Duration `yaml:"drain_timeout" doc:"time for open requests at stop (default 30s)"`
	StreamIdle      Duration `yaml:"stream_idle" doc:"idle time of WebSocket and SSE (default 5m)"`
}

// Admin is where the door tells about itself.
type Admin struct {
	// Listen is a loopback address for read-only health and metrics, or "off".
	// Default "127.0.0.1:9180".
	Listen string `yaml:"listen" doc:"loopback address of health and metrics, or off"`
}

// Log configures the access log.
type Log struct {
	// Access is "on" (default) or "off".
	Access string `yaml:"access" doc:"on or off"`
	// Queries logs query values too. They often are secrets.
	Queries bool `yaml:"queries" doc:"log query values, which often are secrets"`
}

// Duration is a time.Duration written as "10s", "5m", "7d".
type Duration time.Duration
