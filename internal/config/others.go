package config

import (
	"fmt"
	"strings"
)

// others checks who beyond this machine may read health and metrics.
func (k *checker) others() {
	c := k.cfg.Admin
	switch {
	case public(c.Listen) && strings.TrimSpace(c.AllowOthers) == "":
		k.bad("admin.listen", c.Listen, "a loopback address or off", "write 127.0.0.1:9180, and fetch it through SSH or an agent on this machine; admin.allow_others: REASON lets others read it")
	case !public(c.Listen) && c.AllowOthers != "":
		k.note("admin.allow_others", "has no effect while admin.listen is a loopback address", "remove one of the two", nil)
	}
	for i, name := range c.Hosts {
		path := fmt.Sprintf("admin.hosts[%d]", i)
		if !hostName(name) {
			k.bad(path, name, "a host name in lower case, without a port", "")
		} else if c.AllowOthers == "" {
			k.note(path, "has no effect without admin.allow_others", "", nil)
		}
	}
}
