package fix

import (
	"os"
	"path/filepath"
	"strings"
)

// passed are the variables that package managers get of ours: where programs are, and how
// to speak. Tokens are not among them.
var passed = []string{
	"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP",
	"SystemRoot", "SYSTEMROOT", "COMSPEC", "PATHEXT", "WINDIR", "PROGRAMFILES",
	"COREPACK_HOME", "VOLTA_HOME", "ASDF_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR", "FNM_DIR",
}

// environment has the showcase as the only registry and as the proxy of everything else,
// and turns off scripts, questions and news.
func (w *workshop) environment() []string {
	var env []string
	for _, name := range passed {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		// Shims of the user's own version managers look for what they run in the home.
		for name, dir := range map[string]string{"VOLTA_HOME": ".volta", "COREPACK_HOME": ".cache/node/corepack", "ASDF_DATA_DIR": ".asdf"} {
			if _, set := os.LookupEnv(name); !set {
				if at := filepath.Join(home, dir); isDir(at) {
					env = append(env, name+"="+at)
				}
			}
		}
	}
	proxy := strings.TrimSuffix(w.base, "/")
	nothing := filepath.Join(w.home, "nothing")
	env = append(env,
		"HOME="+w.home, "USERPROFILE="+w.home, "XDG_CONFIG_HOME="+w.home, "XDG_CACHE_HOME="+w.home, "XDG_DATA_HOME="+w.home, "XDG_STATE_HOME="+w.home,
		"CI=true", "NO_COLOR=1",
		"HTTP_PROXY="+proxy, "HTTPS_PROXY="+proxy, "http_proxy="+proxy, "https_proxy="+proxy, "NO_PROXY=", "no_proxy=",
		"GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=none", "GIT_CONFIG_GLOBAL="+nothing, "GIT_CONFIG_NOSYSTEM=1",
		"npm_config_registry="+w.base, "npm_config_userconfig="+filepath.Join(w.home, "npmrc"), "npm_config_globalconfig="+nothing,
		"npm_config_cache="+filepath.Join(w.home, "npm"), "npm_config_store_dir="+filepath.Join(w.home, "store"),
		"npm_config_ignore_scripts=true", "npm_config_update_notifier=false", "npm_config_fetch_retries=0", "npm_config_git="+nothing,
		"npm_config_proxy="+proxy, "npm_config_https_proxy="+proxy, "npm_config_noproxy=",
		"npm_config_manage_package_manager_versions=false", "npm_config_ignore_pnpmfile=true",
		"pnpm_config_manage_package_manager_versions=false", "pnpm_config_ignore_pnpmfile=true", "pnpm_config_ignore_scripts=true", "pnpm_config_registry="+w.base,
		"pnpm_config_store_dir="+filepath.Join(w.home, "store"), "pnpm_config_cache_dir="+filepath.Join(w.home, "cache"), "pnpm_config_fetch_retries=0", "pnpm_config_update_notifier=false",
		"COREPACK_ENABLE_PROJECT_SPEC=0", "COREPACK_ENABLE_STRICT=0", "COREPACK_ENABLE_AUTO_PIN=0", "COREPACK_ENABLE_DOWNLOAD_PROMPT=0",
	)
	if w.kind == "bun" {
		return append(env, "BUN_INSTALL="+filepath.Join(w.home, "bun"), "BUN_INSTALL_CACHE_DIR="+filepath.Join(w.home, "bun", "cache"), "BUN_CONFIG_REGISTRY="+w.base, "DO_NOT_TRACK=1")
	}
	if w.kind == "yarn 1" {
		return append(env, "YARN_REGISTRY="+w.base, "YARN_CACHE_FOLDER="+filepath.Join(w.home, "yarn"), "YARN_IGNORE_PATH=1")
	}
	if w.kind == "yarn" {
		env = append(env, "NODE_OPTIONS=--require="+quoteJSON(filepath.Join(w.home, alone)))
	}
	return append(env,
		"YARN_NPM_REGISTRY_SERVER="+proxy, "YARN_UNSAFE_HTTP_WHITELIST=127.0.0.1", "YARN_ENABLE_SCRIPTS=false", "YARN_IGNORE_PATH=1",
		"YARN_ENABLE_IMMUTABLE_INSTALLS=false", "YARN_ENABLE_TELEMETRY=0", "YARN_ENABLE_GLOBAL_CACHE=true",
		"YARN_GLOBAL_FOLDER="+filepath.Join(w.home, "berry"), "YARN_ENABLE_HARDENED_MODE=0", "YARN_HTTP_RETRY=0",
		"YARN_HTTP_PROXY="+proxy, "YARN_HTTPS_PROXY="+proxy,
	)
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// settle writes what the folder's files say about how to resolve.
func (w *workshop) settle() error {
	text := pairsOf(w.project.text(".npmrc"), "=", npmSettings)
	if err := os.WriteFile(filepath.Join(w.home, "npmrc"), []byte(text), 0o600); err != nil {
		return err
	}
	if w.kind == "bun" {
		return os.WriteFile(filepath.Join(w.home, "bunfig.toml"), []byte(bunfig(w.project.text("bunfig.toml"))), 0o600)
	}
	if w.kind != "yarn" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(w.home, alone), []byte(childless), 0o600); err != nil {
		return err
	}
	text = pairsOf(w.project.text(".yarnrc.yml"), ":", yarnSettings)
	return os.WriteFile(filepath.Join(w.dir, ".yarnrc.yml"), []byte(text), 0o600)
}

// alone is a file that Node.js loads before Yarn 2 and later, after which it starts no
// program. Yarn runs what a package asks for by "exec:" while it resolves, whatever
// enableScripts says.
const (
	alone     = "alone.cjs"
	childless = `const refuse = () => { throw new Error("panoply fix has Yarn start no program"); };
const children = require("child_process");
for (const name of ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"]) children[name] = refuse;
children.ChildProcess.prototype.spawn = refuse;
require("module").syncBuiltinESMExports();
`
)
