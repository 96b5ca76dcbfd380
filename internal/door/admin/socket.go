package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// SocketName is the socket's name within the state folder.
const SocketName = "admin.sock"

// maxPath is what every system takes for a socket's path (macOS: 104 with its NUL).
const maxPath = 103

// ErrUnsupported says that this system cannot tell who is at the other end.
var ErrUnsupported = errors.New("admin: this system has no unix socket that tells its peer; status, off and reload are not available")

// Control is what the socket's orders act on.
type Control interface {
	Status() Status
	Switch(guard, mode string) error
	ReloadNow() error
	// Upgrade has the door's program started again and take over; it returns the process.
	Upgrade() (pid int, err error)
	RestoreCookies(restore bool) error
	LimitsControl
	CSRFControl
	WhyControl
	AllowControl
	ConfigurationControl
}

// Listen opens the socket in the state folder. A socket left behind by a door that died
// is replaced; one that answers is an error.
func Listen(stateDir string) (net.Listener, error) {
	if !peerSupported {
		return nil, ErrUnsupported
	}
	path := filepath.Join(stateDir, SocketName)
	if len(path) > maxPath {
		return nil, fmt.Errorf("admin: the path %s is too long for a unix socket (%d bytes, %d fit); choose a shorter state folder", path, len(path), maxPath)
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("admin: make the state folder: %w", err)
	}
	info, err := os.Stat(stateDir)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		// Else the socket is open to all between its making and its chmod.
		if err := os.Chmod(stateDir, 0o700); err != nil {
			return nil, fmt.Errorf("admin: close the state folder to others: %w", err)
		}
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("admin: another door runs on %s; stop it, or give this one its own state folder", stateDir)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("admin: remove the socket of a door that is gone: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("admin: open the socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("admin: close the socket to others: %w", err)
	}
	return ownPeers{ln}, nil
}

// Adopt hears on a socket that Listen opened in another process. The socket stays when the
// listener is closed, unless its SetUnlinkOnClose says otherwise.
func Adopt(ln net.Listener) (net.Listener, error) {
	if _, ok := ln.(*net.UnixListener); !ok || !peerSupported {
		return nil, fmt.Errorf("admin: a %T is not the admin socket", ln)
	}
	return ownPeers{ln}, nil
}

// ownPeers marks the connections of anyone but the door's own user and root.
type ownPeers struct{ net.Listener }

// Unwrap returns the unix listener.
func (l ownPeers) Unwrap() net.Listener { return l.Listener }

func (l ownPeers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	uid, err := peerUID(conn)
	if err != nil || uid != 0 && uid != os.Geteuid() {
		return stranger{conn}, nil
	}
	return conn, nil
}

// stranger is a connection that is not heard, only told so.
type stranger struct{ net.Conn }

type strangerKey struct{}

func markStranger(ctx context.Context, conn net.Conn) context.Context {
	if _, ok := conn.(stranger); ok {
		return context.WithValue(ctx, strangerKey{}, true)
	}
	return ctx
}

// Serve returns a server for the socket; the caller serves it on Listen's listener and
// closes it.
func Serve(c Control) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, c.Status())
	})
	mux.HandleFunc("POST /switch", order(func(_ context.Context, o Order) (any, error) {
		return failure{}, c.Switch(o.Guard, o.Mode)
	}))
	mux.HandleFunc("POST /cookies", order(func(_ context.Context, o CookieOrder) (any, error) {
		return failure{}, c.RestoreCookies(o.Restore)
	}))
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) { done(w, c.ReloadNow()) })
	mux.HandleFunc("POST /upgrade", func(w http.ResponseWriter, _ *http.Request) {
		pid, err := c.Upgrade()
		if err != nil {
			done(w, err)
			return
		}
		answer(w, http.StatusOK, Upgraded{pid})
	})
	serveLimits(mux, c)
	serveCSRF(mux, c)
	serveWhy(mux, c)
	serveAllow(mux, c)
	serveConfiguration(mux, c)
	heard := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(strangerKey{}) != nil {
			answer(w, http.StatusForbidden, failure{"the door does not hear this user; run as the user that started it, or as root"})
			return
		}
		mux.ServeHTTP(w, r)
	})
	return &http.Server{Handler: heard, ConnContext: markStranger, ReadTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second}
}

// order reads an order of type T, and answers with what do returns.
func order[T any](do func(ctx context.Context, o T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o T
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&o); err != nil {
			answer(w, http.StatusBadRequest, failure{"admin: the order is not JSON"})
			return
		}
		out, err := do(r.Context(), o)
		if err != nil {
			done(w, err)
			return
		}
		answer(w, http.StatusOK, out)
	}
}

// failure carries an error's text to the operator, who may know it whole.
type failure struct {
	Error string `json:"error"`
}

func done(w http.ResponseWriter, err error) {
	if err != nil {
		answer(w, http.StatusUnprocessableEntity, failure{err.Error()})
		return
	}
	answer(w, http.StatusOK, failure{})
}

// A Client speaks to the door that owns a socket.
type Client struct{ http http.Client }

// NewClient returns a client of the socket at path. Each call is a connection of its own.
func NewClient(path string) *Client {
	return &Client{http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}}}
}
