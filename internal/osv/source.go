package osv

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	maxRecord   = 4 << 20
	maxRecords  = 1_000_000
	maxUnpacked = 4 << 30
	// maxDirectory bounds what a zip says of its files before the first one.
	maxDirectory = 64 << 20
)

// A source reads records into an index.
type source struct {
	meta Meta
	to   *builder
	// only is the one ecosystem whose packages are kept; empty keeps all.
	only string
	// lenient says that a record which cannot be read is counted and left out.
	lenient bool
	// read is how many bytes were unpacked.
	read int64
}

// load reads a file or a folder.
func (s *source) load(path string) error {
	s.meta.Source, s.meta.Ecosystems = path, map[string]int{}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("osv: %w", err)
	}
	switch {
	case info.Mode().IsRegular():
		if err = s.file(path, true); err == nil && s.meta.Records == 0 {
			err = fmt.Errorf("osv: %s holds no advisory", path)
		}
		return err
	case !info.IsDir():
		return fmt.Errorf("osv: %s is neither a file nor a folder", path)
	}
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("osv: %w", err)
		case isFile(name, d):
			return s.file(name, false)
		}
		return nil
	})
	if err == nil && s.meta.Records == 0 {
		err = fmt.Errorf("osv: the folder %s holds no advisory", path)
	}
	return err
}

// isFile says whether an entry of a folder is a file, or a link to one: a folder that
// Kubernetes mounts has nothing else.
func isFile(name string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.Type().IsRegular()
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// file reads a file by its ending. Of a folder, files of other kinds are left alone.
func (s *source) file(name string, alone bool) error {
	plain := strings.TrimSuffix(name, ".gz")
	switch {
	case strings.HasSuffix(name, ".zip"):
		return s.zip(name)
	case strings.HasSuffix(plain, ".jsonl"), strings.HasSuffix(plain, ".ndjson"):
	case strings.HasSuffix(name, ".json"):
	case alone:
		return fmt.Errorf("osv: %s: want a folder, .jsonl, .jsonl.gz, .json or .zip of OSV records", name)
	default:
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("osv: %w", err)
	}
	defer f.Close()
	var r io.Reader = f
	if plain != name {
		z, err := gzip.NewReader(f)
		if err != nil {
			return fmt.Errorf("osv: %s: %w", name, err)
		}
		r = z
	}
	if strings.HasSuffix(name, ".json") {
		return s.document(name, r)
	}
	return s.lines(name, r)
}

func (s *source) lines(name string, r io.Reader) error {
	lines := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		line, err := readLine(lines)
		if over := s.spend(len(line)); over != nil {
			return fmt.Errorf("osv: %s:%d: %w", name, number, over)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := s.record(line); err != nil {
				return fmt.Errorf("osv: %s:%d: %w", name, number, err)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("osv: %s:%d: %w", name, number, err)
		}
	}
}

var errLong = fmt.Errorf("has more than %d MiB", maxRecord>>20)

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxRecord {
			return nil, errLong
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// document reads a file of one record, or Node's own list of core holes.
func (s *source) document(name string, r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
	if err == nil {
		err = s.spend(len(text))
	}
	switch {
	case err != nil:
	case len(text) > maxRecord:
		err = s.unread(errLong)
	default:
		err = s.one(text)
	}
	if err != nil {
		return fmt.Errorf("osv: %s: %w", name, err)
	}
	return nil
}

func (s *source) one(text []byte) error {
	var shape struct {
		ID       string          `json:"id"`
		Affected json.RawMessage `json:"affected"`
	}
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	switch {
	case !json.Valid(text):
		return s.unread(errors.New("is no whole JSON document"))
	case len(trimmed) > 0 && trimmed[0] == '[':
		return s.core(text)
	case json.Unmarshal(text, &shape) != nil || shape.ID == "" && shape.Affected == nil:
		s.meta.Other++
		return nil
	}
	return s.record(text)
}

func (s *source) zip(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("osv: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("osv: %w", err)
	}
	directory := &frugal{from: f, left: maxDirectory}
	z, err := zip.NewReader(directory, info.Size())
	if err != nil {
		return fmt.Errorf("osv: %s: %w", name, err)
	}
	directory.left = math.MaxInt64
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("osv: %s: %.200q: %w", name, f.Name, err)
		}
		err = s.document(fmt.Sprintf("%s: %.200q", name, f.Name), r)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// A frugal reader gives so many bytes and no more: what it reads is held in memory.
type frugal struct {
	from io.ReaderAt
	left int64
}

func (r *frugal) ReadAt(b []byte, at int64) (int, error) {
	if r.left -= int64(len(b)); r.left < 0 {
		return 0, fmt.Errorf("has a directory of more than %d MiB", maxDirectory>>20)
	}
	return r.from.ReadAt(b, at)
}

// spend counts what was unpacked, records or not.
func (s *source) spend(n int) error {
	if s.read += int64(n); s.read > maxUnpacked {
		return fmt.Errorf("is more than %d GiB unpacked", maxUnpacked>>30)
	}
	return nil
}

// unread is what becomes of a record that cannot be read.
func (s *source) unread(err error) error {
	if !s.lenient {
		return err
	}
	if s.meta.Unread++; s.meta.Unread == 1 {
		s.meta.FirstUnread = fmt.Sprintf("%.200s", err)
	}
	return nil
}

// record keeps what is needed of a record, once for each of its packages.
func (s *source) record(text []byte) error {
	r, err := Parse(text)
	if err != nil {
		return s.unread(err)
	}
	if r.withdrawn(time.Now()) {
		s.meta.Withdrawn++
		return nil
	}
	return s.keep(r)
}

func (s *source) keep(r *Record) error {
	if s.only != "" {
		r.Affected = slices.DeleteFunc(r.Affected, func(a Affected) bool { return !sameEcosystem(a.Package.Ecosystem, s.only) })
		if len(r.Affected) == 0 {
			s.meta.Other++
			return nil
		}
	}
	if s.meta.Records++; s.meta.Records > maxRecords {
		return fmt.Errorf("is more than %d records", maxRecords)
	}
	if r.Modified.After(s.meta.Newest) {
		s.meta.Newest = r.Modified
	}
	for i, ref := range r.References {
		if ref.Type == "ADVISORY" || i == len(r.References)-1 {
			r.References = []Reference{ref}
			break
		}
	}
	byKey := map[string][]Affected{}
	var order []string
	seen := map[string]bool{}
	for _, a := range r.Affected {
		ecosystem, _, _ := strings.Cut(a.Package.Ecosystem, ":")
		k := key(ecosystem, a.Package.Name)
		if byKey[k] == nil {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], a)
		if !seen[ecosystem] {
			seen[ecosystem] = true
			s.meta.Ecosystems[ecosystem]++
		}
	}
	for _, k := range order {
		part := *r
		part.Affected = byKey[k]
		text, err := json.Marshal(part)
		if err != nil {
			return err
		}
		if err := s.to.add(k, text); err != nil {
			return err
		}
	}
	return nil
}
