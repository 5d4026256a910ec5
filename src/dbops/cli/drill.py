"""`dbops drill`: whether it comes back, whole and in time."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated

import typer

from dbops.cli.options import BackupDirOptions, ClientOptions, Outcome, ServerOptions, TargetOptions


class Depth(enum.StrEnum):
    """How deep a drill goes."""

    SCHEMA = "schema"
    RESTORE = "restore"


@dataclass(frozen=True, kw_only=True)
class DrillOptions(ClientOptions, ServerOptions, BackupDirOptions, TargetOptions):
    """How deep, and with what."""

    depth: Annotated[
        Depth | None, typer.Option(help="How deep; else restore where a backup of this database exists, else schema.")
    ] = None


def drill(options: DrillOptions) -> Outcome:
    """Restore into a throw-away server, compare, and time it.

    Depth schema: the schema is dumped, rebuilt and compared; reads no rows. Depth restore: the newest backup of this
    database is restored with its data, every row count compared with those of the backup, every phase timed.
    """
    from dbops.cli.operations import drill_into, drill_options
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.connection.target import target_of

    settings = settings_of(options)
    target = target_of(settings)
    how = drill_options(settings, client_bindir=options.client_bindir, deadline=time_limit_of(options))
    with recorded(options, settings, "drill", "backup-drill") as (run, progress):
        drill_into(run, settings, target, how, progress)
    return Outcome(run.report, run.report_path)
