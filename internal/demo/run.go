package demo

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/certs"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/report"
)

// Options say how the demo runs. The zero value prints to nobody and stays up.
type Options struct {
	// Once returns after the table instead of staying up.
	Once bool
	// JSON writes an object of practice → {"naked", "door"}, each "proved", "broken" or
	// "not proven", in the order of the page, instead of the table.
	JSON bool
	// Stdout takes the table or the JSON, Stderr the lines around them. Nil discards.
	Stdout, Stderr io.Writer
}

// Run shows the shop naked and behind the door. It serves on free loopback ports,
// audits both, writes the result, and stays up until ctx ends unless o.Once is set. The
// door's state is a temporary folder that is gone when Run returns.
//
// A ctx that ends before the table is there is an error with Once, and none without:
// whoever stops the demo may.
func Run(ctx context.Context, o Options) error {
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	err := run(ctx, o)
	if ctx.Err() == nil || err == nil {
		return err
	}
	if o.Once {
		return fmt.Errorf("demo: stopped before the table: %w", context.Cause(ctx))
	}
	return nil
}

func run(ctx context.Context, o Options) error {
	style := report.ForTerminal(o.Stdout, os.LookupEnv)
	st, err := open(ctx)
	if err != nil {
		return err
	}
	defer st.close()

	naked, err := st.audit(ctx, check.Target{URL: st.nakedURL})
	if err != nil {
		return err
	}
	behind, err := st.audit(ctx, check.Target{URL: st.doorURL, Upstream: st.shopAddr, Plain: st.redirectAddr})
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err() // half an audit says nothing
	}
	rows := compare(naked, behind)
	if o.JSON {
		err = writeObject(o.Stdout, rows)
	} else {
		err = writeTable(o.Stdout, rows, style)
	}
	if err != nil {
		return fmt.Errorf("demo: writing the result: %w", err)
	}
	if !o.Once {
		st.invite(o.Stderr)
		<-ctx.Done()
	}
	return nil
}

// stage is the shop and the door in front of it.
type stage struct {
	shop         *http.Server
	door         *door.Door
	state        string
	shopAddr     string
	redirectAddr string
	// The two have different host names, so that one jar of cookies is not the other's.
	nakedURL, doorURL string
	ca                *certs.LocalCA
}

// open starts both. After an error nothing is left behind.
func open(ctx context.Context) (st *stage, err error) {
	st = &stage{}
	defer func() {
		if err != nil {
			st.close()
		}
	}()
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		return st, err
	}
	st.shopAddr = ln.Addr().String()
	st.nakedURL = "http://" + st.shopAddr
	st.shop = &http.Server{
		Handler: Shop(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go st.shop.Serve(ln) // ends with Close

	if st.state, err = os.MkdirTemp("", "panoply-demo-"); err != nil {
		return st, fmt.Errorf("demo: a folder for the door's state: %w", err)
	}
	if st.ca, err = certs.OpenLocalCA(st.state); err != nil {
		return st, fmt.Errorf("demo: %w", err)
	}
	// Between finding a free port and listening on it somebody else may take it.
	for range 5 {
		if err = st.openDoor(ctx); err == nil {
			return st, nil
		}
	}
	return st, err
}

// openDoor starts a door that enforces all it has.
func (st *stage) openDoor(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	cfg := config.Default()
	cfg.Upstream = st.shopAddr
	cfg.Listen = net.JoinHostPort("localhost", port)
	cfg.Redirect = "127.0.0.1:0"
	cfg.Admin.Listen = "off"
	cfg.Log.Access = "off"
	cfg.State = st.state
	// Helmet's whole set: the shop's pages can live with its Content-Security-Policy.
	cfg.Headers.Helmet = &config.Ordered{JSON: []byte("{}")}
	cfg.CSRF.Enforce = "all"
	cfg.Login.Routes = []config.LoginRoute{{Route: "POST /login"}}
	cfg.Bounds.DrainTimeout = config.Duration(time.Second)
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	st.door, err = door.New(door.Options{Config: cfg, Logger: slog.New(slog.DiscardHandler), Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := st.door.Start(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	st.doorURL = "https://" + cfg.Listen
	st.redirectAddr = st.door.RedirectAddr().String()
	return nil
}

// freePort finds a loopback port that nobody listens on. The door must know its port
// before it listens: the names of its cookies are made from it.
func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("demo: a free port: %w", err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

func (st *stage) close() {
	if st.door != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		st.door.Close(ctx) // what is cut here is a visitor of the demo
	}
	if st.shop != nil {
		st.shop.Close()
	}
	if st.state != "" {
		os.RemoveAll(st.state)
	}
}

func (st *stage) audit(ctx context.Context, target check.Target) (*audit.Report, error) {
	r, err := audit.Run(ctx, []check.Target{target}, standard.Checks(), audit.Options{
		Roots: []*x509.Certificate{st.ca.Root()},
		// It is our own shop on our own machine; a visitor's pace would only cost time.
		Rate: 500, Parallel: 16, Active: true,
	})
	if err != nil {
		return nil, fmt.Errorf("demo: auditing %s: %w", target.URL, err)
	}
	return r, nil
}

// invite tells how to go on by hand.
func (st *stage) invite(w io.Writer) {
	fmt.Fprintf(w, `
Try both in a browser, and log in as demo with the password demo:

  naked            %[1]s
  behind the door  %[2]s   (the browser warns: its certificate is the demo's own)

With curl, where the certificate is verified:

  curl -i %[1]s/boom
  curl -i --cacert %[3]s %[2]s/boom

Ctrl-C stops both and deletes the demo's certificates. Your own app: panoply serve :3000
`, st.nakedURL, st.doorURL, st.ca.RootFile())
}
