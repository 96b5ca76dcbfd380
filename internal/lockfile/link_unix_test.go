//go:build unix

package lockfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// A lockfile that is a link to nothing is not the same as none.
func TestLinkToNowhere(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("absent", filepath.Join(dir, "package-lock.json")); err != nil {
		t.Fatal(err)
	}
	found := lockfile.Read(os.DirFS(dir))
	if len(found.Errors) != 1 || !strings.Contains(found.Errors[0].Error(), "package-lock.json: is a link that leads nowhere") {
		t.Errorf("errors = %v, want one of the link", found.Errors)
	}
}
