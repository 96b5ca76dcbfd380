#!/usr/bin/env bash
# Installs the npm packages of app/package-lock.json into ${PANOPLY_NPM_DIR:-~/.cache/panoply/npm},
# and does nothing when they are there already. The tree itself gets no node_modules, and
# the lock file names no registry: npm asks the one of your own configuration.
set -euo pipefail
app="$(cd "$(dirname "$0")" && pwd)/app"
dir="${PANOPLY_NPM_DIR:-$HOME/.cache/panoply/npm}"

mkdir -p "$dir"
if [ -d "$dir/node_modules" ] && cmp -s "$app/package-lock.json" "$dir/installed.json"; then
	exit 0
fi
rm -f "$dir/installed.json"
cp "$app/package.json" "$app/package-lock.json" "$dir/"
# No package's install script runs.
npm --prefix "$dir" ci --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved --loglevel=error >&2
cp "$app/package-lock.json" "$dir/installed.json"
