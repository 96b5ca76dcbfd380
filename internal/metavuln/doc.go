// Package metavuln tells which locked packages npm would call vulnerable, and why: those
// under an advisory, and those that depend on nothing but vulnerable versions of others.
//
//	r := metavuln.Judge(lock.NPMTree(manifest), advisories, metavuln.Folder(os.DirFS("packuments")))
//	for _, v := range r {
//		fmt.Println(v.Name, v.Via, v.Effects, v.Range, v.Fix)
//	}
//
// A package is a meta-vulnerability when each version that its range can pick of another
// is vulnerable. Only the registry knows which versions there are, so this takes its
// documents, the packuments: from a folder, since a lookup must not need a network. One
// that is absent counts as npm counts one that it cannot get: every version is bad.
//
// The answers are those of npm audit --json, member by member, but for two things that
// depend on the machine: npm prefers versions whose engines suit the node that runs it,
// and it joins advisories in the order in which the registry names them.
//
// Packuments and locks are foreign: what is no version or range decides nothing, and a
// packument has at most 64 MiB.
//
// Sources: npm's documentation of audit, and the answers of npm 11 to a local registry
// (the tests of internal/depreport compare with it).
package metavuln
