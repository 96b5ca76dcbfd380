// Package nodemodules follows imports through the packages that are installed in a
// folder's node_modules, as Node resolves them.
//
//	tree := nodemodules.Follow(ctx, os.DirFS("shop"), []nodemodules.Root{
//		{Place: nodemodules.Place{File: "server.js", Line: 1}, Name: "express"},
//	}, nodemodules.Options{})
//	for _, p := range tree.Packages {
//		fmt.Println(p.Name, p.Version, p.Way) // qs 6.7.0 [server.js:1 node_modules/express/index.js:11 …]
//	}
//
// It knows main, exports with nested conditions, patterns and null, imports, packages that
// name themselves, extensions, folders with index files, nested node_modules, and the
// links of pnpm and of workspaces. What is required late, or where its absence is caught,
// counts as loaded. Where bundlers or other runtimes may choose, whatever any of them may
// choose is followed. JSON and native addons are loaded and lead nowhere.
//
// What it cannot follow is told and never left out: [Package.Doubt] says why a package may
// load more than was seen, a module whose name is made at run time mostly, and
// [Package.Loose] which packages it names that could not be followed. Who claims that
// something is never loaded has to ask both, and [Tree.Cut].
//
// The folder is foreign data. Nothing in it is run, no link is followed out of it (by
// [fs.FS], and by the way that is walked), FIFOs and devices are not opened, and the
// bounds are those of the constants. What it does not see: files that are written at run
// time, NODE_PATH, loaders that change how names are resolved, and what a package hides on
// purpose.
//
// Sources: Node's documentation of modules and packages (resolution algorithms);
// webpack's of resolve.conditionNames, mainFields and the browser field.
package nodemodules
