// Package npmregistry asks the registries of the user's own npm settings which advisories
// packages are under, and for their documents of packages and their keys.
//
//	settings, err := npmregistry.Load(npmregistry.Sources{Environ: os.Environ(), User: "/home/u/.npmrc"})
//	client, err := npmregistry.New(settings)
//	answer, err := client.Advisories(ctx, map[string][]string{"qs": {"6.7.0"}})
//
// It speaks the bulk endpoint, to which npm audit sends names and versions too. There is no
// falling back to the older quick endpoint: that one gets the whole tree, and the versions
// of Node.js and the system, for the same answer.
//
// A package of a scope that has a registry of its own is asked for there and nowhere else:
// the public registry does not hear the names of private packages. Credentials go to the
// host, and below the path, that they are written for, over TLS or loopback, and never
// along with a redirect: none is followed. So do client certificates (certfile and keyfile;
// cert and key, which name no host, go to the user's own registry alone), on connections of
// their own. strict-ssl=false is refused, and so is a registry
// without TLS that is not on loopback: whoever is on the way would decide what is a hole.
//
// It believes what the registry answers: a package without advisories there is one that
// nobody has told it about.
//
// Sources: npm's documentation of npmrc, config and audit; what npm 10 sends.
package npmregistry
