#!/usr/bin/env bash
# Runs every test and ends with one line of totals.
#
#   scripts/run_tests.sh [PYTEST ARGUMENTS]
#
# Two runs: first, on all cores, what starts no container; then, one by one, what does, because those tests pin cores and
# measure time, and a busy neighbour would change what they see.
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
say "Tests without containers, on all cores"
.venv/bin/python -m pytest -m "not engine" -n auto --durations=15 --junit-xml="$reports/beside.xml" "$@" || status=1
say "Tests with containers, one by one"
.venv/bin/python -m pytest -m engine --durations=15 --junit-xml="$reports/alone.xml" "$@" || status=1
if [ $# -eq 0 ]; then
    say "Attacks: the table of docs/security.md against this run"
    .venv/bin/python -m scripts.attack_table "$reports" || status=1
fi
.venv/bin/python scripts/test_totals.py "$reports" || status=1
exit "$status"
