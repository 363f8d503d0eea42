#!/usr/bin/env bash
# Sees to it that a container engine answers, and prints its address (a DOCKER_HOST) on stdout.
#
# The first that answers is used: DOCKER_HOST where it is set, Docker's usual socket, Podman's. Where none does and apt
# is there, docker.io is installed and its daemon started. What was done is said on stderr.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shell.sh

DOCKER_SOCKET=/var/run/docker.sock
DAEMON_PID_FILE=/var/run/arena-dockerd.pid
DAEMON_LOG=/var/log/arena-dockerd.log
ANSWER_SECONDS=60

engine_at() { DOCKER_HOST=$1 .venv/bin/python scripts/engine.py answers 2>/dev/null; }

# A daemon that this script started gets gVisor as a second runtime. Somebody else's is left as it is: who wants gVisor
# there runs scripts/ensure_gvisor.sh, as the tests do.
is_ours() { [ "$1" = "unix://$DOCKER_SOCKET" ] && [ -n "${STARTED:-}$(cat "$DAEMON_PID_FILE" 2>/dev/null)" ]; }

use() {
    say "Container engine: $2 at $1"
    if is_ours "$1" && ! DOCKER_HOST=$1 scripts/ensure_gvisor.sh >&2; then
        say "There is no gVisor here: contests that ask for it cannot run on this machine"
    fi
    printf '%s\n' "$1"
    exit 0
}

use_what_answers() {
    local address version
    for address in "unix://$DOCKER_SOCKET" \
        "unix://${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/podman/podman.sock" "unix:///run/podman/podman.sock"; do
        [ -S "${address#unix://}" ] || continue
        if version=$(engine_at "$address"); then use "$address" "$version"; fi
    done
}

# A socket of the engine may be there and closed to this user: that is said, and not mended behind the owner's back.
refuse_if_forbidden() {
    if [ -S "$DOCKER_SOCKET" ] && [ ! -w "$DOCKER_SOCKET" ]; then
        die "Docker runs here, but $(id -un) may not use it: run 'sudo usermod -aG docker $(id -un)' and log in again."
    fi
}

install_docker() {
    command -v apt-get >/dev/null ||
        die "No container engine answers: install and start Docker or Podman, or set DOCKER_HOST to one that runs."
    apt_install docker.io
    # Newer releases ship the client apart from the daemon; Compose needs it.
    command -v docker >/dev/null || apt_install docker-cli
}

# Without systemd a container host may lack its control groups; Debian's cgroupfs-mount mounts them.
mount_cgroups() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ] || [ -d /sys/fs/cgroup/memory ]; then return; fi
    apt_install cgroupfs-mount
    as_root cgroupfs-mount
}

# A process that has died and that nobody has waited for keeps its name; it does not run.
runs() { [ "$(awk '/^Name:/ { name = $2 } /^State:/ { state = $2 } END { if (state != "Z") print name }' "/proc/$1/status" 2>/dev/null)" = "$2" ]; }

# Debian's package may have started its daemon already, or an earlier run of this script did and it is still coming up.
daemon_runs() {
    local file pid
    for file in /var/run/docker.pid /var/run/docker-ssd.pid "$DAEMON_PID_FILE"; do
        pid=$(cat "$file" 2>/dev/null) || continue
        if [ -n "$pid" ] && runs "$pid" dockerd; then return 0; fi
    done
    return 1
}

# A daemon that was killed, with its machine perhaps, leaves pid files. A number in them may by now be another process, or
# its containerd, which dies a moment after it: a new daemon would take either for its own and fail to start.
forget_killed_daemon() {
    local file pid start=$SECONDS
    for file in "$DAEMON_PID_FILE:dockerd" /var/run/docker/containerd/containerd.pid:containerd; do
        pid=$(as_root cat "${file%:*}" 2>/dev/null) || continue
        while runs "$pid" "${file#*:}" && [ $((SECONDS - start)) -lt 10 ]; do sleep 0.2; done
        as_root rm -f "${file%:*}"
    done
}

# The daemon gets a pid file of its own, so that it can be ended without touching another one, and none of the
# descriptors of this script, so that nobody who waits for our output waits for the daemon.
start_daemon() {
    if [ -d /run/systemd/system ]; then
        say "Starting Docker by systemd"
        as_root systemctl enable --now docker >&2
        return
    fi
    if daemon_runs; then return; fi
    forget_killed_daemon
    mount_cgroups
    say "Starting dockerd (log: $DAEMON_LOG, pid file: $DAEMON_PID_FILE)"
    as_root env -u DOCKER_HOST DOCKERD="$(command -v dockerd || echo /usr/sbin/dockerd)" PID_FILE=$DAEMON_PID_FILE LOG=$DAEMON_LOG bash -c '
        for fd in /proc/$$/fd/*; do
            fd=${fd##*/}
            [ "$fd" -le 2 ] || eval "exec $fd>&-"
        done
        setsid "$DOCKERD" --pidfile "$PID_FILE" >>"$LOG" 2>&1 </dev/null &'
}

wait_until_it_answers() {
    local start=$SECONDS version
    while [ $((SECONDS - start)) -lt $ANSWER_SECONDS ]; do
        # A daemon that this script installed belongs to root; its user may not have logged in since to be in its group.
        if [ -S "$DOCKER_SOCKET" ] && [ ! -w "$DOCKER_SOCKET" ]; then
            as_root usermod -aG docker "$(id -un)"
            apt_install acl
            as_root setfacl -m "u:$(id -un):rw" "$DOCKER_SOCKET"
            say "$(id -un) may now use Docker, and is in the group docker from the next login on"
        fi
        if version=$(engine_at "unix://$DOCKER_SOCKET"); then use "unix://$DOCKER_SOCKET" "$version"; fi
        sleep 0.5
    done
    as_root tail -n 20 "$DAEMON_LOG" >&2 || true
    die "Docker was started and did not answer within $ANSWER_SECONDS s; the end of its log stands above."
}

if [ -n "${DOCKER_HOST:-}" ]; then
    if version=$(engine_at "$DOCKER_HOST"); then use "$DOCKER_HOST" "$version"; fi
    die "DOCKER_HOST is $DOCKER_HOST and no container engine answers there: start it, or unset DOCKER_HOST."
fi
use_what_answers
refuse_if_forbidden
install_docker
start_daemon
STARTED=1
wait_until_it_answers
