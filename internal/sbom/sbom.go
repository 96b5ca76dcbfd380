// Package sbom writes bills of materials as CycloneDX 1.6 JSON: of a Go program, from what
// the compiler recorded in the program itself, what is linked and not what go.mod asks
// for; and of a [Project], from its lockfiles.
//
//	info, err := buildinfo.ReadFile("panoply")
//	if err != nil {
//		return err
//	}
//	text, err := sbom.CycloneDX(info, "v1.2.0")
//
// The same program gives the same text. It holds no C library, since none is linked, and
// no licences but Panoply's own: the compiler records none. Of a project, it holds the
// licences that the lockfile tells, by name.
//
// Sources: CycloneDX 1.6 JSON schema; the golang type of the package URL specification.
package sbom

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// What follows is the part of the schema that is written, in its order and its names.
type (
	document struct {
		Schema       string       `json:"$schema"`
		BOMFormat    string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		SerialNumber string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
		// Vulnerabilities are a project's only.
		Vulnerabilities []vulnerability `json:"vulnerabilities,omitempty"`
	}
	tools struct {
		Components []component `json:"components"`
	}
	metadata struct {
		Timestamp  string     `json:"timestamp,omitempty"`
		Tools      *tools     `json:"tools,omitempty"`
		Component  component  `json:"component"`
		Properties []property `json:"properties,omitempty"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref,omitempty"`
		Name       string     `json:"name"`
		Version    string     `json:"version,omitempty"`
		Scope      string     `json:"scope,omitempty"`
		Hashes     []digest   `json:"hashes,omitempty"`
		Licenses   []license  `json:"licenses,omitempty"`
		PURL       string     `json:"purl,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	license struct {
		License struct {
			ID   string `json:"id,omitempty"`
			Name string `json:"name,omitempty"`
		} `json:"license"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
)

// own is the module whose licence is known here.
const own, ownLicense = "github.com/panoplysec/panoply", "Apache-2.0"

// CycloneDX returns the bill of the program that info is of. The version is the program's
// own, where its release knows better than its module; empty is the module's. An error
// means that info names no main module, as with a program of single files.
func CycloneDX(info *debug.BuildInfo, version string) ([]byte, error) {
	if info.Main.Path == "" {
		return nil, fmt.Errorf("sbom: %s was not built from a module", cmp.Or(info.Path, "the program"))
	}
	root := component{Type: "application", Name: info.Path, Version: cmp.Or(version, info.Main.Version, "(devel)")}
	root.PURL = packageURL(info.Main.Path, root.Version)
	if info.Main.Path == own {
		l := license{}
		l.License.ID = ownLicense
		root.Licenses = []license{l}
	}
	root.Ref = root.PURL
	doc := document{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", BOMFormat: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: metadata{Component: root},
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.time":
			doc.Metadata.Timestamp = s.Value // RFC 3339, as the schema wants it
		case "vcs.revision", "vcs.modified", "GOOS", "GOARCH", "CGO_ENABLED":
			doc.Metadata.Properties = append(doc.Metadata.Properties, property{"go:build:" + s.Key, s.Value})
		}
	}
	// The standard library is linked too, and has vulnerabilities of its own.
	doc.Components = append(doc.Components, library("stdlib", "v"+goVersion(info.GoVersion), ""))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		doc.Components = append(doc.Components, library(m.Path, m.Version, m.Sum))
	}
	slices.SortFunc(doc.Components, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	linked := dependency{Ref: root.Ref}
	for _, c := range doc.Components {
		linked.DependsOn = append(linked.DependsOn, c.Ref)
	}
	doc.Dependencies = []dependency{linked}
	return written(&doc)
}

func library(path, version, sum string) component {
	c := component{Type: "library", Name: path, Version: version, Scope: "required", PURL: packageURL(path, version)}
	c.Ref = c.PURL
	if sum != "" {
		// That of go.sum: over a listing of files, so none of the schema's hashes.
		c.Properties = []property{{"go:sum", sum}}
	}
	return c
}

// packageURL writes the golang type, with the characters that its parts may not hold.
func packageURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.NewReplacer("+", "%2B", "(", "%28", ")", "%29").Replace(version)
}

// goVersion cuts what a toolchain adds to its version, as in "go1.26.0 X:nodwarf5".
func goVersion(s string) string {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "go"), " ")
	return s
}

// unnumbered stands where the serial number comes.
const unnumbered = "urn:uuid:00000000-0000-0000-0000-000000000000"

// written encodes the document under a serial number that its content decides.
func written(doc *document) ([]byte, error) {
	doc.SerialNumber = unnumbered
	var text, out bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	id := sha256.Sum256(text.Bytes())
	id[6] = id[6]&0x0f | 0x80 // a UUID of version 8, RFC 9562: of our own making
	id[8] = id[8]&0x3f | 0x80
	number := fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
	numbered := bytes.Replace(text.Bytes(), []byte(unnumbered), []byte(number), 1)
	err := json.Indent(&out, numbered, "", "  ")
	return out.Bytes(), err
}
