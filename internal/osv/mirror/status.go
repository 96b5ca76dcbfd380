package mirror

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/osv"
)

// Dir is where the user's own indexes are kept; empty where the system names no place for
// what can be fetched again.
func Dir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "panoply", "osv")
}

// Kept is Dir where an update has been, and empty else.
func Kept() string {
	dir := Dir()
	if dir == "" || len(osv.Indexes(dir)) == 0 {
		return ""
	}
	return dir
}

// An Index is one that is kept.
type Index struct {
	File      string `json:"file"`
	Ecosystem string `json:"ecosystem"`
	// Checked is when the server was last asked.
	Checked time.Time `json:"checked"`
	// Bytes is the size of the index.
	Bytes int64    `json:"bytes"`
	Meta  osv.Meta `json:"meta"`
}

// Status reads what is kept in a folder, by name. An index that cannot be read is an error
// and does not hide the others.
func Status(dir string) ([]Index, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var all []Index
	var wrong []error
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), osv.Ending)
		if !ok {
			continue
		}
		x := Index{File: filepath.Join(dir, e.Name()), Ecosystem: name}
		info, err := e.Info()
		if err == nil {
			x.Checked, x.Bytes = info.ModTime(), info.Size()
			x.Meta, err = osv.ReadMeta(x.File)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b Index) int { return strings.Compare(a.Ecosystem, b.Ecosystem) })
	return all, errors.Join(wrong...)
}
