#!/usr/bin/env bash
# A Podman of one's own: its API on a socket, its store and all that it keeps in one folder, nobody else's touched.
#
#   scripts/own_podman.sh install          the Debian packages that are missing
#   scripts/own_podman.sh start FOLDER     starts the service and prints its address (a DOCKER_HOST)
#   scripts/own_podman.sh stop FOLDER      ends it by its pid and removes its containers, mounts and folder
#
# Needs root, as the sandbox does: an account for every container. FOLDER must be new, and its path short: the kernel
# takes 107 bytes for a socket.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shell.sh

GROUPS_ROOT=/sys/fs/cgroup
PARENT=libpod_parent
SECONDS_TO_ANSWER=30
SECONDS_TO_END=30

# Debian's package of Podman takes crun for its runtime where runc is not there: what Arena asks for by default is runc.
# The init program is a package apart. All in one go, so that apt reads its lists once.
install_packages() {
    local program missing=()
    for program in podman runc catatonit; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
    for program in podman runc conmon catatonit; do
        command -v "$program" >/dev/null || die "Podman needs the program $program, and installing it did not bring it."
    done
}

# Settings of the machine's own Podman do not count here. Locks in files, as those in shared memory are one Podman's for
# all stores of the machine; the control groups without systemd, which need not be there.
configure() {
    mkdir -p "$folder"/{networks,scratch}
    cat >"$folder/containers.conf" <<CONF
[network]
network_config_dir = "$folder/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
init_path = "$(command -v catatonit)"
lock_type = "file"
runtime = "runc"
CONF
    cat >"$folder/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$folder/store"
runroot = "$folder/run"
CONF
    # Nothing is ever fetched: an image is here or it is not.
    : >"$folder/registries.conf"
}

# None of the caller's variables reach Podman: one of them could lead it to another service or store.
name_podman() {
    podman=(env -i PATH="$PATH:/usr/sbin:/sbin" HOME="$folder" TMPDIR="$folder/scratch"
        CONTAINERS_CONF="$folder/containers.conf" CONTAINERS_STORAGE_CONF="$folder/storage.conf"
        CONTAINERS_REGISTRIES_CONF="$folder/registries.conf"
        setsid podman --root="$folder/store" --runroot="$folder/run" --tmpdir="$folder/libpod")
}

is_podman() { [ "$(cat "/proc/$1/comm" 2>/dev/null)" = podman ]; }

has_parent() { compgen -G "$GROUPS_ROOT/*/$PARENT" >/dev/null || [ -d "$GROUPS_ROOT/$PARENT" ]; }

start() {
    [ ! -e "$folder" ] || [ -z "$(ls -A "$folder")" ] || die "$folder is not empty."
    install_packages
    mkdir -p "$folder"
    configure
    if has_parent; then : >"$folder/parent-was-there"; fi
    # Podman's monitors leave files in the folder that the service runs in.
    (
        cd "$folder/scratch"
        "${podman[@]}" system service --time=0 "unix://$folder/podman.sock" >"$folder/log" 2>&1 </dev/null &
        echo $! >"$folder/pid"
    )
    local until=$((SECONDS + SECONDS_TO_ANSWER)) version
    while [ $SECONDS -lt $until ]; do
        if [ -S "$folder/podman.sock" ] &&
            version=$(DOCKER_HOST=unix://$folder/podman.sock .venv/bin/python scripts/engine.py answers 2>/dev/null); then
            say "Container engine: $version at unix://$folder/podman.sock, $(runc --version | head -n 1)"
            printf 'unix://%s/podman.sock\n' "$folder"
            return
        fi
        sleep 0.1
    done
    tail -n 20 "$folder/log" >&2
    die "Podman did not answer within $SECONDS_TO_ANSWER s; the end of its log stands above, its folder is $folder."
}

# Podman's own processes and its containers' that name something in the folder: the service, monitors, runtimes.
processes() {
    local place
    for place in /proc/[0-9]*; do
        case "$(cat "$place/comm" 2>/dev/null)" in
        podman | conmon | runc | crun | catatonit)
            if tr '\0' '\n' <"$place/cmdline" 2>/dev/null | grep -qF -- "$folder/"; then printf '%s\n' "${place#/proc/}"; fi
            ;;
        esac
    done
}

mounts() { awk -v folder="$folder/" 'index($2, folder) == 1 { print $2 }' /proc/self/mounts | tac; }

end_service() {
    local pid until=$((SECONDS + SECONDS_TO_END))
    pid=$(cat "$folder/pid" 2>/dev/null) || return 0
    is_podman "$pid" || return 0
    kill -TERM "$pid"
    while is_podman "$pid" && [ $SECONDS -lt $until ]; do sleep 0.1; done
    if is_podman "$pid"; then kill -KILL "$pid"; fi
}

# The group above Podman's containers stays when they are gone; it is removed only where it was not there before.
remove_groups() {
    [ ! -e "$folder/parent-was-there" ] || return 0
    local group
    for group in "$GROUPS_ROOT"/*/"$PARENT" "$GROUPS_ROOT/$PARENT"; do
        [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + || say "Control group $group is still used"
    done
}

stop() {
    [ -f "$folder/containers.conf" ] || die "$folder is no folder of this script's."
    end_service
    "${podman[@]}" rm --all --force --time=0 >/dev/null || say "Podman could not remove its containers"
    local pid place until=$((SECONDS + SECONDS_TO_END))
    while [ -n "$(processes)" ] && [ $SECONDS -lt $until ]; do sleep 0.1; done
    for pid in $(processes); do kill -KILL "$pid" || true; done
    for place in $(mounts); do umount "$place"; done
    remove_groups
    rm -rf "$folder"
}

case "${1:-}:$#" in
install:1) install_packages ;;
start:2 | stop:2)
    [ "$(id -u)" = 0 ] || die "A Podman of one's own needs root here, as the sandbox does."
    folder=$(realpath -m "$2")
    [ ${#folder} -le 90 ] || die "The path of $folder is too long for a socket in it."
    name_podman
    "$1"
    ;;
*) die "Usage: scripts/own_podman.sh install | start FOLDER | stop FOLDER" ;;
esac
