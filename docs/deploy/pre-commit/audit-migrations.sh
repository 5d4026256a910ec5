#!/bin/sh
# Makes an empty database, migrates it, audits it, drops it. Exits with what dbops says: 1 for a finding that fails it.
#
# SCRATCH_URL  a server where you may create databases, never production: postgresql://me@localhost/postgres
#              (no password in it: programs are given it as an argument; use PGPASSWORD or ~/.pgpass)
# MIGRATE      the command that migrates the database in DATABASE_URL: "alembic upgrade head"
# Arguments are handed to dbops audit: --fail-on warning
set -eu
: "${SCRATCH_URL:?names the server to make a scratch database on}"
: "${MIGRATE:?is the command that migrates the database in DATABASE_URL}"

name="dbops_precommit_$$"
run() { psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname "$SCRATCH_URL" --command "$1"; }

run "create database $name"
trap 'run "drop database if exists $name"' EXIT
trap 'exit 130' INT TERM

DATABASE_URL=$(printf '%s' "$SCRATCH_URL" | sed "s|^\([a-z]*://[^/?]*\)/*[^?]*|\1/$name|")
export DATABASE_URL
sh -c "$MIGRATE"
dbops audit --quiet "$@"
