package source

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
	"github.com/panoplysec/panoply/internal/jsast"
)

var proxyTrustRules = slices.Concat(wire.Rules("proxy-trust/forwarded-for"), check.Rules{
	{ID: "proxy-trust/listens-everywhere", Title: "the app listens on every address, also beside the proxy", Severity: check.Low, CWE: 1327, ASVS: []string{"13.2.4"},
		Why:  "Whoever reaches the port past the proxy has no TLS, no limits, and may claim any address.",
		Bad:  "app.listen(3000)",
		Good: "app.listen(3000, '127.0.0.1')",
		Fix: check.Fix{
			Express: "app.listen(3000, '127.0.0.1')", Go: `http.ListenAndServe("127.0.0.1:3000", handler)`,
			Door: "none: the door cannot close another program's port; a firewall can",
		}},
})

var proxyTrustCheck = check.Check{
	ID: "proxy-trust-source", Practice: "proxy-trust", Title: "The code believes its proxy only, and listens for it only",
	Why:      "An app that believes every X-Forwarded-For lets visitors choose their address; one that is reachable beside the door has no door.",
	Severity: check.Medium, Needs: check.Source, Rules: proxyTrustRules, Run: running(proxyTrustRules, judgeProxyTrust),
	Bad:  "app.set('trust proxy', true)\napp.listen(3000)",
	Good: "app.set('trust proxy', 'loopback')\napp.listen(3000, '127.0.0.1')",
}

func judgeProxyTrust(v *verdict) {
	set := false
	for _, c := range v.app.project.Calls {
		if c.App == nil || c.App.Router || c.Arg(0).Kind != jsast.String || c.Arg(0).Text != "trust proxy" {
			continue
		}
		switch c.Callee[strings.LastIndexByte(c.Callee, '.')+1:] {
		case "enable":
			set = true
			v.trusts(c, &jsast.Value{Kind: jsast.Bool, Text: "true"})
		case "set":
			if len(c.Args) > 1 {
				set = true
				v.trusts(c, c.Arg(1))
			}
		}
	}
	if !set {
		v.prove("trust proxy is left off")
	}
	v.listens()
}

// everybody are ranges of addresses that hold everybody's.
var everybody = []string{"0.0.0.0/0", "::/0", "0/0"}

func (v *verdict) trusts(c *jsast.Call, value *jsast.Value) {
	for _, o := range value.Options() {
		all := o.Kind == jsast.Bool && o.Text == "true"
		switch o.Kind {
		case jsast.String:
			all = slices.ContainsFunc(everybody, func(r string) bool { return strings.Contains(o.Text, r) })
		case jsast.Array:
			for _, e := range o.List {
				all = all || e.Kind == jsast.String && slices.Contains(everybody, e.Text)
			}
		case jsast.Ref, jsast.Result, jsast.Function, jsast.Template:
			v.doubt("whom %s trusts could not be told", at(c.Pos))
			continue
		}
		switch {
		case all && (value.Kind == jsast.Choice || c.Maybe):
			v.doubt("whether %s trusts everybody could not be told", at(c.Pos))
		case all:
			v.find("proxy-trust/forwarded-for", "X-Forwarded-For", c.Pos, "trust proxy is true, so whatever a visitor claims is believed")
		default:
			v.prove("%s trusts what it names", at(c.Pos))
		}
	}
}

// contained are files of platforms where the app must listen on every address of its
// own container.
var contained = []string{"Dockerfile", "Procfile", "fly.toml", "app.yaml", "vercel.json", "railway.json", "render.yaml"}

func (v *verdict) listens() {
	seen := 0
	for _, c := range v.app.project.Calls {
		switch plain(c.Callee) {
		case "express().listen", "http.createServer().listen", "http.Server().listen":
		default:
			continue
		}
		seen++
		host, known := hostOf(c.Args)
		switch {
		case !known:
			v.doubt("on which address %s listens could not be told", at(c.Pos))
		case host == "" || host == "0.0.0.0" || host == "::":
			f := v.find("proxy-trust/listens-everywhere", "listen", c.Pos, "the app listens on every address of the machine")
			for _, name := range contained {
				if v.app.read(name) != nil {
					f.Severity = check.Info
					f.Message += ", as it must in the container of " + name
					break
				}
			}
		default:
			v.prove("%s listens on %s", at(c.Pos), host)
		}
	}
	if seen == 0 {
		v.doubt("nothing was seen that listens")
	}
}

// hostOf reads the arguments of listen: a port and perhaps a host, a path, or an object
// of them. An empty host is every address.
func hostOf(args []*jsast.Value) (host string, known bool) {
	if len(args) == 0 {
		return "", true
	}
	first := args[0]
	if first.Kind == jsast.Object {
		if p, ok := first.Prop("path"); ok && p.Value.Kind == jsast.String {
			return "the socket " + p.Value.Text, true
		}
		p, ok := first.Prop("host")
		if !ok {
			return "", !first.Open
		}
		return hostValue(p.Value)
	}
	if first.Kind == jsast.String && strings.Contains(first.Text, "/") {
		return "the socket " + first.Text, true
	}
	if len(args) < 2 {
		return "", true
	}
	return hostValue(args[1])
}

func hostValue(v *jsast.Value) (string, bool) {
	switch v.Kind {
	case jsast.String:
		return v.Text, true
	case jsast.Function, jsast.Undefined, jsast.Null, jsast.Number:
		// Node takes a callback or a backlog in the place of the host.
		return "", true
	}
	return "", false
}
