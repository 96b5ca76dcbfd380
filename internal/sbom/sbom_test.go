package sbom_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/sbom"
)

// bill is what these tests read of the document, by the names of the schema.
type bill struct {
	BOMFormat, SpecVersion, SerialNumber string
	Version                              int
	Metadata                             struct {
		Component struct {
			Type, Name, Version, PURL string
			Ref                       string `json:"bom-ref"`
			Licenses                  []struct{ License struct{ ID string } }
		}
	}
	Components []struct {
		Type, Name, Version, PURL string
		Ref                       string `json:"bom-ref"`
	}
	Dependencies []struct {
		Ref       string
		DependsOn []string
	}
}

func read(t *testing.T, text []byte) bill {
	t.Helper()
	var b bill
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return b
}

func TestCycloneDX(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.1 X:some",
		Path:      "github.com/panoplysec/panoply/cmd/panoply",
		Main:      debug.Module{Path: "github.com/panoplysec/panoply", Version: "v0.3.0"},
		Deps: []*debug.Module{
			{Path: "example.test/b", Version: "v2.0.0+incompatible", Sum: "h1:abc="},
			{Path: "example.test/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.test/a", Version: "v1.0.1"}},
		},
		Settings: []debug.BuildSetting{{Key: "vcs.time", Value: "2026-11-02T10:00:00Z"}, {Key: "-ldflags", Value: "-X secret"}},
	}
	text, err := sbom.CycloneDX(info, "v0.4.0")
	if err != nil {
		t.Fatal(err)
	}
	b := read(t, text)
	// What the schema of 1.6 requires, and the form in which it does.
	if b.BOMFormat != "CycloneDX" || b.SpecVersion != "1.6" || b.Version != 1 {
		t.Errorf("format %q %q, version %d, want CycloneDX 1.6, 1", b.BOMFormat, b.SpecVersion, b.Version)
	}
	uuid := regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if !uuid.MatchString(b.SerialNumber) {
		t.Errorf("serialNumber = %q, want it to match %s", b.SerialNumber, uuid)
	}
	root := b.Metadata.Component
	if root.Type != "application" || root.PURL != "pkg:golang/github.com/panoplysec/panoply@v0.4.0" || root.Version != "v0.4.0" {
		t.Errorf("metadata.component = %+v", root)
	}
	if len(root.Licenses) != 1 || root.Licenses[0].License.ID != "Apache-2.0" {
		t.Errorf("licenses = %+v, want Apache-2.0", root.Licenses)
	}
	var got []string
	for _, c := range b.Components {
		if c.Type != "library" || c.Ref != c.PURL {
			t.Errorf("component %+v, want a library whose bom-ref is its purl", c)
		}
		got = append(got, c.PURL)
	}
	want := []string{"pkg:golang/example.test/a@v1.0.1", "pkg:golang/example.test/b@v2.0.0%2Bincompatible", "pkg:golang/stdlib@v1.26.1"}
	if !slices.Equal(got, want) {
		t.Errorf("components = %v, want %v", got, want)
	}
	if len(b.Dependencies) != 1 || b.Dependencies[0].Ref != root.Ref || !slices.Equal(b.Dependencies[0].DependsOn, want) {
		t.Errorf("dependencies = %+v", b.Dependencies)
	}
	if !strings.Contains(string(text), `"timestamp": "2026-11-02T10:00:00Z"`) || strings.Contains(string(text), "secret") {
		t.Errorf("the document is\n%s", text)
	}

	again, err := sbom.CycloneDX(info, "v0.4.0")
	if err != nil || !bytes.Equal(again, text) {
		t.Errorf("a second bill differs: %v\n%s", err, again)
	}
	other, err := sbom.CycloneDX(info, "v0.5.0")
	if err != nil || read(t, other).SerialNumber == b.SerialNumber {
		t.Errorf("another version has the same serial number: %v", err)
	}

	if _, err := sbom.CycloneDX(&debug.BuildInfo{Path: "command-line-arguments"}, ""); err == nil {
		t.Error("a program of no module has a bill, want an error")
	}
}
