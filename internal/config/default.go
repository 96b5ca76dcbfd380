package config

import (
	"time"

	"github.com/panoplysec/panoply/guard"
)

// Default returns a Config with every default in place. It lacks the upstream, and
// State is empty where StateDir fails, which Validate then reports.
func Default() *Config {
	state, err := StateDir()
	if err != nil {
		state = "" // Validate asks for the line that is missing
	}
	return &Config{
		Version:  Version,
		Listen:   "localhost:8443",
		Redirect: "localhost:8080",
		State:    state,
		Probes:   "on",
		Kind:     "auto",
		HTTP1:    "own",
		Exchange: "own",
		TLS:      TLS{Policy: "intermediate"},
		Trust:    Trust{Header: "x-forwarded-for"},
		Headers:  Headers{HSTS: "auto"},
		Cookies:  Cookies{Rename: "auto", Migrate: Duration(7 * day)},
		Sessions: Sessions{
			Mode: guard.Observe, Seal: "on",
			Idle: Duration(30 * time.Minute), Absolute: Duration(day), Renewal: Duration(time.Hour), Grace: Duration(30 * time.Second),
		},
		CSRF:   CSRF{Enforce: "forms", Isolate: "off"},
		Login:  Login{Find: "on", Auto: "off"},
		Limits: Limits{RedisTLS: "off", Instances: 1},
		Bounds: Bounds{
			HeadTimeout:     Duration(10 * time.Second),
			HeadBytes:       64 << 10,
			IdleTimeout:     Duration(60 * time.Second),
			BodyGrace:       Duration(10 * time.Second),
			BodyMinRate:     1 << 10,
			ConnectTimeout:  Duration(5 * time.Second),
			ResponseTimeout: Duration(60 * time.Second),
			DrainTimeout:    Duration(30 * time.Second),
			StreamIdle:      Duration(5 * time.Minute),
		},
		Admin: Admin{Listen: "127.0.0.1:9180"},
		Log:   Log{Access: "on"},

		Dependencies: Dependencies{Every: Duration(day)},
	}
}
