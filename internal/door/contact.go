package door

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/panoplysec/panoply/clientip"
)

const (
	// securityPath is where who finds a hole looks for whom to tell (RFC 9116 section 3).
	securityPath = "/.well-known/security.txt"
	// securityLasts is for how long what is said there may be taken for true. The door says
	// it anew each day: who runs it has just confirmed it.
	securityLasts = 30 * 24 * time.Hour
)

// ownsContact tells a request for whom to tell of a hole, where the configuration says it.
func (g *generation) ownsContact(r *http.Request) bool {
	return len(g.cfg.Contact) > 0 && r.URL.Path == securityPath
}

// contact answers it.
func (g *generation) contact(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		g.guards.conceal.Page(w, r, http.StatusMethodNotAllowed)
		return
	}
	text := securityText(g.cfg.Contact, clientip.Of(r).Host, time.Now())
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "max-age=86400")
	h.Set("Content-Length", fmt.Sprint(len(text)))
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte(text)) // the client may have gone
	}
}

// securityText is the file of a host: RFC 9116 section 2.5.
func securityText(contacts []string, host string, now time.Time) string {
	var b strings.Builder
	for _, c := range contacts {
		fmt.Fprintf(&b, "Contact: %s\n", c)
	}
	fmt.Fprintf(&b, "Expires: %s\n", now.UTC().Truncate(24*time.Hour).Add(securityLasts).Format(time.RFC3339))
	if host != "" {
		fmt.Fprintf(&b, "Canonical: https://%s%s\n", host, securityPath)
	}
	return b.String()
}
