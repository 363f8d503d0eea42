#!/usr/bin/env bash
# Sees to it that this machine's Docker has gVisor as its runtime `runsc`; run again, it changes nothing.
#
#   scripts/ensure_gvisor.sh
#
# Works on the daemon at DOCKER_HOST, by default Docker's usual socket. The package comes by apt; the runtime is written
# into /etc/docker/daemon.json beside whatever stands there, and the daemon reads it again without being restarted.
# gVisor gets no network at all, and the control groups that hold its containers: without them it would drop every limit.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shell.sh

CONFIGURATION=/etc/docker/daemon.json
SECONDS_TO_RELOAD=15

has_runsc() { .venv/bin/python scripts/engine.py runtimes | grep -qx runsc; }

register() {
    local made
    made=$(mktemp)
    .venv/bin/python - "$CONFIGURATION" "$(command -v runsc)" >"$made" <<'PY'
import json, pathlib, sys

path, program = pathlib.Path(sys.argv[1]), sys.argv[2]
known = json.loads(path.read_text() or "{}") if path.exists() else {}
known.setdefault("runtimes", {})["runsc"] = {"path": program, "runtimeArgs": ["--network=none"]}
print(json.dumps(known, indent=2))
PY
    as_root mkdir -p "${CONFIGURATION%/*}"
    as_root install -m 644 "$made" "$CONFIGURATION"
    rm -f "$made"
}

reload() {
    if [ -d /run/systemd/system ]; then
        as_root systemctl reload docker >&2
        return
    fi
    local file pid
    for file in /var/run/docker.pid /var/run/docker-ssd.pid /var/run/arena-dockerd.pid; do
        pid=$(cat "$file" 2>/dev/null) || continue
        if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
            as_root kill -HUP "$pid"
            return
        fi
    done
    die "Docker's daemon was not found by its pid file; restart it, and it will know the runtime runsc."
}

export DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock}
if has_runsc; then exit 0; fi
[ "$DOCKER_HOST" = unix:///var/run/docker.sock ] ||
    die "The engine at $DOCKER_HOST has no runtime runsc; register it there (docs/operators.md)."
command -v runsc >/dev/null || apt_install runsc
register
reload
for _ in $(seq $((SECONDS_TO_RELOAD * 5))); do
    if has_runsc; then
        say "gVisor is Docker's runtime runsc: $(runsc --version | head -n 1)"
        exit 0
    fi
    sleep 0.2
done
die "Docker did not take the runtime runsc out of $CONFIGURATION within $SECONDS_TO_RELOAD s."
