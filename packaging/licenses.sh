#!/usr/bin/env bash
# Prints the licences that a copy of the program must bring along: Panoply's, Go's, and
# those of the modules that are linked into it.
#
#	packaging/licenses.sh dist/panoply
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")/.."

print() {
	printf '%s\n%s\n\n' "$1" "${1//?/=}"
	cat "$2"
	printf '\n\n'
}
print Panoply LICENSE
print 'The Go standard library' "$(go env GOROOT)/LICENSE"
go version -m "$program" | awk -F'\t' '$2 == "dep" { print $3 }' |
	xargs go list -m -f '{{.Path}} {{.Version}} {{.Dir}}' |
	while read -r path version dir; do
		found=
		for file in "$dir"/{LICENSE,UNLICENSE,COPYING,NOTICE}*; do
			[ -f "$file" ] || continue
			print "$path $version ${file##*/}" "$file"
			found=1
		done
		[ "$found" ] || { echo "licenses.sh: $path $version has no licence file" >&2; exit 1; }
	done
