#!/usr/bin/env bash
# Runs every test and ends with one line of totals.
#
#   scripts/run_tests.sh [PYTEST ARGUMENTS]
#
# Three runs: on all cores what needs neither a container nor a browser; on all cores what needs a browser, apart because
# its driver leaves an event loop running in the process; then, one by one, what starts containers, because those tests
# pin cores and measure time, and a busy neighbour would change what they see.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/shell.sh

DOCKER_HOST=$(scripts/ensure_engine.sh) || exit 1
export DOCKER_HOST
scripts/ensure_gvisor.sh || exit 1
scripts/ensure_base_image.sh || exit 1
export ARENA_BASE_IMAGE=${ARENA_BASE_IMAGE:-arena-base:1}

reports=.cache/tests
rm -rf "$reports"
mkdir -p "$reports"
status=0
tests() { # NAME MARKERS [PYTEST ARGUMENTS]
    say "Tests: $1"
    .venv/bin/python -m pytest -m "$2" --durations=15 --junit-xml="$reports/$1.xml" "${@:3}" || status=1
}
tests plain "not engine and not browser" -n auto "$@"
tests browser "browser and not engine" -n auto "$@"
tests engine "engine" "$@"
if [ $# -eq 0 ]; then
    say "Attacks: the table of docs/security.md against this run"
    .venv/bin/python -m scripts.attack_table "$reports" || status=1
fi
.venv/bin/python scripts/test_totals.py "$reports" || status=1
exit "$status"
