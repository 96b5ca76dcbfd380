package config

import (
	"fmt"
	"strings"
)

// Described says in a line for each route, and one for the rest, where requests go. It is
// empty where all go to one address.
func (c *Config) Described() []string {
	groups := make(map[string]string, len(c.Upstreams))
	for _, u := range c.Upstreams {
		groups[u.Name] = fmt.Sprintf("%s (%s)", u.Name, strings.Join(u.To, ", "))
	}
	named := func(upstream string) string {
		if text, ok := groups[upstream]; ok {
			return text
		}
		return upstream
	}
	var lines []string
	for _, r := range c.Routes {
		site, path, to := r.Site, r.Path, r.Upstream
		if site == "" {
			site = "*"
		}
		if path == "" {
			path = "/"
		}
		if to == DefaultGroup {
			to = c.Upstream
		}
		lines = append(lines, fmt.Sprintf("%s%s → %s", site, path, named(to)))
	}
	if _, grouped := groups[c.Upstream]; grouped || len(lines) > 0 {
		lines = append(lines, "everything else → "+named(c.Upstream))
	}
	return lines
}
