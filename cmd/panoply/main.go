// Panoply makes every practice of the Express page "Production Best Practices: Security"
// enforced at run time and proved by test. See panoply help.
package main

import (
	"os"

	"github.com/panoplysec/panoply/internal/cli"
)

// version is set by the release build; otherwise the build information says it.
var version string

func main() {
	os.Exit(cli.Run(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, version))
}
