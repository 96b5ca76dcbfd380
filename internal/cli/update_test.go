package cli_test

import "flag"

// update is for the tests of what is generated, on every system.
var update = flag.Bool("update", false, "rewrite docs/practices and the generated part of README.md")
