#!/usr/bin/env bash
# Makes .venv out of requirements/lock.txt: exact versions, checked by their hashes, and this project itself, editable.
#
# uv installs in seconds what pip installs in minutes. It comes, pinned by hash, out of the package index like everything
# else, into a small environment of its own under .cache, so that nothing is put into the system's Python.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shell.sh

OLDEST="3, 11"
BOOTSTRAP=.cache/bootstrap
start=$SECONDS

find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && "$name" -c "import sys; sys.exit(sys.version_info < ($OLDEST))" 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    die "Python ${OLDEST/, /.} or newer is needed and none is on PATH: install it (python3) and run this again."
}

# Debian and Ubuntu ship Python without the part that makes environments.
ensure_venv_module() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    local package=python3-venv
    [ "$(readlink -f "$python")" = "$(readlink -f /usr/bin/python3)" ] || package=$(basename "$(readlink -f "$python")")-venv
    apt_install "$package"
}

# An index or a mirror that this machine's pip is set to is uv's too.
follow_pip_settings() {
    local index
    index=${PIP_INDEX_URL:-$("$BOOTSTRAP/bin/python" -m pip config get global.index-url 2>/dev/null || true)}
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}; fi
    export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never
}

python=$(find_python)
stamp=$BOOTSTRAP/$(cat requirements/bootstrap.txt <("$python" -V) | sha256sum | cut -c1-16)
if [ ! -e "$stamp" ]; then
    ensure_venv_module
    say "Fetching uv"
    rm -rf "$BOOTSTRAP"
    "$python" -m venv "$BOOTSTRAP"
    "$BOOTSTRAP/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: -r requirements/bootstrap.txt
    : >"$stamp"
fi
follow_pip_settings
uv() { "$BOOTSTRAP/bin/uv" "$@"; }

if ! .venv/bin/python -c '' 2>/dev/null; then
    rm -rf .venv
    uv venv --quiet --python "$python" .venv
fi
say "Installing $(grep -c '^[a-z0-9._-]*==' requirements/lock.txt) locked packages into .venv"
export VIRTUAL_ENV=$PWD/.venv
uv pip sync --quiet --require-hashes requirements/lock.txt
uv pip install --quiet --no-deps --no-build-isolation --editable . --editable challenges/chest-phantom/metric
: >.venv/.ready
say "Environment ready in $((SECONDS - start)) s"
