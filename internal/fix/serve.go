package fix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// A door to the registry on loopback: what package managers are shown of it. It has no
// version that hide names, answers whatever else they want of a proxy with a refusal, and
// passes no header of theirs on.
type showcase struct {
	from *packuments
	// own says that tarballs are named on the showcase itself, below the place where such
	// of a registry are.
	own  bool
	base string

	server *http.Server
	done   chan struct{}

	mu       sync.Mutex
	hide     func(name, version string) bool
	tarballs map[string]tarball
	// refused are what was asked for and not served, for messages.
	refused []string
	failed  error
}

type tarball struct{ name, address string }

// open starts it. Its owner calls close.
func (s *showcase) open(ctx context.Context) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("the registry for the package manager: %w", err)
	}
	s.base = "http://" + ln.Addr().String() + "/"
	s.tarballs = map[string]tarball{}
	s.done = make(chan struct{})
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(ln) // it ends with close
	}()
	return nil
}

func (s *showcase) close() {
	_ = s.server.Close() // nothing is under way that anybody waits for
	<-s.done
}

// show sets what is left out from now on.
func (s *showcase) show(hide func(name, version string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hide, s.refused, s.failed = hide, nil, nil
}

// renamed gives tarballs that were named on the showcase the addresses that they have.
func (s *showcase) renamed(lock []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !bytes.Contains(lock, []byte(s.base)) {
		return lock
	}
	for path, t := range s.tarballs {
		lock = bytes.ReplaceAll(lock, []byte(s.base+path[1:]), []byte(t.address))
	}
	return lock
}

// trouble is why something could not be served since show.
func (s *showcase) trouble() (refused []string, failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused, s.failed
}

func (s *showcase) refuse(w http.ResponseWriter, what string) {
	s.mu.Lock()
	if len(s.refused) < 10 {
		s.refused = append(s.refused, what)
	}
	s.mu.Unlock()
	http.Error(w, "not served", http.StatusForbidden)
}

func (s *showcase) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect && "http://"+r.Host+"/" == s.base {
		s.tunnel(w) // Yarn asks its proxy for what is on loopback, too
		return
	}
	// What names another host takes this for a proxy.
	if r.Method == http.MethodConnect || r.URL.Host != "" && "http://"+r.URL.Host+"/" != s.base {
		s.refuse(w, r.Method+" "+r.Host)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.refuse(w, r.Method+" "+r.URL.Path)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if strings.Contains(name, "/-/") {
		s.tarball(w, r)
		return
	}
	p, err := s.from.get(r.Context(), name)
	if err == nil {
		var text []byte
		if text, err = s.shown(name, p); err == nil {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(text)
			return
		}
	}
	s.fail(w, err)
}

// tunnel leads a connection to the showcase itself.
func (s *showcase) tunnel(w http.ResponseWriter) {
	from, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "not served", http.StatusForbidden)
		return
	}
	defer from.Close()
	to, err := net.Dial("tcp", strings.Trim(strings.TrimPrefix(s.base, "http:"), "/"))
	if err != nil {
		return
	}
	defer to.Close()
	if _, err := io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(to, from)
		to.Close() // which ends the other way as well
	}()
	_, _ = io.Copy(from, to)
}

func (s *showcase) fail(w http.ResponseWriter, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, `{"error":"not found"}`, http.StatusNotFound)
		return
	}
	s.mu.Lock()
	if s.failed == nil {
		s.failed = err
	}
	s.mu.Unlock()
	http.Error(w, `{"error":"the registry cannot be asked"}`, http.StatusBadRequest) // which is not tried again
}

// shown is a packument without what is hidden.
func (s *showcase) shown(name string, p *document) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var doc map[string]json.RawMessage
	var versions map[string]json.RawMessage
	if err := json.Unmarshal(p.text, &doc); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(doc["versions"], &versions); err != nil {
		return nil, fmt.Errorf("%s: the registry's answer has no versions: %w", name, err)
	}
	highest := ""
	for _, v := range p.order {
		at := v.String()
		if s.hide(name, at) {
			delete(versions, at)
			continue
		}
		if highest == "" || v.Prerelease == "" {
			highest = at
		}
		text, err := s.named(name, at, versions[at], p.Versions[at])
		if err != nil {
			return nil, err
		}
		versions[at] = text
	}
	tags := map[string]string{}
	for tag, v := range p.Tags {
		if versions[v] != nil {
			tags[tag] = v
		}
	}
	if tags["latest"] == "" && highest != "" {
		tags["latest"] = highest
	}
	doc["versions"], _ = json.Marshal(versions) // made of what was read
	doc["dist-tags"], _ = json.Marshal(tags)
	return json.Marshal(doc)
}

// named notes where the tarball of a version is, and names it on the showcase where the
// package manager writes addresses of its registry alone.
func (s *showcase) named(name, version string, text json.RawMessage, r *release) (json.RawMessage, error) {
	usual := usualTarball(name, version)
	if r.Dist.Tarball == "" {
		return text, nil
	}
	s.tarballs["/"+usual] = tarball{name, r.Dist.Tarball}
	u, err := url.Parse(r.Dist.Tarball)
	if err != nil {
		return text, nil
	}
	s.tarballs[u.EscapedPath()] = tarball{name, r.Dist.Tarball}
	if !s.own || !strings.HasSuffix(u.EscapedPath(), "/"+usual) && !strings.HasSuffix(u.Path, "/"+usual) {
		return text, nil
	}
	// The address is written in the quoted form that it was read in.
	old, _ := json.Marshal(r.Dist.Tarball)
	return bytes.Replace(text, old, []byte(quoteJSON(s.base+usual)), 1), nil
}

// usualTarball is where registries keep a tarball.
func usualTarball(name, version string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]
	return name + "/-/" + base + "-" + version + ".tgz"
}

func (s *showcase) tarball(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	t, ok := s.tarballs[r.URL.EscapedPath()]
	if !ok {
		t, ok = s.tarballs[r.URL.Path]
	}
	s.mu.Unlock()
	if !ok {
		// One that is locked, of a package that nothing asked about yet.
		var err error
		if t, err = s.find(r.Context(), r.URL.Path); err != nil {
			s.fail(w, err)
			return
		}
	}
	from, ok := s.from.from.(tarballs)
	if !ok {
		s.fail(w, fmt.Errorf("%s: stored packuments have no tarballs: %w", t.name, fs.ErrNotExist))
		return
	}
	body, err := from.Tarball(r.Context(), t.address)
	if err != nil {
		s.fail(w, err)
		return
	}
	defer body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = io.Copy(w, body)
}

// find tells of which version a tarball is by its usual place.
func (s *showcase) find(ctx context.Context, path string) (tarball, error) {
	name, file, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/-/")
	if at := strings.LastIndexByte(name, '/'); at > 0 && !strings.HasPrefix(name[strings.LastIndexByte(name[:at], '/')+1:], "@") {
		name = name[at+1:]
	}
	p, err := s.from.get(ctx, name)
	if err != nil {
		return tarball{}, err
	}
	base := name[strings.LastIndexByte(name, '/')+1:]
	version := strings.TrimSuffix(strings.TrimPrefix(file, base+"-"), ".tgz")
	if v, err := npmsemver.Parse(version, npmsemver.Options{}); err == nil && p.Versions[v.String()] != nil {
		return tarball{name, p.Versions[v.String()].Dist.Tarball}, nil
	}
	return tarball{}, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
}
