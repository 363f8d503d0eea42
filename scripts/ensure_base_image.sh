#!/usr/bin/env bash
# Sees to it that the engine has the image on which baseline containers and Arena's own image stand.
#
# ARENA_BASE_IMAGE names it. Unset, it is arena-base:1, made here out of Debian's or Ubuntu's packages, cached as a tar.
# Any other name is the owner's choice: it is pulled if absent, and must have Python, NumPy and pydicom.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shell.sh

OWN_IMAGE=arena-base:1
image=${ARENA_BASE_IMAGE:-$OWN_IMAGE}
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/arena
engine() { .venv/bin/python scripts/engine.py "$@"; }

# Checked once for each image: a run costs a second, a look at a file nothing.
check() {
    local id stamp versions
    id=$(engine id "$image")
    stamp=$cache/checked/${id#sha256:}
    [ -e "$stamp" ] && return
    versions=$(engine check "$image") || die "Image $image cannot run Python with NumPy and pydicom; its message stands above."
    mkdir -p "$cache/checked"
    : >"$stamp"
    say "Base image $image: $versions"
}

if [ "$image" != "$OWN_IMAGE" ]; then
    if ! engine id "$image" >/dev/null 2>&1; then
        say "Pulling $image"
        engine pull "$image" >/dev/null || die "ARENA_BASE_IMAGE is $image: the engine neither has it nor can pull it."
    fi
    check
    exit 0
fi

release=$(. /etc/os-release && echo "${ID:-unknown}-${VERSION_CODENAME:-unknown}")
recipe=$release-$(sha256sum scripts/build_base.sh | cut -c1-12)
if [ "$(engine recipe "$image" 2>/dev/null)" != "$recipe" ]; then
    archive=$cache/base-$recipe.tar
    if [ ! -s "$archive" ]; then
        command -v apt-get >/dev/null ||
            die "Without apt no base image can be made: set ARENA_BASE_IMAGE to an image with Python, NumPy and pydicom."
        apt_install mmdebstrap
        start=$SECONDS
        say "Making the base image out of the packages of $release (about a minute, once)"
        scripts/build_base.sh "$archive"
        say "Made $(du -m "$archive" | cut -f1) MB in $((SECONDS - start)) s"
    fi
    engine import "$archive" "$image" "$recipe" >/dev/null
fi
check
