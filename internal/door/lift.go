package door

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/sessions"
)

const (
	// sessionsName is what is kept of the lift: since when values leave sealed.
	sessionsName = "sessions.json"
	// endedName is the store of what has ended.
	endedName = "sessions.db"
	// endedBucket is its bucket.
	endedBucket = "ended"
)

// compileSessions makes the lift; nil where nothing is to be done, or the state is not
// open yet.
func (d *Door) compileSessions(cfg *config.Config, mode guard.Mode, cookies *cookie.Guard) (*sessions.Lift, error) {
	if d.state == nil {
		return nil, nil
	}
	seal := mode == guard.Enforce && cfg.Sessions.Seal == "on"
	since, err := d.state.sealedSince(seal && !d.state.restoring())
	if err != nil {
		return nil, err
	}
	if mode == guard.Off && since.IsZero() {
		return nil, nil
	}
	if err := d.openEnded(mode); err != nil {
		return nil, err
	}
	c := cfg.Sessions
	return sessions.New(sessions.Options{
		Mode: mode, Cookies: cookies, Key: d.state.derive("session-lift"), Ended: d.ended, Sink: d.sink(nameSessions),
		Unsealed: c.Seal != "on", Restore: d.state.restoring(), Since: since, Migrate: time.Duration(cfg.Cookies.Migrate),
		Idle: time.Duration(c.Idle), Absolute: time.Duration(c.Absolute), Renewal: time.Duration(c.Renewal), Grace: time.Duration(c.Grace),
		Login: c.Login, Logout: c.Logout,
	})
}

// openEnded makes the memory of what has ended, which lives as long as the door. Where
// logouts are made final it is on the disk.
func (d *Door) openEnded(mode guard.Mode) error {
	if d.ended == nil {
		d.ended = sessions.NewEnded(d.state.derive("ended-sessions"))
	}
	if d.doors == nil {
		d.tellDoors()
	}
	if mode != guard.Enforce || d.store != nil {
		return nil
	}
	store, err := diskstore.Open(diskstore.Options{Path: filepath.Join(d.state.dir, endedName)})
	if err != nil {
		return fmt.Errorf("door: %w", err)
	}
	err = d.ended.Keep(context.Background(), store.Bucket(endedBucket), func(err error) {
		d.log.Error("a logout could not be kept; it holds until the door stops", "err", err)
	})
	if err != nil {
		_ = store.Close()
		return fmt.Errorf("door: read %s: %w", endedName, err)
	}
	d.store, d.keepsEnded = store, true
	return nil
}

// closeStores lets go of all that is open in the state folder.
func (d *Door) closeStores() {
	d.closeEnded()
	d.closeLimits()
	if d.origins != nil {
		d.origins.Close()
	}
}

// closeEnded lets go of the store.
func (d *Door) closeEnded() {
	d.doors.close()
	if d.store == nil {
		return
	}
	if err := d.store.Close(); err != nil {
		d.log.Error("the store of ended sessions", "err", err)
	}
	d.store = nil
}

// sealedSince returns since when values leave sealed, which is now when that begins; the
// zero time before.
func (s *state) sealedSince(seals bool) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed.IsZero() && seals {
		s.sealed = time.Now().UTC().Truncate(time.Second)
		return s.sealed, s.write(sessionsName, s.sealed)
	}
	return s.sealed, nil
}
