package fix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"sync"

	"github.com/panoplysec/panoply/internal/npmsemver"
	"github.com/panoplysec/panoply/internal/packument"
)

// A Registry tells about packages. It is safe for concurrent use. Those of packages
// npmregistry and packument are.
type Registry interface {
	// Packument returns what the registry says of a package, in JSON. The error of a
	// package that it does not have is fs.ErrNotExist.
	Packument(ctx context.Context, name string) ([]byte, error)
}

// tarballs is a Registry that has tarballs, too.
type tarballs interface {
	Tarball(ctx context.Context, address string) (io.ReadCloser, error)
}

// A document is what is read of a registry's answer.
type document struct {
	Tags     map[string]string
	Versions map[string]*release

	// order are the versions that can be read, lowest first.
	order []npmsemver.Version
	// text is the answer itself.
	text []byte
}

// A release is one version of a package.
type release struct {
	Dependencies         packument.Specs `json:"dependencies"`
	OptionalDependencies packument.Specs `json:"optionalDependencies"`
	PeerDependencies     packument.Specs `json:"peerDependencies"`
	Deprecated           flag            `json:"deprecated"`
	Engines              engines         `json:"engines"`
	Dist                 struct {
		Tarball string `json:"tarball"`
	} `json:"dist"`
}

// engines are the versions of Node.js on which a release runs; empty for all.
type engines string

func (e *engines) UnmarshalJSON(text []byte) error {
	var of struct{ Node string }
	if json.Unmarshal(text, &of) == nil { // old ones are lists, and say nothing
		*e = engines(of.Node)
	}
	return nil
}

// A flag is set by a text that is not empty, or by true: registries have both.
type flag bool

func (f *flag) UnmarshalJSON(text []byte) error {
	s := string(text)
	*f = s != `""` && s != "false" && s != "null"
	return nil
}

// spec is what a release asks for under a name.
func (r *release) spec(name string) (string, bool) {
	for _, section := range []packument.Specs{r.OptionalDependencies, r.Dependencies, r.PeerDependencies} {
		if s, ok := section[name]; ok {
			return s, true
		}
	}
	return "", false
}

// packuments reads each package once. It is safe for concurrent use.
type packuments struct {
	from Registry
	mu   sync.Mutex
	read map[string]*reading
}

type reading struct {
	mu   sync.Mutex
	done bool
	got  *document
	err  error
}

func newPackuments(from Registry) *packuments {
	return &packuments{from: from, read: map[string]*reading{}}
}

func (p *packuments) get(ctx context.Context, name string) (*document, error) {
	if !packageName(name) {
		return nil, fmt.Errorf("%.100q is no name of a package", name)
	}
	p.mu.Lock()
	r := p.read[name]
	if r == nil {
		r = new(reading)
		p.read[name] = r
	}
	p.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return r.got, r.err
	}
	text, err := p.from.Packument(ctx, name)
	if err == nil {
		r.got, err = readPackument(name, text)
	}
	r.err = err
	r.done = ctx.Err() == nil // one who was called off tells nothing
	return r.got, r.err
}

// trouble is why a package could not be asked for, other than that there is none.
func (p *packuments) trouble() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range sortedKeys(p.read) {
		r := p.read[name]
		r.mu.Lock()
		err := r.err
		r.mu.Unlock()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func readPackument(name string, text []byte) (*document, error) {
	var read struct {
		Tags     map[string]string          `json:"dist-tags"`
		Versions map[string]json.RawMessage `json:"versions"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, fmt.Errorf("the registry's answer about %s is no packument: %w", name, err)
	}
	got := &document{text: text, Tags: read.Tags, Versions: make(map[string]*release, len(read.Versions))}
	for v, about := range read.Versions {
		// What cannot be read is never chosen.
		r := new(release)
		if parsed, err := npmsemver.Parse(v, npmsemver.Options{}); err == nil && parsed.String() == v && json.Unmarshal(about, r) == nil {
			got.order = append(got.order, parsed)
			got.Versions[v] = r
		}
	}
	sortVersions(got.order)
	return got, nil
}

// packageName keeps what a lockfile or a manifest calls a package from being a path or
// an address of its own.
func packageName(name string) bool {
	if len(name) > 214 || strings.ContainsAny(name, "\\%?#: \t\r\n") || url.PathEscape(name) == "" {
		return false
	}
	scope, rest, scoped := strings.Cut(name, "/")
	if !scoped {
		return name != "" && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "@")
	}
	return strings.HasPrefix(scope, "@") && len(scope) > 1 && rest != "" && !strings.Contains(rest, "/") && !strings.HasPrefix(rest, ".") && !strings.HasPrefix(scope, "@.")
}
