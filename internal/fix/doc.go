// Package fix finds the smallest change of what an app depends on that clears known
// holes, tries it, and writes it.
//
//	p, err := fix.Open(dir, options)     // reads lockfiles and advisories
//	outcome, err := p.Fix(ctx)           // plans, tries in a copy, and writes if asked to
//
// The plan is made from the lockfile, the advisories and what versions the registry has:
// an update within the ranges that are asked for; another range for a direct dependency,
// the nearest version first; an override for what no direct dependency mends; for Go,
// another version of the module. A version is chosen only if neither it nor what it needs
// is under an advisory that the app was not under before.
//
// Each plan is then tried. The manifests and lockfiles are copied to a folder of the
// system's, and the user's own npm, Yarn, pnpm, bun or go resolves there, without scripts.
// All but go know one registry only, which this package serves on loopback: it has the
// registry's versions without those that are under an advisory, and keeps the user's
// tokens, which no package manager sees. What comes out is looked up again. A step that
// brings another finding, or with which the package manager fails, is dropped for the next
// one. Only then the files are written, all or none; see [Write].
//
// The folder is data. Its .npmrc, .yarnrc.yml, .pnpmfile.cjs, bunfig.toml, .env and plugins are
// not in the copy, but for a few settings that only say how to resolve (settings.go), and no address
// that it names is contacted, unless Options.TrustProject.
//
// It does not look into node_modules or vendor folders, and changes none.
package fix
