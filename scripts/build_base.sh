#!/usr/bin/env bash
# Makes a small root file system with Python, NumPy and pydicom out of Debian's or Ubuntu's own packages.
#
#   scripts/build_base.sh ARCHIVE.tar [PACKAGE…]
#
# It takes the release, the mirror and the proxy that this machine's apt already uses: they are configured, their
# keys are trusted, and no address stands in this project. Needs mmdebstrap and root (or sudo).
set -euo pipefail
. "$(dirname "$0")/shell.sh"

archive=$1
shift
# The C++ library is what compiled Python packages need beyond NumPy's own.
packages=${*:-python3-minimal python3-numpy python3-pydicom libstdc++6}

codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ -n "$codename" ] || die "The release of this machine has no code name; set ARENA_BASE_IMAGE to an image with Python, NumPy and pydicom."

# Only the distribution's own archives: a third party's repository on this machine has no business in the image.
sources_of_this_machine() {
    apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
        awk -F'|' -v codename="$codename" '
            $1 == "Debian" { keyring = "/usr/share/keyrings/debian-archive-keyring.gpg" }
            $1 == "Ubuntu" { keyring = "/usr/share/keyrings/ubuntu-archive-keyring.gpg" }
            ($1 == "Debian" || $1 == "Ubuntu") && index($3, codename) == 1 && $3 !~ /backports|proposed/ {
                print "deb [signed-by=" keyring "] " $2, $3, $4
            }' | sort -u
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources_of_this_machine >"$work/sources.list"
[ -s "$work/sources.list" ] || die "apt knows no Debian or Ubuntu archive here; run apt-get update, or set ARENA_BASE_IMAGE."
apt-config dump | grep -E '^Acquire::(http|https|ftp)::' >"$work/apt.conf" || true

# Documentation, translations and the packages' own test data are half of the size and never read in a sandbox. Compiled
# bytecode stays: with a read-only root it cannot be made later, and every start would pay for it.
# What names the mirror or the proxy is removed at the end, and so is what differs between two equal builds.
if ! SOURCE_DATE_EPOCH=1 as_root mmdebstrap --quiet --variant=essential --format=tar \
    --include="$(echo $packages | tr ' ' ',')" \
    --aptopt="$work/apt.conf" --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/lintian/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr \
    --customize-hook='find "$1"/etc/apt -type f ! -name 00mmdebstrap -delete; rm -rf "$1"/var/log/* "$1"/usr/lib/*/gconv "$1"/usr/lib/*/perl-base/unicore "$1"/usr/share/python3/debpython/__pycache__' \
    --customize-hook='find "$1"/usr/lib -depth -type d -path "*/python3*/*" \( -name tests -o -name test -o -name test_files -o -name lib2to3 -o -name idlelib -o -name pydoc_data \) -exec rm -rf {} +' \
    --customize-hook='rm -f "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap "$1"/etc/resolv.conf "$1"/etc/hostname' \
    "$codename" - - <"$work/sources.list" >"$work/base.tar" 2>"$work/log"; then
    tail -n 40 "$work/log" >&2
    die "mmdebstrap failed; its last lines stand above."
fi
mkdir -p "$(dirname "$archive")"
mv "$work/base.tar" "$archive.part"
mv "$archive.part" "$archive"
