package report

import (
	"cmp"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// isLine says whether the evidence is a line of a file.
func isLine(e check.Evidence) bool { return e.File != "" && e.Line > 0 }

// sourceLine is the first line of source among a finding's evidence.
func sourceLine(f *check.Finding) (check.Evidence, bool) {
	i := slices.IndexFunc(f.Evidence, isLine)
	if i < 0 {
		return check.Evidence{}, false
	}
	return f.Evidence[i], true
}

// sourcePath is the file of a line for whoever stands where the audit was started, which
// on a build machine is the root of the repository: the audited folder as it was given,
// when it lies below, and the file in it. It never leads out of there.
func sourcePath(r *audit.Report, file string) string {
	file = strings.TrimPrefix(path.Clean("/"+line(file)), "/")
	for _, t := range r.Targets {
		if t.Folder == "" {
			continue
		}
		if filepath.IsLocal(t.Folder) {
			return path.Join(filepath.ToSlash(t.Folder), file)
		}
		break
	}
	return file
}

// address is the method and the address that an exchange's evidence names, as in
// "GET https://shop.example/cart (logged in)".
func address(e check.Evidence) (method string, u *url.URL, ok bool) {
	if cmp.Or(e.Kind, check.Answer) != check.Answer {
		return "", nil, false
	}
	method, rest, _ := strings.Cut(e.Where, " ")
	rest, _, _ = strings.Cut(rest, " ")
	u, err := url.Parse(rest)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", nil, false
	}
	return line(method), u, true
}

// site is the address of the evidence, or that of the finding's target where the
// evidence has none; nil when there is neither.
func site(f *check.Finding, e check.Evidence) *url.URL {
	if _, u, ok := address(e); ok {
		return u
	}
	if u, err := url.Parse(f.Target); err == nil && u.Host != "" {
		return u
	}
	return nil
}
