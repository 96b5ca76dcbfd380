package metavuln

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/npmsemver"
	"github.com/panoplysec/panoply/internal/packument"
)

// A Packument is what a registry says of a package.
type Packument struct {
	Name     string               `json:"name"`
	Tags     map[string]string    `json:"dist-tags"`
	Versions map[string]*Manifest `json:"versions"`

	// sorted are the names of the versions, lowest first.
	sorted []version
}

// A Manifest is one version of a package.
type Manifest struct {
	Dependencies packument.Specs `json:"dependencies"`
	Optional     packument.Specs `json:"optionalDependencies"`
	Peer         packument.Specs `json:"peerDependencies"`
	Bundled      words           `json:"bundleDependencies"`
	Deprecated   text            `json:"deprecated"`
}

// words is a list of texts, and nothing of another shape: packages of the first years
// have true and objects there.
type words []string

func (w *words) UnmarshalJSON(b []byte) error {
	var list []string
	if json.Unmarshal(b, &list) == nil {
		*w = list
	}
	return nil
}

// text is a text; of another shape it is "true" unless it is false or null.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	switch err := json.Unmarshal(b, &s); {
	case err == nil:
		*t = text(s)
	case string(b) != "false":
		*t = "true"
	}
	return nil
}

// spec is what a manifest asks of another package; false when it does not depend on it.
func (m *Manifest) spec(name string) (string, bool) {
	for _, section := range []packument.Specs{m.Dependencies, m.Optional, m.Peer} {
		if s, ok := section[name]; ok {
			return s, true
		}
	}
	return "", false
}

// A version is one with its text.
type version struct {
	text string
	npmsemver.Version
}

var (
	strict = npmsemver.Options{}
	lax    = npmsemver.Options{Loose: true}
	wide   = npmsemver.Options{Loose: true, IncludePrerelease: true}
)

// ParsePackument reads a packument. The error says what is wrong with it.
func ParsePackument(text []byte) (*Packument, error) {
	p := new(Packument)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("is no packument: %w", err)
	}
	if p.Name == "" {
		return nil, errors.New("is no packument: it has no name")
	}
	for name, m := range p.Versions {
		if m == nil {
			return nil, fmt.Errorf("is no packument: version %.80q is null", name)
		}
	}
	p.sort()
	return p, nil
}

func (p *Packument) sort() {
	for name := range p.Versions {
		if v, err := npmsemver.Parse(name, wide); err == nil {
			p.sorted = append(p.sorted, version{name, v})
		}
	}
	slices.SortFunc(p.sorted, func(a, b version) int {
		if n := a.Compare(b.Version); n != 0 {
			return n
		}
		return strings.Compare(a.text, b.text)
	})
}

// A Source gives packuments by name: nil for one that it does not have. An error means
// that it has one and could not read it.
type Source func(name string) (*Packument, error)

// Folder is a Source of the files of a folder; see packument.Folder.
func Folder(fsys fs.FS) Source {
	folder := &packument.Folder{Files: fsys}
	return func(name string) (*Packument, error) {
		text, err := folder.Packument(context.Background(), name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		p, err := ParsePackument(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("packument of %s: %w", name, err)
		case p.Name != name:
			return nil, fmt.Errorf("packument of %s: is that of %.200q", name, p.Name)
		}
		return p, nil
	}
}
