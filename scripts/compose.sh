#!/usr/bin/env bash
# Runs the Compose that this machine has, with the arguments given; installs one by apt where there is none.
set -euo pipefail
. "$(dirname "$0")/shell.sh"

if docker compose version >/dev/null 2>&1; then exec docker compose "$@"; fi
if ! command -v docker-compose >/dev/null; then
    # Debian and Ubuntu name it differently from release to release: the first that apt has is taken.
    package=
    for candidate in docker-compose-v2 docker-compose-plugin docker-compose; do
        if [ -n "$(apt-cache policy "$candidate" 2>/dev/null | sed -n 's/^ *Candidate: \((none)\)\?//p')" ]; then
            package=$candidate
            break
        fi
    done
    [ -n "$package" ] || die "Compose is needed and apt has none: install Docker's compose plugin or docker-compose."
    apt_install "$package"
    if docker compose version >/dev/null 2>&1; then exec docker compose "$@"; fi
fi
exec docker-compose "$@"
