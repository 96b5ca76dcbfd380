package packaging_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/cli"
	"github.com/panoplysec/panoply/internal/testcert"
)

// repository is the folder that an image is built from.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// command runs to the end with exit code 0, and returns both outputs.
func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// panoply runs a command line in this process.
func panoply(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "test")
	return code, out.String(), errs.String()
}

// understood fails unless the program takes a command line that stands in some file, with
// config in place of the file that it names.
func understood(t *testing.T, args []string, config string) {
	t.Helper()
	args = slices.Clone(args)
	if i := slices.Index(args, "--config"); i >= 0 && i+1 < len(args) {
		args[i+1] = config
	}
	if len(args) == 0 {
		t.Error("a command line without a command")
		return
	}
	switch args[0] {
	case "serve":
		args = append(args, "--dry-run")
	case "health", "reload":
		// They look for a door, whose absence is not what exit 2 says.
	default:
		t.Errorf("%q is not known to this test", args)
		return
	}
	if code, _, stderr := panoply(args...); code == 2 || args[0] == "serve" && code != 0 {
		t.Errorf("panoply %s: exit %d\n%s", strings.Join(args, " "), code, stderr)
	}
}

// aFile finds the paths outside the state folder that a configuration names.
var aFile = regexp.MustCompile(`/(etc|run)/[a-z./-]+`)

// configuration writes a panoply.yaml that was made for another machine into a folder, with
// files of its own for those that it names, and returns its path.
func configuration(t *testing.T, yaml string) string {
	t.Helper()
	dir := t.TempDir()
	cert, key := testcert.SelfSigned(t, time.Now().Add(24*time.Hour), "shop.example")
	for _, name := range aFile.FindAllString(yaml, -1) {
		content := []byte("0123456789abcdef0123456789abcdef\n")
		switch filepath.Base(name) {
		case "fullchain.pem", "tls.crt":
			content = cert
		case "privkey.pem", "tls.key":
			content = key
		}
		path := filepath.Join(dir, strings.ReplaceAll(strings.Trim(name, "/"), "/", "_"))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		yaml = strings.ReplaceAll(yaml, name, path)
	}
	if strings.Contains(yaml, "/var/lib/panoply") {
		yaml = strings.ReplaceAll(yaml, "/var/lib/panoply", filepath.Join(dir, "state"))
	} else {
		yaml += "\nstate: " + filepath.Join(dir, "state") + "\n"
	}
	path := filepath.Join(dir, "panoply.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// valid fails unless the program takes the configuration at path.
func valid(t *testing.T, path string) {
	t.Helper()
	if code, _, stderr := panoply("validate", "--config", path); code != 0 {
		t.Errorf("panoply validate: exit %d\n%s\n%s", code, stderr, text(t, path))
	}
}

// The configuration of the package is valid as it is, and with all its suggestions taken.
func TestPackagedConfiguration(t *testing.T) {
	plain := text(t, "panoply.yaml")
	valid(t, configuration(t, plain))
	taken := regexp.MustCompile(`(?m)^#([^ ])`).ReplaceAllString(plain, "$1")
	taken = regexp.MustCompile(`(?m)^#(  (certificates:|  (- |  )\S+:))`).ReplaceAllString(taken, "$1")
	for _, key := range []string{"listen", "redirect", "sites", "tls", "contact"} {
		if !regexp.MustCompile(`(?m)^` + key + `:`).MatchString(taken) {
			t.Errorf("no suggestion of %s was taken:\n%s", key, taken)
		}
	}
	valid(t, configuration(t, taken))
}
