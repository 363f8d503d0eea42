#!/usr/bin/env bash
# Builds Arena's own image on the base image, without network: its wheels are fetched first and copied in.
#
#   scripts/build_image.sh [NAME:TAG]      by default arena:local
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shell.sh

name=${1:-arena:local}
base=${ARENA_BASE_IMAGE:-arena-base:1}
bootstrap=$PWD/.cache/bootstrap/bin

version=$(.venv/bin/python scripts/engine.py check "$base") || die "The base image $base is not there; run 'make engine'."
python=$(sed -E 's/^Python ([0-9]+\.[0-9]+).*/\1/' <<<"$version")

# Fetched once for each lock and Python; our own wheel is made anew each time.
wanted=$(cat requirements/runtime.txt requirements/bootstrap.txt scripts/wheels.py <(echo "$python") | sha256sum | cut -c1-16)
fetched=.cache/wheels/$wanted/wheels
if [ ! -e ".cache/wheels/$wanted/complete" ]; then
    rm -rf .cache/wheels
    say "Fetching the wheels of Arena's image for Python $python"
    .venv/bin/python scripts/wheels.py --python "$python" --pip "$bootstrap/python" --into "$fetched" \
        requirements/runtime.txt requirements/bootstrap.txt >&2
    rm -f "$fetched"/uv-*.whl
    : >".cache/wheels/$wanted/complete"
fi

# What setuptools leaves in build/ is what it would ship again: files that are gone from the project.
rm -rf build
mkdir -p build/dependencies
cp -l "$fetched"/*.whl build/dependencies/ 2>/dev/null || cp "$fetched"/*.whl build/dependencies/
"$bootstrap/uv" build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir build/arena .

say "Building $name on $base"
.venv/bin/python scripts/engine.py build Dockerfile "$name" "$base" >&2
say "Built $name: $(.venv/bin/python scripts/engine.py id "$name")"
