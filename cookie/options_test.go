package cookie_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
)

func TestNewReturnsEveryProblem(t *testing.T) {
	many := make([]cookie.Seen, cookie.MaxNames+1)
	for i := range many {
		many[i].Name = fmt.Sprint("n", i)
	}
	for _, c := range []struct {
		name   string
		opts   cookie.Options
		fields []string
	}{
		{"zero value", cookie.Options{}, nil},
		{"mode", cookie.Options{Mode: 9}, []string{"Mode"}},
		{"names", cookie.Options{Session: []string{"ok", "a;b", ""}, Script: []string{"a=b", "x\n"}},
			[]string{"Session[1]", "Session[2]", "Script[0]", "Script[1]"}},
		{"session that script reads", cookie.Options{Session: []string{"a"}, Script: []string{"b", "a"}}, []string{"Script[1]"}},
		{"short key", cookie.Options{Rename: cookie.Rename{Key: []byte("short"), Site: "a"}}, []string{"Rename.Key"}},
		{"no site", cookie.Options{Rename: cookie.Rename{Key: installKey}}, []string{"Rename.Site"}},
		{"site with a line break", cookie.Options{Rename: cookie.Rename{Key: installKey, Site: "a\nb"}}, []string{"Rename.Site"}},
		{"restore without a key", cookie.Options{Rename: cookie.Rename{Restore: true}}, []string{"Rename.Restore"}},
		{"restore and off", cookie.Options{Rename: cookie.Rename{Restore: true, Off: true}}, []string{"Rename.Restore"}},
		{"seen", cookie.Options{Seen: []cookie.Seen{{Name: "a"}, {Name: "a"}, {Name: "__Host-x"}, {Name: "b", SameSite: "lax"}, {Name: "c", Lifetime: -1}}},
			[]string{"Seen[1].Name", "Seen[2].Name", "Seen[3].SameSite", "Seen[4].Lifetime"}},
		{"too many seen", cookie.Options{Seen: many}, []string{"Seen"}},
		{"all at once", cookie.Options{Mode: 9, Session: []string{";"}, Rename: cookie.Rename{Key: []byte("k")}},
			[]string{"Mode", "Session[0]", "Rename.Key", "Rename.Site"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := cookie.New(c.opts)
			var fields []string
			for _, e := range guard.OptionErrors(err) {
				fields = append(fields, e.Field)
				if strings.Contains(e.Error(), string(installKey)) || e.Package != "cookie" {
					t.Errorf("New: %v names the key or another package", e)
				}
			}
			if !slices.Equal(fields, c.fields) {
				t.Errorf("New complains about %q, want %q", fields, c.fields)
			}
		})
	}
}

func TestEffective(t *testing.T) {
	got := cookie.Options{}.Effective()
	if got.Rename.Migrate != 7*24*time.Hour || !got.Rename.Off {
		t.Errorf("Effective of the zero value = %+v, want migrate 7 days and, for want of a key, renaming off", got.Rename)
	}
	given := cookie.Options{Session: []string{"a"}, Rename: cookie.Rename{Key: installKey, Site: "s", Migrate: time.Hour, Restore: true}}
	got = given.Effective()
	if got.Rename.Migrate != time.Hour || got.Rename.Off || !got.Rename.Restore {
		t.Errorf("Effective = %+v, want what was given", got.Rename)
	}
	got.Session[0] = "changed"
	if given.Session[0] != "a" {
		t.Error("Effective shares its slices with the options")
	}
}

func TestNewKeygripReturnsEveryProblem(t *testing.T) {
	_, err := cookie.NewKeygrip(cookie.KeygripOptions{Algorithm: "crc32", Encoding: "base32"})
	var fields []string
	for _, e := range guard.OptionErrors(err) {
		fields = append(fields, e.Field)
	}
	if want := []string{"Keygrip.Keys", "Keygrip.Algorithm", "Keygrip.Encoding"}; !slices.Equal(fields, want) {
		t.Errorf("NewKeygrip complains about %q, want %q", fields, want)
	}
}
