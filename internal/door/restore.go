package door

import (
	"context"
	"errors"

	"github.com/panoplysec/panoply/internal/door/admin"
)

const restoreName = "restore.json"

// Switchable returns the names of the guards that Switch knows.
func Switchable() []string { return append([]string(nil), switchable...) }

// RestoreCookies makes the door give session cookies the application's own names back,
// or rename them again. It takes effect at once and holds over restarts, so that a door
// can be taken away without a logout.
func (d *Door) RestoreCookies(restore bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.servers == nil || d.closed {
		return errors.New("door: not running")
	}
	before := d.state.restoring()
	if err := d.state.setRestoring(restore); err != nil {
		return err
	}
	if err := d.rebuild(); err != nil {
		return errors.Join(err, d.state.setRestoring(before))
	}
	d.log.Warn("session cookies", "restore", restore)
	return nil
}

// RestoreCookies tells the door that owns the socket to give session cookies their own
// names back, or to rename them again.
func RestoreCookies(ctx context.Context, socket string, restore bool) error {
	return admin.NewClient(socket).RestoreCookies(ctx, restore)
}

// restoring tells whether session cookies get their own names back.
func (s *state) restoring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restore
}

func (s *state) setRestoring(restore bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restore = restore
	return s.write(restoreName, restore)
}
