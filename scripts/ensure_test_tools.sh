#!/usr/bin/env bash
# Sees to it that the programs are there that only tests need: a browser, PostgreSQL, a DICOM validator, Podman.
# A missing one is installed by apt; where that cannot be, the run stops here and says so. No test is skipped for it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shell.sh

have() { command -v "$1" >/dev/null; }
have_postgresql() { have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

have chromium || have google-chrome || apt_install chromium fonts-dejavu-core
have dciodvfy || apt_install dicom3tools
scripts/own_podman.sh install

# Debian's package would start a server of its own; the tests start theirs, and nothing is to stay running.
if ! have_postgresql; then
    apt_install postgresql-common
    as_root sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    apt_install postgresql
fi

for program in "chromium google-chrome" dciodvfy; do
    found=
    for name in $program; do ! have "$name" || found=$name; done
    [ -n "$found" ] || die "Tests need $program, and installing it did not bring it."
done
have_postgresql || die "Tests need PostgreSQL's server program, and installing it did not bring it."
