package cli

import (
	"debug/buildinfo"
	"errors"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/sbom"
)

func newSBOM(s Streams, version string) *cobra.Command {
	return &cobra.Command{
		Use:   "sbom [PROGRAM]",
		Short: "Print the bill of materials of this program, or of another Go program",
		Long: `Sbom prints what is linked into the program, as the compiler recorded it: CycloneDX 1.6
in JSON, with the package URLs that vulnerability scanners look for.`,
		Example: "  panoply sbom > panoply.cdx.json\n  panoply sbom ./dist/panoply",
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
