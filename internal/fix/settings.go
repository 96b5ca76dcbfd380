package fix

import (
	"path"
	"strings"

	"github.com/panoplysec/panoply/internal/pattern"
)

// What the folder's own files say about how to resolve is kept where it can do no more than
// that: no address, no program, no file.
var (
	npmSettings = words(`legacy-peer-deps strict-peer-deps install-links prefer-dedupe omit-lockfile-registry-resolved
		auto-install-peers strict-peer-dependencies dedupe-peer-dependents resolution-mode link-workspace-packages
		prefer-workspace-packages shared-workspace-lockfile save-workspace-protocol exclude-links-from-lockfile
		lockfile-include-tarball-url peers-suffix-max-length dedupe-injected-deps inject-workspace-packages
		resolve-peers-from-workspace-root`)
	yarnSettings = words(`compressionLevel nodeLinker defaultSemverRangePrefix enableTransparentWorkspaces defaultProtocol`)
	pnpmSettings = words(`packages catalog catalogs overrides packageExtensions peerDependencyRules patchedDependencies
		ignoredOptionalDependencies autoInstallPeers strictPeerDependencies dedupePeerDependents linkWorkspacePackages
		preferWorkspacePackages sharedWorkspaceLockfile resolutionMode saveWorkspaceProtocol injectWorkspacePackages
		dedupeInjectedDeps lockfileIncludeTarballUrl excludeLinksFromLockfile peersSuffixMaxLength resolvePeersFromWorkspaceRoot`)
	plain = pattern.New(`^["']?[A-Za-z0-9.^~-]+["']?$`)
)

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// tame is what a file of the folder is in the copy.
func tame(name string, text []byte) []byte {
	switch path.Base(name) {
	case "package.json":
		// By it Corepack and pnpm fetch a package manager and run it.
		return dropJSON(dropJSON(text, "packageManager"), "devEngines", "packageManager")
	case workspaceFile:
		return keepBlocks(text, pnpmSettings)
	}
	return text
}

// keepBlocks keeps the parts of a YAML mapping whose keys are known.
func keepBlocks(text []byte, known map[string]bool) []byte {
	var b strings.Builder
	keep := false
	// YAML takes a lone CR for the end of a line, too.
	lines := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\r", "\n")
	for line := range strings.Lines(lines) {
		if c := line[0]; c != ' ' && c != '-' && c != '#' && c != '\n' && c != '\t' {
			key, _, _ := strings.Cut(line, ":")
			keep = known[strings.TrimSpace(key)]
		}
		if keep {
			b.WriteString(line)
		}
	}
	return []byte(b.String())
}

// pairsOf keeps the lines "key SEPARATOR value" whose key is known and whose value is a
// plain word.
func pairsOf(text []byte, separator string, known map[string]bool) string {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), separator)
		if key, value = strings.TrimSpace(key), strings.TrimSpace(value); ok && known[key] && plain.Get().MatchString(value) {
			b.WriteString(key + separator + " " + value + "\n")
		}
	}
	return b.String()
}
