package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/load"
)

// TestUpgradeWithASharedKey: a door with an install_key is upgraded as any other, and not to
// one with another key, for which every visitor would be a stranger.
func TestUpgradeWithASharedKey(t *testing.T) {
	keys := t.TempDir()
	for name, text := range map[string]string{"one": "0123456789abcdef0123456789abcdef0123\n", "two": "fedcba9876543210fedcba9876543210\n\n", "secret": strings.Repeat("s", 32)} {
		if err := os.WriteFile(filepath.Join(keys, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, more := range map[string]string{"limits by the key": "", "limits by a secret": "limits: {secret: " + filepath.Join(keys, "secret") + "}\n"} {
		t.Run(name, func(t *testing.T) {
			key := "install_key: " + filepath.Join(keys, "one") + "\n"
			r := serveProgram(t, load.App(), key+more)
			r.awaitUp()
			r.upgrade()
			good := r.configure("")
			for _, other := range []string{"", "install_key: " + filepath.Join(keys, "two") + "\n"} {
				r.configure(strings.Replace(good, key, other, 1))
				if code, said := r.panoply("upgrade"); code != 3 || !strings.Contains(said, "install_key cannot change in an upgrade") {
					t.Errorf("with %q: panoply upgrade = %d %q, want 3 and a refusal", other, code, said)
				}
			}
			r.configure(good)
			r.upgrade()
		})
	}
}
