package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

// sayFile says which configuration file holds.
func sayFile(s Streams, path string) {
	if path == "" {
		path = "no file (" + searched() + ")"
	}
	fmt.Fprintf(s.Err, "panoply: configuration: %s\n", path)
}

// effective is what serve --dry-run --format json prints.
type effective struct {
	Version  string             `json:"version"` // of this structure: "1"
	File     string             `json:"file"`    // "" for none
	Settings []effectiveSetting `json:"settings"`
}

type effectiveSetting struct {
	Key string `json:"key"`
	// Value is as the configuration file would have it.
	Value string `json:"value"`
	// Origin is "default", a line of the file, a variable or a flag.
	Origin string `json:"origin"`
}

// found puts in what a door has found out about the application, where the configuration
// leaves it to the door.
func found(cfg *config.Config, settings []config.Setting) {
	kind, file := door.FoundKind(cfg.State)
	for i, one := range settings {
		if one.Path == "kind" && one.Value == "auto" && kind != "" {
			settings[i].Value, settings[i].Origin = kind, config.Origin{Found: file}
		}
	}
}

// printEffective prints every value that would hold, with where it came from.
func printEffective(s Streams, cfg *config.Config, path, format string) error {
	if format == "yaml" {
		_, err := s.Out.Write(cfg.YAML())
		return err
	}
	settings := cfg.Effective()
	found(cfg, settings)
	all := effective{Version: "1", File: path, Settings: make([]effectiveSetting, len(settings))}
	for i, one := range settings {
		all.Settings[i] = effectiveSetting{Key: one.Path, Value: one.Value, Origin: one.Origin.String()}
	}
	return shown(s.Out, format, all, func() error {
		tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
		for _, one := range all.Settings {
			fmt.Fprintf(tw, "%s\t%s\t%s\n", one.Key, one.Value, one.Origin)
		}
		return tw.Flush()
	})
}
