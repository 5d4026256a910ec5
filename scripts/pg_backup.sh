#!/bin/sh
# Back up one PostgreSQL database, proven whole: a thin wrapper over `dbops backup`, no logic here.
#
#   DATABASE_URL        which database (required)
#   BACKUP_DIR          where the backups go                          (default: backups)
#   BACKUP_REPORT_PATH  where the telemetry, a line for each run, goes (default: backup-report.jsonl in BACKUP_DIR)
#
#   DBOPS               the program (default: .venv/bin/dbops of this checkout where there is one, else dbops in PATH)
#
# Further arguments are passed on: scripts/pg_backup.sh --json. Exit codes are those of dbops.
set -eu
if [ -z "${DATABASE_URL:-}" ]; then
    echo "DATABASE_URL names the database to back up, as in postgresql://user@host:5432/database" >&2
    exit 2
fi
# The URL stays in the environment: what is on a command line, every user of the machine can read.
export DATABASE_URL
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
dbops=${DBOPS:-$here/../.venv/bin/dbops}
if [ -z "${DBOPS:-}" ] && [ ! -x "$dbops" ]; then
    dbops=dbops
fi
if ! command -v "$dbops" >/dev/null; then
    echo "$dbops is not there: install dbops, or name the program in DBOPS" >&2
    exit 3
fi
exec "$dbops" backup \
    ${BACKUP_DIR:+--backup-dir "$BACKUP_DIR"} \
    ${BACKUP_REPORT_PATH:+--report-path "$BACKUP_REPORT_PATH"} \
    "$@"
