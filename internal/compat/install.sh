#!/usr/bin/env bash
# Installs the npm packages of app/package-lock.json into ${PANOPLY_NPM_DIR:-~/.cache/panoply/npm},
# and those of holes/package-lock.json, which have known holes and are only ever attacked, into
# holes/ below it. It does nothing where they are there already. The tree itself gets no
# node_modules, and the lock files name no registry: npm asks the one of your own configuration.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="${PANOPLY_NPM_DIR:-$HOME/.cache/panoply/npm}"

install_into() { # FOLDER-OF-THE-LOCK TARGET
	mkdir -p "$2"
	if [ -d "$2/node_modules" ] && cmp -s "$1/package-lock.json" "$2/installed.json"; then
		return
	fi
	rm -f "$2/installed.json"
	cp "$1/package.json" "$1/package-lock.json" "$2/"
	# No package's install script runs.
	npm --prefix "$2" ci --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved --loglevel=error >&2
	cp "$1/package-lock.json" "$2/installed.json"
}

install_into "$here/app" "$root"
install_into "$here/holes" "$root/holes"
