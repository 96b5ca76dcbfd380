package doctor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// checkConfig says what was read; Examine is called with what is valid only.
func checkConfig(_ context.Context, o *Options) []Line {
	found := "no file; what holds are the environment, flags and defaults"
	if o.File != "" {
		found = o.File + " is valid"
	}
	l := Line{Check: "config", Verdict: OK, Found: found}
	if _, err := o.Config.Backends(); err != nil {
		l.Verdict, l.Found, l.Do = Warning, "names no application", "add upstream: 127.0.0.1:3000, or say so at each start: panoply serve :3000"
	}
	return []Line{l}
}

// checkDoor repeats what the running door knows already.
func checkDoor(_ context.Context, o *Options) []Line {
	if o.Unheard != nil {
		return []Line{{"door", "", NotChecked, "does not tell: " + o.Unheard.Error(), "ask as the door's user"}}
	}
	if o.Running == nil {
		return []Line{{"door", "", NotChecked, "no door runs with the state folder " + o.Config.State, ""}}
	}
	lines := []Line{{"door", "", OK, "runs since " + o.Running.Since.Format(time.RFC3339), ""}}
	for _, p := range o.Running.Problems {
		lines = append(lines, Line{"door", "", Problem, "the running door is not ready: " + p, ""})
	}
	for _, h := range o.Running.Hints {
		lines = append(lines, Line{"door", "", Warning, "the running door says: " + h, ""})
	}
	return lines
}

// checkPorts tells whether the door can listen: it does, or the port is free.
func checkPorts(ctx context.Context, o *Options) []Line {
	var lines []Line
	for _, p := range []struct{ key, address string }{{"listen", o.Config.Listen}, {"redirect", o.Config.Redirect}, {"admin.listen", o.Config.Admin.Listen}} {
		if p.address == "off" {
			continue
		}
		l := Line{Check: "port", Subject: p.key + " " + p.address}
		if o.Running != nil && held(o.Running.Ports, p.address) {
			l.Verdict, l.Found = OK, "the running door listens there"
		} else {
			l.free(ctx, p.address, o.Running != nil)
			if o.Unheard != nil && l.Verdict == Problem {
				l.Verdict, l.Do = NotChecked, ""
				l.Found += "; whether it is the door is not known"
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// held tells whether one of the open ports is that of a configured address.
func held(open []string, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(open, func(one string) bool {
		h, p, err := net.SplitHostPort(one)
		if err != nil || p != port && port != "0" {
			return false
		}
		ip, err := netip.ParseAddr(h)
		switch {
		case err != nil:
			return false
		case host == "localhost":
			return ip.IsLoopback()
		case host == "" || host == "0.0.0.0" || host == "::":
			return ip.IsUnspecified()
		}
		return h == host
	})
}

// free opens the address for a moment.
func (l *Line) free(ctx context.Context, address string, running bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		l.Verdict, l.Found = Problem, err.Error()
		return
	}
	hosts := []string{host}
	if host == "localhost" {
		hosts = []string{"127.0.0.1", "::1"}
	}
	for i, h := range hosts {
		var lc net.ListenConfig
		ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(h, port))
		if err == nil {
			_ = ln.Close()
			continue
		}
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			l.Verdict, l.Found, l.Do = Problem, "another program listens there", "stop it, or choose another address; ss -ltnp shows which it is"
		case errors.Is(err, fs.ErrPermission):
			l.Verdict, l.Found = Problem, "this user may not listen there"
			l.Do = "ask as the door's user; the systemd unit has AmbientCapabilities=CAP_NET_BIND_SERVICE, elsewhere: sysctl net.ipv4.ip_unprivileged_port_start=" + port
		case i > 0:
			continue // a machine without IPv6, which the door does without
		default:
			l.Verdict, l.Found, l.Do = Problem, err.Error(), "listen on an address of this machine"
		}
		return
	}
	l.Verdict, l.Found = OK, "free"
	if running {
		l.Verdict, l.Found, l.Do = Warning, "free, though a door runs: it listens elsewhere", "panoply reload"
	}
}

// checkPlain looks at the way of those who type no https.
func checkPlain(ctx context.Context, o *Options) []Line {
	const outside = "whether others reach it cannot be seen from here"
	sites := o.public()
	if len(sites) == 0 {
		return []Line{{"plain", "", NotChecked, "no site has a name that others ask for", ""}}
	}
	l := Line{Check: "plain", Subject: o.Config.Redirect}
	_, port, _ := net.SplitHostPort(o.Config.Redirect)
	switch {
	case o.Config.Redirect == "off":
		l.Subject, l.Verdict, l.Found, l.Do = "", Warning, "redirect is off: who asks for http:// gets no answer from this door", "add redirect: \":80\", unless a proxy in front redirects"
		return []Line{l}
	case o.mapped():
		l.Verdict, l.Found = NotChecked, "ports are mapped in front of the door (public_port)"
		return []Line{l}
	case port != "80":
		l.Verdict, l.Found, l.Do = Warning, "browsers ask port 80 for http://, the door listens on "+port, "add redirect: \":80\", unless a proxy or a port mapping leads here"
		return []Line{l}
	case o.Running == nil:
		l.Verdict, l.Found = NotChecked, "no door runs; "+outside
		return []Line{l}
	}
	location, err := plainAnswer(ctx, o.Config.Redirect, sites[0])
	switch {
	case err != nil:
		l.Verdict, l.Found, l.Do = Problem, err.Error(), "panoply reload, or look at the door's log"
	case !strings.HasPrefix(location, "https://"+sites[0]):
		l.Verdict, l.Found, l.Do = Problem, "what answers there does not redirect to https://"+sites[0], "stop what listens there"
	default:
		l.Verdict, l.Found = OK, "redirects to https here; "+outside
	}
	return []Line{l}
}

// plainAnswer is where the plain port sends who asks for a site.
func plainAnswer(ctx context.Context, address, site string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/", nil)
	if err != nil {
		return "", err
	}
	req.Host = site
	client := plainClient()
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	return res.Header.Get("Location"), nil
}

// plainClient asks once, without a proxy of the environment and without following.
func plainClient() *http.Client {
	return &http.Client{
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: nil, MaxResponseHeaderBytes: 64 << 10},
	}
}
