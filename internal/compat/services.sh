#!/usr/bin/env bash
# Installs what the tests talk to and is not there: Debian packages when this is Debian
# and we are root, npm packages into a folder outside the tree. Elsewhere it says what is
# missing and goes on; the tests that need it then skip with the reason.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need redis-server redis-server
need nginx nginx
need apache2 apache2-bin
need haproxy haproxy
need chromium chromium
need node nodejs
need npm npm
need curl curl
need openssl openssl
need update-ca-certificates ca-certificates
need systemd-analyze systemd
need systemd-sysusers systemd

if [ ${#missing[@]} -gt 0 ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -qq
		# The packages start services of their own; the tests start theirs on free ports.
		RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	else
		echo "services: missing ${missing[*]}: tests that need them will skip" >&2
	fi
fi

if command -v npm >/dev/null 2>&1; then
	./install.sh || echo "services: npm packages could not be installed: tests that need them will skip" >&2
fi
