package door

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/kinds"
)

// kindName is the file of what kind of application was found.
const kindName = "kind.json"

// kindMeans says what a kind changes.
var kindMeans = map[string]string{
	kinds.Pages: "what the door refuses is text where a client does not say what it wants",
	kinds.SPA:   "what the door refuses to a script is problem+json where it does not say what it wants",
	kinds.API:   "what the door refuses is problem+json where a client does not say what it wants",
}

// openKind reads what was found before.
func (d *Door) openKind() error {
	var found kinds.Found
	if err := d.state.read(kindName, &found); err != nil {
		return err
	}
	d.kinds = kinds.New(kinds.Options{Found: found, Tell: d.foundKind})
	return nil
}

// foundKind keeps and tells it.
func (d *Door) foundKind(f kinds.Found) {
	err := d.keepKind(f)
	if errors.Is(err, errMoved) {
		return // the door that has taken over sees the same answers
	}
	if err != nil {
		d.log.Error("the kind of the application could not be kept; it is found again after a restart", "err", err)
	}
	if d.current.Load().cfg.Kind != kinds.Auto {
		return
	}
	if f.Kind == kinds.Auto {
		d.say("kind: the application sends pages now, and is no API any more (as an API: kind: api)")
		return
	}
	d.say("kind: the application looks like %s (%s): %s (say it: kind: %s; as before: kind: pages)", f.Kind, f.Why, kindMeans[f.Kind], f.Kind)
}

func (d *Door) keepKind(f kinds.Found) error {
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	return d.state.write(kindName, f)
}

// kindOf is the kind that holds under cfg.
func (d *Door) kindOf(cfg *config.Config) string {
	if cfg.Kind != kinds.Auto || d.kinds == nil {
		return cfg.Kind
	}
	return d.kinds.Kind()
}

// prefersJSON is conceal's PreferJSON: nothing is decided by it but the form of a page.
func (d *Door) prefersJSON(cfg *config.Config) func(*http.Request) bool {
	return func(r *http.Request) bool {
		switch d.kindOf(cfg) {
		case kinds.API:
			return true
		case kinds.SPA:
			return r.Header.Get("Sec-Fetch-Dest") == "empty" || r.Header.Get("X-Requested-With") == "XMLHttpRequest"
		}
		return false
	}
}

// kindStatus is what panoply status says of it.
func (d *Door) kindStatus(cfg *config.Config) admin.Kind {
	found := d.kinds.Found()
	k := admin.Kind{Kind: d.kindOf(cfg), By: "configuration"}
	if cfg.Kind == kinds.Auto {
		k.By, k.Why = "found", found.Why
		if found.Kind == kinds.Auto {
			k.By, k.Why = "default", "too little was seen to tell; as pages until then"
		}
	}
	return k
}

// FoundKind returns what kind of application a door found that keeps its state in a
// folder, and the file that says so; "" when none was found.
func FoundKind(stateDir string) (kind, file string) {
	file = filepath.Join(stateDir, kindName)
	text, err := os.ReadFile(file)
	var found kinds.Found
	if err != nil || json.Unmarshal(text, &found) != nil {
		return "", file
	}
	if kind = kinds.New(kinds.Options{Found: found}).Kind(); kind == kinds.Auto {
		kind = ""
	}
	return kind, file
}
