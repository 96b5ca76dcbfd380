package jsrefs

import (
	"slices"
	"strings"
)

// Package is the package of a module's name: "express" of "express/lib/router". It is
// empty for paths, addresses and modules of Node itself.
func Package(name string) string {
	if at := strings.LastIndexByte(name, '!'); at >= 0 {
		name = name[at+1:] // webpack's loaders stand before the name
	}
	name, _, _ = strings.Cut(name, "?")
	name = strings.TrimPrefix(name, "npm:")
	if name == "" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "#") || strings.HasPrefix(name, "~") || strings.Contains(name, ":") || strings.ContainsAny(name, " \n\\") {
		return ""
	}
	parts := strings.SplitN(name, "/", 3)
	if strings.HasPrefix(name, "@") {
		if len(parts) < 2 || len(parts[0]) == 1 || parts[1] == "" {
			return "" // "@/lib" is somebody's alias
		}
		scope, _, _ := strings.Cut(parts[1], "@")
		return parts[0] + "/" + scope
	}
	if len(parts) == 1 && slices.Contains(Builtin, name) {
		return ""
	}
	if slices.Contains(folders, parts[0]) && len(parts) > 1 && parts[1] != "" {
		return ""
	}
	pkg, _, _ := strings.Cut(parts[0], "@")
	return pkg
}

// Builtin are the modules of Node itself, which need no package. A slash behind one asks for
// the package.
var (
	Builtin = []string{"assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram", "diagnostics_channel",
		"dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net", "os", "path", "perf_hooks", "process", "punycode",
		"querystring", "readline", "repl", "stream", "string_decoder", "sys", "timers", "tls", "trace_events", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib"}
	folders = []string{"assert", "dns", "fs", "inspector", "path", "readline", "stream", "timers", "util"}
)
