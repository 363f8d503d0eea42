#!/bin/sh
# Ask an image for studies at home, in a container held in much as Arena holds it; prints its answers and its log.
#
#     sh try.sh IMAGE STUDY...        each STUDY is a folder with the DICOM files of one series
#
# ENGINE is docker or podman; MEMORY is the challenge's `memory_mib`. No time limit is applied here.
set -eu
[ $# -ge 2 ] || { echo "usage: sh try.sh IMAGE STUDY..." >&2; exit 2; }
image=$1
shift
input=$(mktemp -d)
trap 'rm -rf "$input"' EXIT
number=0
requests=""
for study in "$@"; do
    number=$((number + 1))
    case=$(printf 'c%04d' "$number")
    mkdir -p "$input/$case/s1"
    cp "$study"/*.dcm "$input/$case/s1/"
    requests="$requests{\"case\": \"$case\", \"path\": \"/input/$case\"}
"
done
chmod -R a+rX "$input"
code=0
printf '%s' "$requests" | "${ENGINE:-docker}" run --rm -i --network none --read-only --user 300001:300001 \
    --cap-drop ALL --security-opt no-new-privileges --pids-limit 64 --cpus 1 \
    --memory "${MEMORY:-512}m" --memory-swap "${MEMORY:-512}m" --tmpfs /tmp:size=16m,mode=1777,noexec \
    -e HOME=/tmp -e ARENA_CONTRACT=1 -v "$input:/input:ro" "$image" || code=$?
echo "the container exited with $code" >&2
exit "$code"
