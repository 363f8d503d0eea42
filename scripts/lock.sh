#!/usr/bin/env bash
# Writes the lock files: every package with an exact version and its hashes, and no address, so that any mirror serves.
#
#   lock.txt       all of it, for work on the project     runtime.txt   the part that a server needs, same versions
#   bootstrap.txt  what installs the others
set -euo pipefail
cd "$(dirname "$0")/.."

export UV_CUSTOM_COMPILE_COMMAND="make lock" UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}
compile() {
    .cache/bootstrap/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
        --no-emit-index-url --no-emit-find-links "$@"
}
compile "${@:---upgrade}" --group dev pyproject.toml -o requirements/lock.txt
compile --constraints requirements/lock.txt --no-annotate pyproject.toml -o requirements/runtime.txt
compile --no-annotate requirements/bootstrap.in -o requirements/bootstrap.txt
