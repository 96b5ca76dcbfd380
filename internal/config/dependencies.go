package config

import (
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// lockfiles are the names that dependencies.lockfile may have.
var lockfiles = []string{"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "go.mod"}

// dependencies checks what is no matter of the files: those come and go with the app, and
// the door goes on without them.
func (k *checker) dependencies() {
	d := k.cfg.Dependencies
	if d.Every < Duration(time.Minute) || time.Duration(d.Every) > 30*day {
		k.bad("dependencies.every", d.Every.String(), "from 1m to 30d", "")
	}
	if d.Lockfile == "" {
		for _, f := range []struct{ path, value string }{{"dependencies.advisories", d.Advisories}, {"dependencies.webhook", d.Webhook}} {
			if f.value != "" {
				k.note(f.path, "has no effect without dependencies.lockfile", "", nil)
			}
		}
		return
	}
	if !slices.Contains(lockfiles, filepath.Base(d.Lockfile)) {
		k.bad("dependencies.lockfile", d.Lockfile, "one of "+strings.Join(lockfiles, ", "), "")
	}
	if d.Webhook == "" {
		return
	}
	u, err := url.Parse(d.Webhook)
	switch {
	// Its path may be what lets in, so it is not shown.
	case err != nil || u.Host == "" || u.User != nil:
		k.note("dependencies.webhook", "is no address such as https://chat.example/hook, without a user", "", nil)
	case u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())):
		k.note("dependencies.webhook", "must be https, or http on a loopback address", "what it is told is nobody else's business", nil)
	}
}

func loopbackHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
