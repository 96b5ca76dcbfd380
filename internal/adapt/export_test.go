package adapt

import (
	"github.com/panoplysec/panoply/internal/adapt/caddyconf"
	"github.com/panoplysec/panoply/internal/adapt/nginxconf"
)

// NginxText is Nginx for one text.
func NginxText(name, folder string, text []byte) (*Result, error) {
	tree, err := nginxconf.Parse(name, text)
	if err != nil {
		return nil, err
	}
	return nginxTree(name, folder, tree), nil
}

// CaddyText is Caddyfile for one text.
func CaddyText(name, folder string, text []byte) (*Result, error) {
	f, err := caddyconf.Parse(name, text)
	if err != nil {
		return nil, err
	}
	return caddyFile(name, folder, f), nil
}
