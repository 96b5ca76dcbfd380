package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/checks/source"
	"github.com/panoplysec/panoply/internal/crawl"
	"github.com/panoplysec/panoply/internal/crawl/replay"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// maxNamedFile bounds a description that the caller names.
const maxNamedFile = 16 << 20

// readFiles opens the folder and reads the files that the target names, and notes what
// is wrong with them.
func (s *session) readFiles(field string, p *guard.Problems) {
	t := s.target
	bad := func(name, path, allowed string, err error) {
		p.Add(field+"."+name, redact.Line(path), allowed, redact.Line(err.Error()))
	}
	if t.Folder != "" {
		root, err := os.OpenRoot(t.Folder)
		if err != nil {
			bad("Folder", t.Folder, "a folder that can be read", plainPath(err))
		} else {
			s.folder = root
			s.public.Folder = root.FS()
		}
	}
	if t.Credentials != "" {
		if t.Login != "" {
			p.Add(field+".Credentials", "…", "one of Credentials and Login", "")
		}
		for line := range strings.SplitSeq(t.Credentials, "\n") {
			name, value, ok := strings.Cut(line, ": ")
			if !ok || name == "" || value == "" || strings.ContainsAny(line, "\r\x00") {
				p.Add(field+".Credentials", "…", `header lines, each "Name: value"`, "")
			}
		}
	}
	if s.url == nil {
		return
	}
	read := func(name, path string, parse func(io.Reader) error) {
		if path == "" {
			return
		}
		f, err := os.Open(path)
		if err == nil {
			err = parse(f)
			f.Close()
		}
		if err != nil {
			bad(name, path, "a file that can be read", plainPath(err))
		}
	}
	read("Login", t.Login, func(r io.Reader) (err error) {
		s.recording, err = replay.Read(r, s.url)
		return err
	})
	read("HAR", t.HAR, func(r io.Reader) error {
		seeds, err := crawl.ReadHAR(r, s.url)
		s.seeds = append(s.seeds, seeds...)
		return err
	})
	read("OpenAPI", t.OpenAPI, func(r io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(r, maxNamedFile))
		if err != nil {
			return err
		}
		seeds, err := crawl.ReadOpenAPI(text, s.url)
		s.seeds = append(s.seeds, seeds...)
		return err
	})
}

// plainPath leaves the path to the field that it is the value of.
func plainPath(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// crawled implements check.Session.Crawl.
func (s *session) crawled(ctx context.Context) (*check.Site, error) {
	type walked struct {
		site *check.Site
		err  error
	}
	done := make(chan walked, 1)
	go func() {
		w := walked{site: &check.Site{}}
		defer func() { done <- w }()
		defer recovered(&w.err)
		w.site, w.err = s.site()
	}()
	select {
	case w := <-done:
		return w.site, w.err
	case <-ctx.Done():
		return &check.Site{}, reason(ctx.Err())
	}
}

// walk makes the crawl.
func (s *session) walk() (*check.Site, error) {
	seeds := s.seeds
	for _, r := range source.Routes(s.public) {
		path, ok := jsast.Sample(r.Path)
		if !ok || r.Method == "USE" || r.Method == "STATIC" {
			continue
		}
		method := r.Method
		if method == "ALL" {
			method = http.MethodGet
		}
		seeds = append(seeds, crawl.Seed{Method: method, Path: path, From: "source"})
	}
	defer s.walked.Store(true)
	return crawl.Walk(s.run, crawl.Options{
		Do: s.Do, URL: s.url, User: s.target.Credentials != "" || s.recording != nil,
		Pages: s.options.Pages, Seeds: seeds, Parallel: s.options.Parallel,
	})
}

// credentials returns the header lines of the user, logging in where a recording says
// how.
func (s *session) credentials() (string, error) {
	if s.target.Credentials != "" {
		return s.target.Credentials, nil
	}
	if s.recording == nil {
		return "", errNobody
	}
	held, _, err := s.public.Login.In(s.run, 0, nil)
	if err != nil {
		return "", fmt.Errorf("the recorded login could not be played: %w", err)
	}
	return held.Header(), nil
}

// name is what reports call the target.
func (s *session) name() string {
	if s.target.URL != "" {
		return redact.Line(s.target.URL)
	}
	return redact.Line(filepath.ToSlash(s.target.Folder))
}

// ways are the pages on which a user may find the way out: those that only a user gets,
// and the first.
func (s *session) ways(ctx context.Context) []string {
	paths := []string{s.url.RequestURI()}
	site, _ := s.crawled(ctx)
	for _, p := range site.Pages {
		if p.Private && p.Class == check.Document && len(paths) < 5 {
			paths = append(paths, p.Request.Path)
		}
	}
	return paths
}
