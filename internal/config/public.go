package config

import (
	"strconv"
)

// PortSeen returns the port by which clients reach HTTPS, for a door that listens on
// listening: another one where something in front maps ports.
func (c *Config) PortSeen(listening string) string {
	if c.PublicPort > 0 {
		return strconv.FormatInt(c.PublicPort, 10)
	}
	return listening
}

func (k *checker) public() {
	if p := k.cfg.PublicPort; p < 0 || p > 65535 {
		k.bad("public_port", strconv.FormatInt(p, 10), "1 to 65535, or 0 for the port of listen", "")
	}
}
