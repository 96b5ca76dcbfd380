package door

import (
	"strings"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/admin"
)

// Configuration lists every value that is in force, with where it came from. What Switch
// and the confirmations of logins changed since is no part of it.
func (d *Door) Configuration() []admin.Setting {
	effective := d.current.Load().cfg.Effective()
	all := make([]admin.Setting, len(effective))
	for i, s := range effective {
		all[i] = admin.Setting{
			Path: s.Path, Value: s.Value, Origin: s.Origin.String(),
			Stays: s.Origin != config.Origin{} && s.Origin.File == "", Fixed: Fixed(s.Path),
		}
	}
	return all
}

// Fixed reports whether a reload that changes the value at path is refused: see Reload.
// The files of limits.secret and install_key may be others, as long as they hold the same.
func Fixed(path string) bool {
	return path == "state" || path == "install_key" || strings.HasPrefix(path, "limits.")
}
