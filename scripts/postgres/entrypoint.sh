#!/bin/sh
# Makes the database cluster at the first start, then runs the server in the foreground.
set -eu

data=/var/lib/postgresql/data
user=${POSTGRES_USER:-postgres}
programs=$(echo /usr/lib/postgresql/*/bin)
PATH=$programs:$PATH

if [ ! -s "$data/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD for the first start}"
    # Beside its place first: a cluster that was half made when the container died is made anew, never used.
    rm -rf "$data/part"
    secret=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$secret"
    initdb --pgdata="$data/part" --username="$user" --pwfile="$secret" --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
    rm -f "$secret"
    printf "host all all all scram-sha-256\n" >>"$data/part/pg_hba.conf"
    if [ "${POSTGRES_DB:-$user}" != postgres ]; then
        printf 'CREATE DATABASE "%s"\n' "${POSTGRES_DB:-$user}" | postgres --single -D "$data/part" postgres >/dev/null
    fi
    version=$data/part/PG_VERSION
    mv "$version" "$data/PG_VERSION.part"
    mv "$data"/part/* "$data"/
    mv "$data/PG_VERSION.part" "$data/PG_VERSION"
    rmdir "$data/part"
fi
exec postgres -D "$data" -c listen_addresses='*'
