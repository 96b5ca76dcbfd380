package observatory

import "strings"

// A PreloadList names the hosts that browsers know to reach over HTTPS only, as in
// Chromium's transport_security_state_static.json. A nil list covers nothing.
type PreloadList map[string]PreloadEntry

// PreloadEntry is what the list says of a host.
type PreloadEntry struct {
	// Mode is force-https for a host that counts.
	Mode string `json:"mode"`
	// IncludeSubDomains extends the entry to the hosts below.
	IncludeSubDomains bool `json:"includeSubDomains"`
}

// longestHost is more than any name on the list has.
const longestHost = 255

func (l PreloadList) covers(host string) bool {
	if l[host].Mode == "force-https" {
		return true
	}
	for {
		_, parent, ok := strings.Cut(host, ".")
		if !ok {
			return false
		}
		host = parent
		if len(host) > longestHost {
			continue
		}
		if entry := l[host]; entry.Mode == "force-https" && entry.IncludeSubDomains {
			return true
		}
	}
}
