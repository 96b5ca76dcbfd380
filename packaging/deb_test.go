package packaging_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
)

// built makes the package, and returns the folder of what it holds and its file.
func built(t *testing.T) (dist, deb string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program")
	}
	for _, program := range []string{"make", "bash", "dpkg-deb"} {
		need.Program(t, program)
	}
	if runtime.GOOS != "linux" {
		t.Skip("the program of the package runs on Linux")
	}
	dist = t.TempDir()
	// What packs tight takes longer than all the rest.
	env := []string{"DPKG_DEB_COMPRESSOR_TYPE=none", "SOURCE_DATE_EPOCH=1764547200", "GOPROXY=off", "MAKEFLAGS="}
	command(t, repository(t), env, "make", "deb", "DIST="+dist, "VERSION=v9.8.7-6-gabcdef")
	return dist, filepath.Join(dist, "panoply_9.8.7+6.gabcdef_"+runtime.GOARCH+".deb")
}

func TestDeb(t *testing.T) {
	dist, deb := built(t)
	static(t, filepath.Join(dist, "panoply"))
	content := command(t, "", nil, "dpkg-deb", "-c", deb)
	for _, line := range strings.Split(strings.TrimSpace(content), "\n") {
		if f := strings.Fields(line); f[1] != "root/root" || f[0][5] == 'w' || f[0][8] == 'w' {
			t.Errorf("%s: want root's, writable for nobody else", line)
		}
	}
	root, control := t.TempDir(), t.TempDir()
	command(t, "", nil, "dpkg-deb", "-x", deb, root)
	command(t, "", nil, "dpkg-deb", "-e", deb, control)

	t.Run("control", func(t *testing.T) {
		fields := text(t, filepath.Join(control, "control"))
		for _, want := range []string{"Package: panoply", "Version: 9.8.7+6.gabcdef", "Architecture: " + runtime.GOARCH, "Depends: systemd | systemd-sysusers"} {
			if !strings.Contains(fields, want+"\n") {
				t.Errorf("control has no line %q:\n%s", want, fields)
			}
		}
		for name := range strings.Lines(text(t, filepath.Join(control, "conffiles"))) {
			if _, err := os.Stat(filepath.Join(root, strings.TrimSpace(name))); err != nil {
				t.Errorf("a conffile that is not there: %v", err)
			}
		}
		command(t, root, nil, "md5sum", "--quiet", "--strict", "-c", filepath.Join(control, "md5sums"))
		for _, script := range []string{"postinst", "prerm", "postrm"} {
			command(t, "", nil, "sh", "-n", filepath.Join(control, script))
		}
		// An upgrade stops nothing before the new program is whole.
		if out := command(t, "", []string{"PATH=/usr/bin:/bin"}, "sh", "-x", filepath.Join(control, "prerm"), "upgrade", "9.9.0"); strings.Contains(out, "systemd") {
			t.Errorf("prerm upgrade does\n%s", out)
		}
	})
	t.Run("program", func(t *testing.T) {
		program := filepath.Join(root, "usr/bin/panoply")
		if out := command(t, "", nil, program, "version"); !strings.HasPrefix(out, "panoply v9.8.7-6-gabcdef ") {
			t.Errorf("version says %s", out)
		}
		state := "XDG_STATE_HOME=" + t.TempDir()
		command(t, "", []string{state}, program, "validate", "--config", filepath.Join(root, "etc/panoply/panoply.yaml"))
	})
	t.Run("unit and user", func(t *testing.T) {
		if text(t, filepath.Join(root, "usr/lib/systemd/system/panoply.service")) != text(t, "panoply.service") {
			t.Error("the unit of the package is another")
		}
		sysusers := need.Program(t, "systemd-sysusers")
		system := t.TempDir()
		if err := os.Mkdir(filepath.Join(system, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		command(t, "", nil, sysusers, "--root="+system, filepath.Join(root, "usr/lib/sysusers.d/panoply.conf"))
		user := unit(t, "panoply.service")["User"][0]
		if passwd := text(t, filepath.Join(system, "etc/passwd")); !strings.HasPrefix(passwd, user+":x:") || !strings.Contains(passwd, "nologin") {
			t.Errorf("the user of the unit is %s, the package makes\n%s", user, passwd)
		}
	})
	t.Run("manual", func(t *testing.T) {
		for _, name := range commands(t, nil) {
			page := filepath.Join(root, "usr/share/man/man1", strings.ReplaceAll(name, " ", "-")+".1.gz")
			if !strings.Contains(unpacked(t, page), `.TH "PANOPLY" "1" "Dec 2025" "Panoply"`) {
				t.Errorf("%s is no page of %s, or has another date than its source", page, name)
			}
		}
	})
	t.Run("completion", func(t *testing.T) {
		bash := filepath.Join(root, "usr/share/bash-completion/completions/panoply")
		command(t, "", nil, "bash", "-n", bash)
		for _, name := range []string{bash, filepath.Join(root, "usr/share/zsh/vendor-completions/_panoply"), filepath.Join(root, "usr/share/fish/vendor_completions.d/panoply.fish")} {
			if !strings.Contains(text(t, name), "__complete") {
				t.Errorf("%s asks no program", name)
			}
		}
	})
	t.Run("bill of materials", func(t *testing.T) {
		theBill(t, filepath.Join(root, "usr/share/doc/panoply/panoply.cdx.json"), filepath.Join(root, "usr/bin/panoply"),
			unpacked(t, filepath.Join(root, "usr/share/doc/panoply/LICENSES.gz")))
	})
	t.Run("again", func(t *testing.T) {
		first := text(t, deb)
		command(t, repository(t), []string{"DPKG_DEB_COMPRESSOR_TYPE=none", "SOURCE_DATE_EPOCH=1764547200"}, "packaging/deb.sh", dist, "v9.8.7-6-gabcdef", runtime.GOARCH)
		if text(t, deb) != first {
			t.Error("the same content makes another package")
		}
	})
}

// Versions of packages sort as those of the tree do.
func TestDebVersions(t *testing.T) {
	dpkg := need.Program(t, "dpkg")
	script := regexp.MustCompile(`(?s)case \$version in.*?esac`).FindString(text(t, "deb.sh"))
	version := func(tag string) string {
		return strings.TrimSpace(command(t, "", []string{"version=" + tag}, "bash", "-c", script+`; echo "$version"`))
	}
	before := ""
	for _, tag := range []string{"23193a2-dirty", "v0.9.0", "v0.10.0", "v0.10.0-3-gabc", "v0.10.0-12-gabc-dirty", "v0.10.1", "v1.0.0"} {
		now := version(tag)
		if before != "" {
			command(t, "", nil, dpkg, "--compare-versions", before, "lt", now)
		}
		before = now
	}
}

// commands returns the program's command lines, subcommands and all, from its help.
func commands(t *testing.T, of []string) []string {
	t.Helper()
	_, help, _ := panoply(append(of, "--help")...)
	all := []string{strings.Join(append([]string{"panoply"}, of...), " ")}
	_, list, ok := strings.Cut(help, "Available Commands:\n")
	if !ok {
		return all
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "help" {
			all = append(all, commands(t, append(slices.Clone(of), name))...)
		}
	}
	return all
}

func unpacked(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(zipped)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// theBill compares a bill of materials, and the licences, with what the go command finds in
// the program.
func theBill(t *testing.T, name, program, licences string) {
	t.Helper()
	var bill struct {
		Metadata   struct{ Component struct{ Version string } }
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal([]byte(text(t, name)), &bill); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, c := range bill.Components {
		if c.Name != "stdlib" {
			got = append(got, c.Name+" "+c.Version)
		}
	}
	for line := range strings.Lines(command(t, "", nil, "go", "version", "-m", program)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); f[0] == "dep" {
			want = append(want, f[1]+" "+f[2])
			if !strings.Contains(licences, "\n"+f[1]+" "+f[2]+" ") {
				t.Errorf("no licence of %s", f[1])
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) < 10 || !slices.Equal(got, want) {
		t.Errorf("the bill has\n%s\nthe go command finds\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
