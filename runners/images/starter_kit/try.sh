#!/bin/sh
# Ask an image for studies at home, in a container held in much as Arena holds it; prints its answers, its log on stderr.
#
#     sh try.sh IMAGE STUDY...        each STUDY is a folder with the DICOM files of one series
#
# MODE is serve (default), batch or case, as the image was made for. ENGINE is docker or podman; MEMORY is the challenge's
# `memory_mib`. No time limit is applied here.
set -eu
[ $# -ge 2 ] || { echo "usage: sh try.sh IMAGE STUDY..." >&2; exit 2; }
mode=${MODE:-serve}
case $mode in serve | batch | case) ;; *) echo "MODE is $mode: allowed are serve, batch and case" >&2; exit 2 ;; esac
image=$1
shift
work=$(mktemp -d)
# A container that runs as a stranger can leave folders that only root may remove.
trap 'rm -rf "$work" 2>/dev/null || echo "left behind: $work" >&2' EXIT
chmod a+x "$work"

# run INPUT [MORE OPTIONS]: one container, held in
run() {
    input=$1
    shift
    "${ENGINE:-docker}" run --rm -i --network none --read-only --user 300001:300001 \
        --cap-drop ALL --security-opt no-new-privileges --pids-limit 64 --cpus 1 \
        --memory "${MEMORY:-512}m" --memory-swap "${MEMORY:-512}m" --tmpfs /tmp:size=16m,mode=1777,noexec \
        -e HOME=/tmp -e ARENA_CONTRACT=1 -v "$input:/input:ro" "$@" "$image"
}

# stage STUDY INPUT CASE: shows a study as Arena does
stage() {
    mkdir -p "$2/$3/s1"
    cp "$1"/*.dcm "$2/$3/s1/"
    chmod -R a+rX "$2"
}

# run_to_its_end INPUT FILE: a container without a conversation; its stdout is a log, its answer is FILE in /output
run_to_its_end() {
    output=$1.output
    mkdir "$output"
    chmod 0777 "$output"
    run "$1" -v "$output:/output" </dev/null >&2 || code=$?
    if [ -f "$output/$2" ] && [ ! -L "$output/$2" ]; then
        cat "$output/$2"
    else
        echo "there is no /output/$2" >&2
        [ "$code" -ne 0 ] || code=1
    fi
}

code=0
number=0
requests=""
for study in "$@"; do
    number=$((number + 1))
    name=$(printf 'c%04d' "$number")
    if [ "$mode" = case ]; then
        stage "$study" "$work/$name" "$name"
        run_to_its_end "$work/$name" prediction.json
        echo
    else
        stage "$study" "$work/input" "$name"
        requests="$requests{\"case\": \"$name\", \"path\": \"/input/$name\"}
"
    fi
done
if [ "$mode" = serve ]; then
    printf '%s' "$requests" | run "$work/input" || code=$?
elif [ "$mode" = batch ]; then
    run_to_its_end "$work/input" predictions.jsonl
fi
echo "the container exited with $code" >&2
exit "$code"
