package door

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/internal/config"
)

// useKey has everything derived from the key that doors share, where there is one, in
// place of the one in the state folder.
func (s *state) useKey(cfg *config.Config) error {
	if cfg.InstallKey == "" {
		return nil
	}
	key, err := config.ReadInstallKey(cfg.InstallKey)
	if err != nil {
		return fmt.Errorf("door: install_key: %w", err)
	}
	s.key, s.shared = key, true
	return nil
}

// sameKey refuses a configuration with another key: every client would be logged out by a
// reload.
func (s *state) sameKey(cfg *config.Config) error {
	if (cfg.InstallKey != "") != s.shared {
		return errors.New("door: install_key cannot change while running; restart")
	}
	if !s.shared {
		return nil
	}
	key, err := config.ReadInstallKey(cfg.InstallKey)
	if err != nil {
		return fmt.Errorf("door: install_key: %w", err)
	}
	if !bytes.Equal(key, s.key) {
		return errors.New("door: install_key cannot change while running; restart")
	}
	return nil
}

// keyMark tells doors apart that would not recognise what the other gave out.
func (s *state) keyMark() string { return hex.EncodeToString(s.derive("handover")) }

// sayUnshared tells of a name that other doors do not recognise before they see the
// application set it.
func (d *Door) sayUnshared(g *cookie.Guard, seen []cookie.Seen) {
	for _, s := range seen {
		if d.state.shared && !s.Kept && !g.SharedName(s.Name) && d.state.sayOnce(s.Name) {
			d.say("cookies: %s is renamed, and the other doors do not know it yet; add cookies.session: [%s]", s.Name, s.Name)
		}
	}
}

// sayOnce is true for the first call with a name.
func (s *state) sayOnce(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told[name] {
		return false
	}
	if s.told == nil {
		s.told = map[string]bool{}
	}
	s.told[name] = true
	return true
}
