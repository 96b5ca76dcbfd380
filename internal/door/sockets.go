package door

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/systemd"
)

// roleNames are what a socket of a service manager is called by (FileDescriptorName), and
// how one door tells another what a socket is for.
var roleNames = [roles]string{roleTLS: "tls", rolePlain: "http", roleAdmin: "admin"}

// roleKeys are the keys of their addresses.
var roleKeys = [roles]string{roleTLS: "listen", rolePlain: "redirect", roleAdmin: "admin.listen"}

// A ready socket was opened before the door was: by the service manager, by the door
// before this one, or in a rehearsal.
type ready struct {
	net.Listener
	name    string // of the role; what the manager said otherwise
	address string // as it is configured; empty for the manager's
	managed bool   // the manager's, who decides where it listens
}

// sockets are those that wait to be used.
type sockets []ready

func managed(given []systemd.Socket) sockets {
	all := make(sockets, len(given))
	for i, s := range given {
		all[i] = ready{Listener: s.Listener, name: s.Name, managed: true}
	}
	return all
}

// take returns the sockets for an address, which then wait no more. A manager's is one by
// its name, or else by where it listens.
func (s *sockets) take(r role, address string) (taken []ready) {
	*s = slices.DeleteFunc(*s, func(one ready) bool {
		fits := one.address == address && one.name == roleNames[r]
		if one.managed && one.address == "" {
			fits = one.name == roleNames[r] || !slices.Contains(roleNames[:], one.name) && listensOn(one.Addr(), address)
		}
		if fits {
			taken = append(taken, one)
		}
		return fits
	})
	return taken
}

// listensOn tells whether a socket is what an address of the configuration means.
func listensOn(have net.Addr, address string) bool {
	host, port, err := net.SplitHostPort(address)
	at, err2 := netip.ParseAddrPort(have.String())
	if err != nil || err2 != nil || fmt.Sprint(at.Port()) != port {
		return false
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "localhost":
		return at.Addr().IsLoopback()
	case host == "" || err == nil && ip.IsUnspecified():
		return at.Addr().IsUnspecified()
	}
	return err == nil && at.Addr().Unmap() == ip.Unmap()
}

// close closes what nobody took. A manager's socket among them is an error: clients would
// wait on it for ever.
func (s *sockets) close() error {
	var unused []string
	for _, one := range *s {
		if one.managed {
			unused = append(unused, fmt.Sprintf("%q on %s", one.name, one.Addr()))
		}
		_ = one.Close()
	}
	*s = nil
	if unused == nil {
		return nil
	}
	return fmt.Errorf("door: the service manager's socket %s is for nothing: name it tls, http or admin (FileDescriptorName), or have it listen where listen, redirect or admin.listen of the configuration say",
		strings.Join(unused, " and "))
}

// addresses are where cfg listens, by role; "off" for nowhere.
func addresses(cfg *config.Config) [roles]string {
	return [roles]string{roleTLS: cfg.Listen, rolePlain: cfg.Redirect, roleAdmin: cfg.Admin.Listen}
}

// rehearse opens what cfg wants and nobody has opened yet, to be taken later.
func (s *sockets) rehearse(ctx context.Context, cfg *config.Config) error {
	var more sockets
	for i, address := range addresses(cfg) {
		had := s.take(role(i), address)
		more = append(more, had...)
		if address == "off" || had != nil {
			continue
		}
		all, err := listenAll(ctx, address)
		if err != nil {
			return errors.Join(err, more.close())
		}
		for _, ln := range all {
			more = append(more, ready{Listener: ln.(patient).Listener, name: roleNames[i], address: address})
		}
	}
	if err := s.close(); err != nil {
		return errors.Join(err, more.close())
	}
	*s = more
	return nil
}
