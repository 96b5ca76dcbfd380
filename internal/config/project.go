package config

import (
	"fmt"
	"net"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/panoplysec/panoply/guard"
)

// A Project is what panoply audit takes from the panoply.yaml of an audited folder. The
// folder is data: no variable is expanded, no file that it names is opened, and what it
// names as an address is a word until the person who audits says otherwise.
type Project struct {
	// URL is the door's address, "" when the file does not tell it.
	URL string
	// Upstream and Plain are the app behind it and its plain HTTP address, or "".
	Upstream, Plain string
	// Production says that the file marks its sites so.
	Production bool
	// Ignore are its entries, and Lines the line of each.
	Ignore []Ignore
	Lines  []int
	// Shields are those that are whole and not off, and ShieldLines the line of each.
	Shields     []Shield
	ShieldLines []int
}

// ReadProject reads the text of a panoply.yaml as data. Of what it does not understand
// it takes the default, since the door's own reader reports that; but an ignore that is
// not whole is an error, for it would otherwise excuse nothing in silence.
func ReadProject(name string, text []byte) (Project, error) {
	cfg := Default()
	cfg.file = name
	cfg.origins = make(map[string]Origin)
	r := reader{cfg: cfg, raw: true}
	root, ok := r.tree(text)
	if !ok {
		return Project{}, joined(r.problems)
	}
	r.literal(root)
	k := &checker{cfg: cfg, problems: r.problems}
	k.ignores()
	if len(k.problems) > 0 {
		return Project{}, joined(k.problems)
	}
	p := Project{Upstream: cfg.plainUpstream(), Production: cfg.Audit.Production, Ignore: cfg.Ignore}
	for i := range cfg.Ignore {
		p.Lines = append(p.Lines, cfg.Origin(fmt.Sprintf("ignore[%d]", i)).Line)
	}
	p.shields(cfg)
	p.URL, p.Plain = cfg.Address()
	return p, nil
}

// shields takes those with which the door would start: one that is wrong stops it.
func (p *Project) shields(cfg *Config) {
	k := &checker{cfg: cfg}
	if k.shields(); len(k.problems) > 0 {
		return
	}
	for i, s := range cfg.Shields {
		if s.Mode != guard.Off {
			p.Shields = append(p.Shields, s)
			p.ShieldLines = append(p.ShieldLines, cfg.Origin(fmt.Sprintf("shields[%d]", i)).Line)
		}
	}
}

// plainUpstream is the upstream where it is a plain HTTP address, as far as can be told
// without the environment.
func (c *Config) plainUpstream() string {
	a, text, _ := parseAddress(c.Upstream)
	if text == "" && (a.Scheme != "http" || a.Socket != "") || text != "" && groupName(c.Upstream) {
		return ""
	}
	return c.Upstream
}

// literal reads the keys that a Project is made of, with values as they are written.
func (r *reader) literal(root ast.Node) {
	if root == nil {
		return
	}
	pairs, ok := entries(root)
	if !ok {
		return
	}
	v := reflect.ValueOf(r.cfg).Elem()
	for _, pair := range pairs {
		key, ok := scalarOf(pair.Key)
		if !ok {
			continue
		}
		for _, f := range fieldsOf(v.Type()) {
			if f.name != key.text {
				continue
			}
			switch f.name {
			case "upstream", "listen", "redirect", "public_port", "sites", "ignore", "shields", "audit":
				before := len(r.problems)
				r.value(pair.Value, v.Field(f.index), f.name, f.tag)
				if f.name == "shields" && len(r.problems) > before {
					r.cfg.Shields = nil // the door would not start with them
				}
				if f.name != "ignore" {
					r.problems = r.problems[:before]
				}
			}
		}
	}
}

// Address is where the door of this configuration is to be found, and its plain HTTP
// address; both are "" when they cannot be told.
func (c *Config) Address() (url, plain string) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", ""
	}
	name := "localhost"
	if len(c.Sites) > 0 {
		name = c.Sites[0]
	} else if LocalName(host) {
		name = host
	}
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	url = "https://" + name
	if port = c.PortSeen(port); port != "443" {
		url += ":" + port
	}
	if c.Redirect != "off" {
		plain = c.Redirect
		if h, p, err := net.SplitHostPort(plain); err == nil && (h == "" || !LocalName(h)) {
			plain = net.JoinHostPort(strings.Trim(name, "[]"), p)
		}
	}
	return url, plain
}
