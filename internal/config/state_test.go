package config

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestStateDir(t *testing.T) {
	tests := []struct {
		name, goos string
		uid        int
		env        map[string]string
		want       string
	}{
		{"root", "linux", 0, map[string]string{"HOME": "/root"}, "/var/lib/panoply"},
		{"user", "linux", 1000, map[string]string{"HOME": "/home/a"}, "/home/a/.local/state/panoply"},
		{"user with XDG", "freebsd", 1000, map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "/s"}, "/s/panoply"},
		{"relative XDG", "linux", 1000, map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "s"}, "/home/a/.local/state/panoply"},
		{"macOS", "darwin", 501, map[string]string{"HOME": "/Users/a"}, "/Users/a/Library/Application Support/Panoply"},
		{"macOS root", "darwin", 0, nil, "/var/lib/panoply"},
		{"Windows", "windows", -1, map[string]string{"LocalAppData": "/AppData"}, "/AppData/Panoply"},
		{"no home", "linux", 1000, nil, ""},
		{"Windows without", "windows", -1, nil, ""},
		{"macOS without", "darwin", 501, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := stateDir(tt.goos, tt.uid, func(name string) string { return tt.env[name] })
			if filepath.ToSlash(got) != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("stateDir = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestMakeStateDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access lists, not modes")
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := MakeStateDir(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode = %v, %v, want 0700", info.Mode(), err)
	}
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	if err := MakeStateDir(dir); err == nil {
		t.Error("MakeStateDir took a folder that others can write to, want an error")
	}
}

func TestDurationText(t *testing.T) {
	for in, want := range map[string]string{
		"10s": "10s", "90s": "1m30s", "24h": "1d", "7d": "7d", "1d12h": "1d12h", "2h0m": "2h", "1.5h": "1h30m", "0s": "0s",
		"": "!", "7": "!", "d": "!", "-1d": "!", "1d-1h": "!", "1d2d": "!", "200000d": "!", "106751d24h": "!", "1 d": "!",
	} {
		var d Duration
		got := "!"
		if err := d.UnmarshalText([]byte(in)); err == nil {
			got = d.String()
		}
		if got != want {
			t.Errorf("Duration(%q) = %s, want %s", in, got, want)
		}
	}
}
