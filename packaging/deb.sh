#!/usr/bin/env bash
# Packs the folder that make dist has filled into panoply_VERSION_ARCH.deb beside it:
#
#	SOURCE_DATE_EPOCH=1764547200 packaging/deb.sh dist v1.2.0 amd64
set -euo pipefail
dist=$1 version=$2 arch=$3
cd "$(dirname "$0")"
dist=$(cd "$OLDPWD" && cd "$dist" && pwd)

# A tag v1.2.0, or v1.2.0-3-gabcdef after it, becomes 1.2.0 or 1.2.0+3.gabcdef. What has no
# tag sorts below every release.
case $version in
v[0-9]*.[0-9]*) version=${version#v} version=${version/-/+} version=${version//-/.} ;;
*) version=0~git.${version//[!A-Za-z0-9]/.} ;;
esac

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"
put() { install -D -m "$1" "$2" "$tree/$3"; }
put 755 "$dist/panoply" usr/bin/panoply
put 644 panoply.service usr/lib/systemd/system/panoply.service
put 644 panoply.socket usr/share/doc/panoply/examples/panoply.socket
put 644 panoply.sysusers usr/lib/sysusers.d/panoply.conf
put 644 panoply.yaml etc/panoply/panoply.yaml
put 644 "$dist/completion/panoply.bash" usr/share/bash-completion/completions/panoply
put 644 "$dist/completion/panoply.zsh" usr/share/zsh/vendor-completions/_panoply
put 644 "$dist/completion/panoply.fish" usr/share/fish/vendor_completions.d/panoply.fish
put 644 deb/copyright usr/share/doc/panoply/copyright
put 644 ../CHANGELOG.md usr/share/doc/panoply/CHANGELOG.md
put 644 "$dist/LICENSES" usr/share/doc/panoply/LICENSES
put 644 deb/overrides usr/share/lintian/overrides/panoply
cat >"$tree/usr/share/doc/panoply/changelog" <<END
panoply ($version) stable; urgency=medium

  * What changed stands in CHANGELOG.md.gz.

 -- The Panoply authors <security@panoplysec.example>  $(date -Ru -d "@$SOURCE_DATE_EPOCH")
END
put 644 "$dist/panoply.cdx.json" usr/share/doc/panoply/panoply.cdx.json
for page in "$dist"/man/*.1; do
	put 644 "$page" "usr/share/man/man1/${page##*/}"
done
gzip -9n "$tree"/usr/share/doc/panoply/{changelog,CHANGELOG.md,LICENSES} "$tree"/usr/share/man/man1/*

size=$(du -sk "$tree" | cut -f1)
mkdir "$tree/DEBIAN"
(cd "$tree" && find etc usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod 644 "$tree/DEBIAN/md5sums"
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$size/" deb/control >"$tree/DEBIAN/control"
chmod 644 "$tree/DEBIAN/control"
put 644 deb/conffiles DEBIAN/conffiles
for script in postinst prerm postrm; do
	put 755 "deb/$script" "DEBIAN/$script"
done
dpkg-deb --root-owner-group --build "$tree" "$dist/panoply_${version}_$arch.deb" >&2
