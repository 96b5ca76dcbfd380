package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/report"
)

// fleetOutputs are the report on standard output and those of --report.
type fleetOutputs struct {
	out   report.FleetWriter
	files []*fleetFile
}

// A fleetFile is written beside its place and moved there at the end, so that a reader
// never sees half of it.
type fleetFile struct {
	name string
	f    *os.File
	buf  *bufio.Writer
	out  report.FleetWriter
}

// fleetEndings are what the ending of a report's file tells where there are many targets.
var fleetEndings = map[string]string{".jsonl": "jsonl", ".sarif": "sarif", ".json": "json", ".xml": "junit", ".txt": "text"}

// fleetFormats says what is wrong with the formats that were asked for.
func (v *auditFlags) fleetFormats() error {
	if !slices.Contains(report.FleetFormats(), v.format) {
		return usageError("", "--format %s is not for many targets: %s", v.format, strings.Join(report.FleetFormats(), ", "))
	}
	for _, name := range v.reports {
		if fleetEndings[filepath.Ext(name)] == "" {
			return usageError("", "--report %s: with --targets the ending has to be .jsonl, .json, .sarif, .xml or .txt", name)
		}
	}
	return nil
}

func (v *auditFlags) fleetOutputs(s Streams, how report.Options) (_ *fleetOutputs, err error) {
	o := new(fleetOutputs)
	defer func() {
		if err != nil {
			o.discard()
			err = &exitError{code: exitIncomplete, err: fmt.Errorf("writing the report: %w", err)}
		}
	}()
	for _, name := range v.reports {
		f, err := os.CreateTemp(filepath.Dir(name), ".panoply-*")
		if err != nil {
			return nil, fmt.Errorf("--report: %w", err)
		}
		file := &fleetFile{name: name, f: f, buf: bufio.NewWriterSize(f, 64<<10)}
		o.files = append(o.files, file)
		if file.out, err = report.NewFleet(file.buf, fleetEndings[filepath.Ext(name)], how); err != nil {
			return nil, err
		}
	}
	how.Style = report.ForTerminal(s.Out, os.LookupEnv)
	o.out, err = report.NewFleet(s.Out, v.format, how)
	return o, err
}

func (o *fleetOutputs) add(m *report.Member) error {
	if err := o.out.Add(m); err != nil {
		return err
	}
	for _, f := range o.files {
		if err := f.out.Add(m); err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	return nil
}

func (o *fleetOutputs) finish(sum report.Summary) error {
	for _, f := range o.files {
		if err := f.finish(sum); err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	return o.out.Close(sum)
}

func (f *fleetFile) finish(sum report.Summary) error {
	err := f.out.Close(sum)
	if err == nil {
		err = f.buf.Flush()
	}
	if err == nil {
		err = f.f.Chmod(0o644)
	}
	if err = errors.Join(err, f.f.Close()); err != nil {
		return err
	}
	return os.Rename(f.f.Name(), f.name)
}

// discard takes away what was not moved to its place.
func (o *fleetOutputs) discard() {
	for _, f := range o.files {
		f.f.Close() // twice after finish, which does no harm
		os.Remove(f.f.Name())
	}
}
