#!/bin/sh
# Back up one PostgreSQL database, proven whole: a thin wrapper over `dbops backup`, no logic here.
#
#   DATABASE_URL        which database (required)
#   BACKUP_DIR          where the backups go                          (default: backups)
#   BACKUP_REPORT_PATH  where the telemetry, a line for each run, goes (default: backup-report.jsonl in BACKUP_DIR)
#
# Further arguments are passed on: scripts/pg_backup.sh --json. Exit codes are those of dbops.
set -eu
if [ -z "${DATABASE_URL:-}" ]; then
    echo "DATABASE_URL names the database to back up, as in postgresql://user@host:5432/database" >&2
    exit 2
fi
# The URL stays in the environment: what is on a command line, every user of the machine can read.
export DATABASE_URL
exec "${DBOPS:-dbops}" backup \
    ${BACKUP_DIR:+--backup-dir "$BACKUP_DIR"} \
    ${BACKUP_REPORT_PATH:+--report-path "$BACKUP_REPORT_PATH"} \
    "$@"
