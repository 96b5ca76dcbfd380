package mend

import (
	"fmt"
	"slices"
	"strings"
)

// A Server is a program that ends TLS.
type Server string

// The programs that lines are written for.
const (
	Nginx   Server = "nginx"
	Apache  Server = "apache"
	Caddy   Server = "caddy"
	HAProxy Server = "haproxy"
	Node    Server = "node"
	Go      Server = "go"
)

// Servers returns all programs, in the order in which they are shown.
func Servers() []Server { return []Server{Nginx, Apache, Caddy, HAProxy, Node, Go} }

// ParseServer reads the name of a program.
func ParseServer(name string) (Server, error) {
	if s := Server(name); slices.Contains(Servers(), s) {
		return s, nil
	}
	return "", fmt.Errorf("%q is no server: nginx, apache, caddy, haproxy, node or go", name)
}

// Title is how the program's makers write its name.
func (s Server) Title() string {
	switch s {
	case Apache:
		return "Apache"
	case Caddy:
		return "Caddy"
	case HAProxy:
		return "HAProxy"
	case Node:
		return "Node"
	case Go:
		return "Go"
	}
	return string(s)
}

// banners are how programs begin what they say of themselves in the field Server, or an
// app in X-Powered-By. HAProxy and Go say nothing.
var banners = []struct {
	begins string
	server Server
}{
	{"nginx", Nginx}, {"openresty", Nginx}, {"tengine", Nginx}, {"angie", Nginx}, {"freenginx", Nginx},
	{"apache", Apache}, {"caddy", Caddy}, {"express", Node}, {"next.js", Node}, {"nuxt", Node},
}

// Recognise tells the program by its banner, as [tlsscan.Report] has it. An answer may come
// from an app behind the program that ends TLS, so it is a guess.
func Recognise(banner string) (Server, bool) {
	banner = strings.ToLower(strings.TrimSpace(banner))
	for _, b := range banners {
		if rest, ok := strings.CutPrefix(banner, b.begins); ok && (rest == "" || strings.ContainsRune("/ ;(", rune(rest[0]))) {
			return b.server, true
		}
	}
	return "", false
}
