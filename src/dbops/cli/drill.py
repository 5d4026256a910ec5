"""`dbops drill`: whether it comes back, whole and in time."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dbops.cli.options import BackupDirOptions, ClientOptions, Outcome, ServerOptions, TargetOptions


class Depth(enum.StrEnum):
    """How deep a drill goes."""

    SCHEMA = "schema"
    RESTORE = "restore"
    PITR = "pitr"


@dataclass(frozen=True, kw_only=True)
class DrillOptions(ClientOptions, ServerOptions, BackupDirOptions, TargetOptions):
    """How deep, and with what."""

    depth: Annotated[
        Depth | None, typer.Option(help="How deep; else restore where a backup of this database exists, else schema.")
    ] = None
    wal_archive: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Depth pitr: the directory that WAL is archived to, as this machine sees it."),
    ] = None
    base_backup: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Depth pitr: a plain base backup to start from; else one is taken."),
    ] = None
    canary: Annotated[
        bool,
        typer.Option(
            "--canary", help="Depth pitr: send three commits into the server's log, that touch no table, and find them."
        ),
    ] = False


def drill(options: DrillOptions) -> Outcome:
    """Restore into a throw-away server, compare, and time it.

    Depth schema: the schema is dumped, rebuilt and compared; reads no rows. Depth restore: the newest backup of this
    database is restored with its data, every row count compared with those of the backup, every phase timed. Depth
    pitr: a base backup is taken and brought back, with the archived WAL, to a moment and to the last archived commit;
    holes in the archive are found, and what would be lost is measured.
    """
    from dbops.cli.operations import drill_into, drill_options
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.connection.target import target_of

    settings = settings_of(options)
    target = target_of(settings)
    how = drill_options(
        settings, client_bindir=options.client_bindir, deadline=time_limit_of(options), canary=options.canary
    )
    with recorded(options, settings, "drill", "backup-drill") as (run, progress):
        drill_into(run, settings, target, how, progress)
    return Outcome(run.report, run.report_path)
