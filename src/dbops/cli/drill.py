"""`dbops drill`: whether it comes back, whole and in time; `clean` removes what killed drills have left."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from dbops.cli.choice import ChoiceOptions
from dbops.cli.options import (
    BackupDirOptions,
    ClientOptions,
    Outcome,
    OutputOptions,
    ServerOptions,
    TargetOptions,
    command,
    group_command,
)
from dbops.errors import UsageError

app = typer.Typer(rich_markup_mode=None)


class Depth(enum.StrEnum):
    """How deep a drill goes."""

    SCHEMA = "schema"
    RESTORE = "restore"
    PITR = "pitr"


@dataclass(frozen=True, kw_only=True)
class DepthOptions(ClientOptions, ServerOptions, BackupDirOptions, TargetOptions):
    """How deep, and with what."""

    what: ClassVar[tuple[str, ...]] = (
        "depth", "prove_fixes", "allow_extension", "wal_archive", "base_backup", "canary",
    )  # fmt: skip

    depth: Annotated[
        Depth | None, typer.Option(help="How deep; else restore where a backup of this database exists, else schema.")
    ] = None
    allow_extension: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Create this extension too, though it is not PostgreSQL's own; may be repeated."
        ),
    ] = None
    wal_archive: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Depth pitr: the directory that WAL is archived to, as this machine sees it."),
    ] = None
    base_backup: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Depth pitr: a plain base backup to start from; else one is taken."),
    ] = None
    prove_fixes: Annotated[
        bool,
        typer.Option(
            "--prove-fixes", help="Depth restore: run the audit's fixes on the copy, and tell what they take and mend."
        ),
    ] = False
    canary: Annotated[
        bool | None,
        typer.Option(
            "--canary/--no-canary",
            help="Depth pitr: send three commits into the server's log, that touch no table, and find them; else as"
            " canary in [drill] of dbops.toml says.",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class DrillOptions(ChoiceOptions, DepthOptions):
    """Of which backup, and how deep."""

    what: ClassVar[tuple[str, ...]] = (*DepthOptions.what, "artifact", "id", "latest", "oldest", "as_superuser")

    as_superuser: Annotated[
        bool,
        typer.Option(
            "--as-superuser",
            help="Restore as superuser of the throw-away server, which hands it, and the user it runs as, to whoever"
            " wrote the archive; for what nobody else can restore.",
        ),
    ] = False

    def check(self) -> None:
        """Raise UsageError for options that do not go together."""
        super().check()
        self.check_choice()
        if self.as_superuser and self.depth is Depth.PITR:
            raise UsageError("--as-superuser is about restores; a recovery runs no archive", hint="leave it out")
        if self.prove_fixes and self.artifact:
            raise UsageError(
                "--prove-fixes needs a backup of dbops, which says what the copy has to be",
                hint="leave it out, or name a backup with --id",
            )


@group_command(app, DrillOptions)
def drill(options: DrillOptions) -> Outcome:
    """Restore into a throw-away server, compare, and time it.

    Depth schema: the schema is dumped, rebuilt and compared; reads no rows. Depth restore: the newest backup of this
    database is restored with its data, every row count compared with those of the backup, every phase timed. Depth
    pitr: a base backup is taken and brought back, with the archived WAL, to a moment and to the last archived commit;
    holes in the archive are found, and what would be lost is measured. With --artifact any archive of pg_dump is
    restored, with --id a backup of dbops, where no database is at hand.
    """
    from dbops.cli.choice import drill_chosen
    from dbops.cli.operations import drill_into, drill_options
    from dbops.cli.running import recorded, settings_of, target_or_none, time_limit_of
    from dbops.connection.target import target_of

    settings = settings_of(options)
    target = target_or_none(settings) if options.chosen else target_of(settings)
    how = drill_options(
        settings,
        client_bindir=options.client_bindir,
        deadline=time_limit_of(options),
        prove_fixes=options.prove_fixes,
    )
    how = dataclasses.replace(how, as_superuser=options.as_superuser)
    with recorded(options, settings, "drill", "backup-drill") as (run, progress):
        if options.chosen:
            drill_chosen(run, settings, target, choice=options, options=how, progress=progress)
        elif target:
            drill_into(run, settings, target, how, progress)
    return Outcome(run.report, run.report_path)


@dataclass(frozen=True, kw_only=True)
class CleanOptions(OutputOptions):
    """What may go."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False


@command(app, "clean", CleanOptions)
def clean(options: CleanOptions) -> Outcome:
    """Remove what runs that were killed have left: throw-away servers, their processes and directories.

    Every drill does this before it starts. What belongs to a run that is going on is never touched.
    """
    from dbops.cli.running import report_of
    from dbops.connection.registry import leftovers, sweep

    found = leftovers()
    lines = [one.words() for one in found]
    if not options.dry_run:
        sweep()
        left = {one.directory for one in leftovers()}
        lines = [f"{'could not be removed' if one.directory in left else 'removed'}: {one.words()}" for one in found]
    report = report_of("drill clean", notes=lines)
    return Outcome(report, listing=tuple(lines) or ("nothing was left by runs that were killed",))
