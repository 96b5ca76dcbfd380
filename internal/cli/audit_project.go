package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/pattern"
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
}

// readProject reads panoply.yaml, or else what the start script of package.json tells.
func readProject(dir string) (project, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return project{}, err
	}
	defer root.Close()
	text, err := readSome(root, config.FileName)
	if err == nil {
		got, err := config.ReadProject(config.FileName, text)
		if err != nil {
			return project{}, err
		}
		return project{
			url: got.URL, by: config.FileName, upstream: got.Upstream, plain: got.Plain, production: got.Production,
			ignores: ignoresOf(config.FileName, got, true),
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
	if info, err := root.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil, cmp.Or(err, fs.ErrNotExist)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxProjectFile))
}

var (
	// PORT=3000, --port 3000, -p 3000, localhost:3000.
	scriptPort = pattern.New(`(?:\bPORT=|--port[= ]|(?:^|\s)-p[= ]?|\blocalhost:|127\.0\.0\.1:)(\d{2,5})\b`)
	// node server.js, nodemon --watch x src/index.mjs, tsx app.ts.
	scriptFile = pattern.New(`(?:^|\s)((?:\./)?[\w][\w./-]*\.[cm]?[jt]s)\b`)
	// app.listen(3000, process.env.PORT || 3000, PORT ?? '3000'.
	listenPort = pattern.New(`\.listen\(\s*["']?(\d{2,5})\b|\bPORT\b["'\])]*\s*(?:\|\||\?\?)\s*["']?(\d{2,5})\b`)
)

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
	if m := scriptPort.Get().FindStringSubmatch(pkg.Scripts.Start); m != nil {
		return m[1]
	}
	name := pkg.Main
	if m := scriptFile.Get().FindStringSubmatch(pkg.Scripts.Start); m != nil {
		name = m[1]
	}
	if name == "" {
		return ""
	}
	source, err := readSome(root, filepath.Clean(filepath.FromSlash(name)))
	if err != nil {
		return ""
	}
	if m := listenPort.Get().FindStringSubmatch(string(source)); m != nil {
		return strings.TrimLeft(m[1]+m[2], "0")
	}
	return ""
}
