#!/usr/bin/env bash
# Makes a PostgreSQL image out of Debian's or Ubuntu's own package, for hosts that reach no container registry.
#
#   scripts/build_postgres_image.sh [NAME:TAG]      by default arena-postgres:1
#
# It reads POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB and keeps its files in /var/lib/postgresql/data, as the
# official image does, so that either can stand in compose.yaml.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shell.sh

name=${1:-arena-postgres:1}
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/arena
release=$(. /etc/os-release && echo "${ID:-unknown}-${VERSION_CODENAME:-unknown}")
recipe=$release-$(cat scripts/build_base.sh scripts/postgres/* | sha256sum | cut -c1-12)
[ "$(.venv/bin/python scripts/engine.py recipe "$name" 2>/dev/null)" != "$recipe" ] || exit 0

archive=$cache/postgres-$recipe.tar
if [ ! -s "$archive" ]; then
    apt_install mmdebstrap
    say "Making a PostgreSQL image out of the packages of $release"
    scripts/build_base.sh "$archive" postgresql
fi
.venv/bin/python scripts/engine.py import "$archive" arena-postgres-root:1 "$recipe" >/dev/null
.venv/bin/python scripts/engine.py build scripts/postgres/Dockerfile "$name" arena-postgres-root:1 >/dev/null
say "Built $name"
