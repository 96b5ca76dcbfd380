// Package lockfile reads what a folder says it depends on: which packages, in which
// versions, from where, and by which way from the app.
//
//	found := lockfile.Read(os.DirFS("shop"))
//	for _, lock := range found.Locks {
//		for i, p := range lock.Packages {
//			fmt.Println(p.Name, p.Version, p.Dev, lock.Ways(i, 3))
//		}
//	}
//	for _, err := range found.Errors { … } // what could not be read is not clean
//
// It reads package-lock.json and npm-shrinkwrap.json (lockfileVersion 1 to 3), yarn.lock
// of Yarn 1 and of Yarn 2 and later, pnpm-lock.yaml (5.x, 6.0, 9.0), bun.lock,
// package.json, and go.mod with go.sum.
//
// The files are foreign bytes. Each has at most 32 MiB and a million values, nested 256
// deep, and 200,000 packages; a key that stands twice in a map, a file that ends early,
// conflict markers and whatever else is no lockfile are an [Error] with the file and the
// line. The readers
// never guess a version: a package whose version is not told has none.
//
// It asks no registry and looks into no node_modules: what is installed may differ from
// what is locked. bun.lockb, which is binary, is refused by name.
//
// Sources: the documentation and files written by npm 6 to 12, Yarn 1 to 4, pnpm 6 to 12
// and bun 1.4 (testdata); the Go modules reference.
package lockfile
