package jsast

import (
	"bytes"
	"fmt"
)

// Single reads one file, of whatever name, as a folder that holds nothing else. It never
// fails: what cannot be parsed is among what was skipped. The ending decides whether it is
// TypeScript.
func Single(name string, text []byte) *Project {
	l := &loader{project: &Project{}}
	if len(text) > MaxFileSize {
		l.skip(name, fmt.Sprintf("is larger than %d MiB", MaxFileSize>>20), true)
		return l.project
	}
	p, err := parse(name, text)
	if err != nil {
		l.skip(name, err.Error(), true)
		return l.project
	}
	l.project.Files = []*File{{Path: name, Imports: p.imports(), text: bytes.Clone(text), parsed: p}}
	interpret(l.project)
	return l.project
}
