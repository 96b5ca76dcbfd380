package door

import (
	"net"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/systemd"
)

func TestListensOn(t *testing.T) {
	for _, tt := range []struct {
		have, address string
		want          bool
	}{
		{"127.0.0.1:443", "127.0.0.1:443", true}, {"127.0.0.1:443", "localhost:443", true}, {"[::1]:443", "localhost:443", true},
		{"0.0.0.0:443", "0.0.0.0:443", true}, {"[::]:443", "0.0.0.0:443", true}, {"[::]:443", ":443", true}, {"[::ffff:192.0.2.1]:443", "192.0.2.1:443", true},
		{"127.0.0.1:443", "127.0.0.1:444", false}, {"192.0.2.1:443", "localhost:443", false}, {"0.0.0.0:443", "127.0.0.1:443", false},
		{"127.0.0.1:443", "0.0.0.0:443", false}, {"127.0.0.1:443", "off", false}, {"127.0.0.1:443", "shop.example:443", false},
	} {
		addr, err := net.ResolveTCPAddr("tcp", tt.have)
		if err != nil {
			t.Fatal(err)
		}
		if got := listensOn(addr, tt.address); got != tt.want {
			t.Errorf("listensOn(%s, %q) = %v, want %v", tt.have, tt.address, got, tt.want)
		}
	}
}

// given opens sockets as a service manager does.
func given(t *testing.T, names ...string) (all []systemd.Socket) {
	t.Helper()
	for _, name := range names {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		all = append(all, systemd.Socket{Name: name, Listener: ln})
	}
	return all
}

func TestTakeSockets(t *testing.T) {
	all := given(t, "http", "tls", "panoply.socket", "tls")
	s := managed(all)
	// By name, wherever they listen.
	if got := s.take(roleTLS, "0.0.0.0:443"); len(got) != 2 || got[0].Listener != all[1].Listener || !got[0].managed {
		t.Errorf("tls = %v, want both of that name", got)
	}
	if got := s.take(roleAdmin, all[0].Addr().String()); got != nil {
		t.Errorf("admin = %v, want none: the name of another role stands over an address", got)
	}
	if got := s.take(roleAdmin, all[2].Addr().String()); len(got) != 1 {
		t.Errorf("admin = %v, want the one that listens there", got)
	}
	err := s.close()
	if err == nil || !strings.Contains(err.Error(), `"http" on `+all[0].Addr().String()) {
		t.Errorf("close() = %v, want to hear of the one that is left", err)
	}
}

func TestRehearsalOpensWhatIsMissing(t *testing.T) {
	cfg := config.Default()
	cfg.Listen, cfg.Redirect, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", "off"
	old := given(t, "", "")
	s := sockets{
		{Listener: old[0].Listener, name: "tls", address: "127.0.0.1:0"},
		{Listener: old[1].Listener, name: "http", address: "127.0.0.1:80"}, // listened on before
	}
	if err := s.rehearse(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if got := s.take(roleTLS, cfg.Listen); len(got) != 1 || got[0].Listener != old[0].Listener {
		t.Errorf("tls = %v, want the inherited one", got)
	}
	got := s.take(rolePlain, cfg.Redirect)
	if len(got) != 1 || got[0].Listener == old[1].Listener {
		t.Fatalf("http = %v, want a new one", got)
	}
	got[0].Close()
	if _, err := old[1].Accept(); err == nil {
		t.Error("what is no longer listened on stays open")
	}
	if err := s.close(); err != nil {
		t.Errorf("close() = %v", err)
	}
	cfg.Redirect = old[0].Addr().String() // in use
	s = managed(given(t, "tls"))
	if err := s.rehearse(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("rehearse = %v, want to hear that an address is in use", err)
	}
}
