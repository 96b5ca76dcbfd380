package config

import (
	"fmt"
	"strconv"
)

// Version is the form of the file that this program reads.
const Version = 1

// newer returns the problem of a file that a later program was meant to read.
func (c *Config) newer() *Problem {
	if c.Version <= Version {
		return nil
	}
	return &Problem{
		Origin: c.Origin("version"), Path: "version",
		Text: fmt.Sprintf("is %d, must be %d: this panoply reads that form of the file only", c.Version, Version),
		Hint: "upgrade panoply, or write the file as panoply validate --schema has it",
	}
}

func (k *checker) version() {
	if k.cfg.Version != Version {
		k.bad("version", strconv.FormatInt(k.cfg.Version, 10), strconv.Itoa(Version), "")
	}
}
