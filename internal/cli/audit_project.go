package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/learn"
)

// maxProjectFile bounds each file of an audited folder that tells about its address.
const maxProjectFile = 1 << 20

// project is what an audited folder says about itself. All of it is data: it is shown,
// and used only where the person who audits says so.
type project struct {
	// url is where the app or its door is to be found, by the file named by.
	url, by         string
	upstream, plain string
	production      bool
	ignores         []audit.Ignore
	shields         []audit.Shield
	// problems are what could not be read of other scanners' files.
	problems []string
}

// readProject reads panoply.yaml, or else what the start script of package.json tells.
func readProject(dir string) (project, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return project{}, err
	}
	defer root.Close()
	p, err := readOwn(root)
	if err == nil {
		var more []audit.Ignore
		more, p.problems = foreignIgnores(root)
		p.ignores = append(p.ignores, more...)
	}
	return p, err
}

// readOwn reads what the folder says of itself for Panoply and for npm.
func readOwn(root *os.Root) (project, error) {
	text, err := readSome(root, config.FileName)
	if err == nil {
		got, err := config.ReadProject(config.FileName, text)
		if err != nil {
			return project{}, err
		}
		return project{
			url: got.URL, by: config.FileName, upstream: got.Upstream, plain: got.Plain, production: got.Production,
			ignores: ignoresOf(config.FileName, got, true), shields: shieldsOf(config.FileName, got),
		}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return project{}, err
	}
	if port := startPort(root); port != "" {
		return project{url: "http://127.0.0.1:" + port, by: "package.json"}, nil
	}
	return project{}, nil
}

func readSome(root *os.Root, name string) ([]byte, error) {
	// Asked before it is opened: a FIFO would be waited for.
	if info, err := root.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxProjectFile))
}

// startPort is the port that the start script names, or the file that it starts.
func startPort(root *os.Root) string {
	text, err := readSome(root, "package.json")
	if err != nil {
		return ""
	}
	var pkg struct {
		Main    string `json:"main"`
		Scripts struct {
			Start string `json:"start"`
		} `json:"scripts"`
	}
	if json.Unmarshal(text, &pkg) != nil {
		return ""
	}
	if port := learn.ScriptPort(pkg.Scripts.Start); port != "" {
		return port
	}
	name := cmp.Or(learn.ScriptFile(pkg.Scripts.Start), pkg.Main)
	if name == "" {
		return ""
	}
	source, err := readSome(root, filepath.Clean(filepath.FromSlash(name)))
	if err != nil {
		return ""
	}
	return learn.ListenPort(string(source))
}
