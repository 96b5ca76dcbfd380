// Package packument has the documents of npm's registries in files: what one says of each
// package, and the keys with which it signs.
//
//	folder := &packument.Folder{Files: os.DirFS("packuments"), Name: "packuments"}
//	text, err := folder.Packument(ctx, "@scope/name")
//
// It reads and does not judge: see packages metavuln and npmsign. Package npmregistry asks
// for the same documents.
package packument

// MaxSize is how many bytes a document has at most. The largest of the public registry
// have some 20 MiB.
const MaxSize = 64 << 20
