package mend

import (
	"fmt"
	"strings"
)

// Page is the documentation of all faults and settings, as Markdown.
func Page() string {
	var b strings.Builder
	b.WriteString(`# Mending what the scan of a TLS server found

This page is made from the table in internal/tlsscan/mend. One piece of configuration for all that a server has:

    panoply audit --only tls --fix-for nginx shop.example:443

writes it instead of the report, and what no configuration mends as comments; so for apache, caddy, haproxy, node and go.
The lines are Mozilla's intermediate level 6.0, for nginx from 1.19.4, Apache from 2.4.36, Caddy from 2.6, HAProxy from 2.2,
Node from 18 and Go from 1.24. They stand instead of what the configuration says of the same.

## The findings

| finding | what is wrong | why it matters | mend | settings |
| --- | --- | --- | --- | --- |
`)
	for _, f := range Faults() {
		var links []string
		for _, s := range f.Settings {
			links = append(links, fmt.Sprintf("[%s](#%s)", s, anchor(s)))
		}
		settings := strings.Join(links, ", ")
		if settings == "" {
			settings = "[no matter of configuration](#no-matter-of-configuration)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Name, f.What, f.Why, f.Do, settings)
	}
	b.WriteString("\n## The settings\n")
	for s := range settings {
		fmt.Fprintf(&b, "\n### %s\n", s)
		for _, server := range Servers() {
			lines := Fault{Settings: []Setting{s}}.Lines(server, false)
			fmt.Fprintf(&b, "\n%s:\n\n    %s\n", server.Title(), strings.ReplaceAll(strings.TrimSuffix(strings.ReplaceAll(lines, "\t", "  "), "\n"), "\n", "\n    "))
		}
	}
	b.WriteString("\n## No matter of configuration\n\nWhat to do instead of lines, or besides. NAME is the host's, PORT the server's.\n")
	for _, f := range Faults() {
		if f.Instead != "" {
			fmt.Fprintf(&b, "\n`%s`: %s\n\n    %s\n", f.Name, f.Do, strings.ReplaceAll(f.Instead, "\n", "\n    "))
		}
	}
	return b.String()
}

// anchor is how Markdown's renderers name a heading.
func anchor(s Setting) string {
	return strings.NewReplacer(" ", "-", ".", "").Replace(strings.ToLower(s.String()))
}
