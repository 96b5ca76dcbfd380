package cli

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/depreport"
	"github.com/panoplysec/panoply/internal/sbom"
)

func newSBOM(s Streams, version string) *cobra.Command {
	return &cobra.Command{
		Use:   "sbom [PROGRAM|DIR]",
		Short: "Print the bill of materials of this program, of another Go program, or of an app's folder",
		Long: `Sbom prints what is linked into the program, as the compiler recorded it: CycloneDX 1.6
in JSON, with the package URLs that vulnerability scanners look for. Of a folder it prints
what the lockfiles say: packages with checksums, licences, scope and what needs what. With
its vulnerabilities too: panoply audit DIR --format cyclonedx.

The same input gives the same text; with SOURCE_DATE_EPOCH it has that time.`,
		Example: "  panoply sbom > panoply.cdx.json\n  panoply sbom ./dist/panoply\n  panoply sbom . > app.cdx.json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := bill(args, version)
			if err != nil {
				return &exitError{code: exitIncomplete, err: err}
			}
			_, err = s.Out.Write(text)
			return err
		},
	}
}

func bill(args []string, version string) ([]byte, error) {
	if len(args) > 0 {
		if stat, err := os.Stat(args[0]); err == nil && stat.IsDir() {
			return billOfFolder(args[0], version)
		}
		info, err := buildinfo.ReadFile(args[0])
		if err != nil {
			return nil, err
		}
		return sbom.CycloneDX(info, "")
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil, errors.New("the program was built without module support and does not know what it holds")
	}
	return sbom.CycloneDX(info, version)
}

// billOfFolder refuses what it cannot read: a bill that leaves things out says that they
// are not there.
func billOfFolder(folder, version string) ([]byte, error) {
	s, err := subjectOf(folder, version, "cyclonedx")
	if err != nil {
		return nil, err
	}
	if len(s.Found.Errors) > 0 {
		return nil, errors.Join(s.Found.Errors...)
	}
	if len(s.Found.Locks) == 0 {
		return nil, fmt.Errorf("%s has no lockfile, so nothing says what is installed", folder)
	}
	var out bytes.Buffer
	err = depreport.Write(&out, "cyclonedx", s)
	return out.Bytes(), err
}
