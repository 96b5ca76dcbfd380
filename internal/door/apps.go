package door

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/balance"
	"github.com/panoplysec/panoply/internal/door/hardcheck"
	"github.com/panoplysec/panoply/internal/door/routes"
	"github.com/panoplysec/panoply/internal/door/upstream"
)

// healthAgent is how the questions of upstreams.health name themselves.
const healthAgent = "panoply-health"

// reachTime is the time to find out whether an application is there.
const reachTime = time.Second

// apps is the way to the applications: a group of addresses for each, the first for what no
// route names.
type apps struct {
	d      *Door
	cfg    *config.Config
	table  *routes.Table
	groups []*upstream.Group
	of     []config.Backend
	uses   []balance.Use
	said   bool // a proxy in front says which host was asked for
	rpc    bool // one of them may speak gRPC
}

func (d *Door) apps(cfg *config.Config) (*apps, error) {
	backends, err := cfg.Backends()
	if err != nil {
		return nil, err
	}
	a := &apps{d: d, cfg: cfg, of: backends, said: len(cfg.Trust.Proxies) > 0}
	number := map[string]int{config.DefaultGroup: 0}
	var errs []error
	for i, b := range backends {
		number[b.Name] = i
		g, err := a.group(b)
		if err != nil {
			errs = append(errs, fmt.Errorf("door: upstream %s: %w", b.Name, err))
			continue
		}
		a.groups = append(a.groups, g)
		a.rpc = a.rpc || b.To[0].Scheme != "http"
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var all []routes.Route
	for _, r := range cfg.Routes {
		all = append(all, routes.Route{Site: r.Site, Path: r.Decoded(), To: number[r.Upstream]})
	}
	a.table = routes.New(all)
	return a, nil
}

// group makes the way to one application.
func (a *apps) group(b config.Backend) (*upstream.Group, error) {
	policy, ok := balance.ParsePolicy(b.Balance)
	if !ok {
		return nil, fmt.Errorf("no way to balance is called %q", b.Balance)
	}
	secure, err := b.TLS.Config()
	if err != nil {
		return nil, err
	}
	d, bounds := a.d, a.cfg.Bounds
	o := upstream.GroupOptions{
		Options: upstream.Options{
			TLS:         secure,
			Connect:     time.Duration(bounds.ConnectTimeout),
			Response:    time.Duration(bounds.ResponseTimeout),
			Idle:        time.Duration(bounds.StreamIdle),
			Forward:     d.forward,
			KeepTrailer: keepTrailer,
			Fail:        d.failed,
			Broken:      d.broken,
			Seen:        d.answered,
			Timed:       d.timed,
			Streams:     d.streams,
			Logger:      d.log,
		},
		Policy: policy,
		Own:    a.cfg.Exchange == "own",
		Client: func(r *http.Request) netip.Prefix { return clientip.Of(r).Prefix },
	}
	for _, to := range b.To {
		t := upstream.Target{Member: d.keeper.Member(b.Name, to.String()), Scheme: to.Scheme, Network: "tcp", Address: to.Host}
		if to.Socket != "" {
			t.Network, t.Address = "unix", to.Socket
		}
		o.Targets = append(o.Targets, t)
		a.uses = append(a.uses, a.use(b, t, o.Options))
	}
	return upstream.NewGroup(o)
}

// use says how an address is looked after.
func (a *apps) use(b config.Backend, t upstream.Target, o upstream.Options) balance.Use {
	where := upstream.Options{Scheme: t.Scheme, Network: t.Network, Address: t.Address, Connect: o.Connect}
	if t.Scheme == "https" {
		where.TLS = o.TLS
	}
	u := balance.Use{Member: t.Member, Connect: where.Reach}
	if h := b.Health; h.Path != "" {
		site := a.siteOf(b.Name)
		u.Check = &balance.Check{
			Interval: time.Duration(h.Interval), Timeout: time.Duration(h.Timeout), Fall: int(h.Fall), Rise: int(h.Rise),
			Ask: func(ctx context.Context) error { return where.Ask(ctx, site, h.Path, healthAgent) },
		}
	}
	return u
}

// siteOf is the host by which the door asks an application.
func (a *apps) siteOf(group string) string {
	return cmp.Or(a.cfg.SiteOf(group), siteOf(a.cfg))
}

// ServeHTTP passes a request to the application that it is for.
func (a *apps) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if a.said {
		host = saidHost(r)
	}
	i, ok := a.table.Pick(host, r.URL)
	if !ok {
		a.d.refuse(w, r, http.StatusBadRequest, "route-ambiguous", "a path that servers read in several ways, which lead to several of upstreams")
		return
	}
	a.groups[i].ServeHTTP(w, r)
}

// converses tells a call of gRPC, whose client may say nothing for long while it listens: it
// is held to bounds.stream_idle and not to bounds.body_min_rate. Where no application can
// speak it, nobody gets that time by saying so.
func (a *apps) converses(r *http.Request) bool {
	if !a.rpc || r.ProtoMajor != 2 || r.Method != http.MethodPost {
		return false
	}
	media := r.Header.Get("Content-Type")
	return strings.HasPrefix(media, "application/grpc")
}

// CloseIdle closes the connections that no request uses.
func (a *apps) CloseIdle() {
	for _, g := range a.groups {
		g.CloseIdle()
	}
}

// members returns those of a group, nil for one that is not there.
func (a *apps) members(group string) []*balance.Member {
	for i, b := range a.of {
		if b.Name == group {
			return a.groups[i].Members()
		}
	}
	return nil
}

// reachable tells whether a group is there, and one of its addresses can be reached.
func (a *apps) reachable(group string) (there, reachable bool) {
	members := a.members(group)
	return len(members) > 0, slices.ContainsFunc(members, (*balance.Member).Reachable)
}

// around looks for ways around the door to each of the applications.
func (a *apps) around(ctx context.Context, addresses func() ([]netip.Addr, error)) []hardcheck.Finding {
	var found []hardcheck.Finding
	for _, b := range a.of {
		for _, to := range b.To {
			if to.Host != "" {
				found = append(found, hardcheck.Around(ctx, to.Host, addresses)...)
			}
		}
	}
	return found
}

// reach connects to each address, and tells whether every application can be reached.
func (a *apps) reach(ctx context.Context) bool {
	var wg sync.WaitGroup
	for _, u := range a.uses {
		wg.Go(func() {
			soon, cancel := context.WithTimeout(ctx, reachTime)
			defer cancel()
			if err := u.Connect(soon); err != nil && ctx.Err() == nil {
				u.Member.Lost()
			}
		})
	}
	wg.Wait()
	for _, b := range a.of {
		if _, ok := a.reachable(b.Name); !ok {
			return false
		}
	}
	return true
}

// probe asks one address of each application, where it is plain HTTP.
func (a *apps) probe(ctx context.Context) []hardcheck.Finding {
	var found []hardcheck.Finding
	for i, b := range a.of {
		for j, to := range b.To {
			if to.Scheme != "http" || to.Host == "" || !a.groups[i].Members()[j].Reachable() {
				continue
			}
			for _, f := range hardcheck.Probe(ctx, &url.URL{Scheme: "http", Host: to.Host}, a.siteOf(b.Name)) {
				if b.Name != config.DefaultGroup {
					f.Line = b.Name + ": " + f.Line
				}
				found = append(found, f)
			}
			break
		}
	}
	return found
}
