"""`dbops backup` makes one; `list`, `verify`, `prune` and `hold` are about those there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dbops.cli.options import (
    BackupDirOptions,
    ClientOptions,
    CommonOptions,
    Outcome,
    RunOptions,
    ServerOptions,
    TargetOptions,
    command,
    group_command,
)
from dbops.errors import DamageError, UsageError
from dbops.render.formats import LISTABLE, Format

if TYPE_CHECKING:
    pass

Ids = list[str] | None
REPORT = "backup-report.jsonl"

app = typer.Typer(rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class BackupOptions(ClientOptions, BackupDirOptions, TargetOptions):
    """What a backup needs to know."""

    # A backup finds nothing that a line of a file could be blamed for.
    formats: ClassVar[frozenset[Format]] = frozenset(Format) - {Format.SARIF}

    report_path: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the line about this run goes.  [default: backup-report.jsonl beside the backups]",
        ),
    ] = None


@group_command(app, BackupOptions)
def backup(options: BackupOptions) -> Outcome:
    """Make a backup and prove that it is whole.

    One snapshot is dumped, its rows digested, the dump read back in full and hashed; only then is it published, its
    manifest last.
    """
    from dbops.cli.operations import backup_into, backup_options
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.connection.target import target_of

    settings = settings_of(options)
    target = target_of(settings)
    how = backup_options(
        settings,
        client_bindir=options.client_bindir,
        deadline=time_limit_of(options),
        report_path=options.report_path,
    )
    with recorded(options, settings, "backup", "backup") as (run, progress):
        backup_into(run, settings, target, how, progress)
    return Outcome(run.report, run.report_path)


@dataclass(frozen=True, kw_only=True)
class BackupListOptions(BackupDirOptions, CommonOptions):
    """Where to look, and what to show."""

    formats: ClassVar[frozenset[Format]] = LISTABLE | {Format.HTML}

    history: Annotated[
        bool, typer.Option("--history", help="Oldest first: size, change, rate and checksum status over time.")
    ] = False


@command(app, "list", BackupListOptions)
def list_backups(options: BackupListOptions) -> Outcome:
    """Show the backups there are, newest first: size, duration, age, verified, drilled, held; what is unusable.

    --output FILE.html draws their history: size, rate and checksum status over time.
    """
    from dbops.backup.history import entries
    from dbops.cli.running import report_of, settings_of
    from dbops.model import Artifact, utc_now
    from dbops.render.backup_page import backup_page
    from dbops.render.backups import history_lines, list_lines, summary_line
    from dbops.storage.local import LocalStore

    directory = settings_of(options).backup_dir.absolute()
    if not directory.is_dir():
        nothing = (f"no backups in {directory}; make one: dbops backup",)
        pages = {Format.HTML: partial(backup_page, (), nothing, str(directory), utc_now())}
        return Outcome(report_of("backup list"), listing=nothing, pages=pages)
    store = LocalStore(directory)
    found = entries(store)
    unusable = [f"unusable: {one.path}: {one.reason}" for one in store.unusable()]
    lines = history_lines(found) if options.history else list_lines(found, utc_now())
    files = [(one.stored.dump, one.stored.manifest.artifact.files[0]) for one in found]
    artifacts = [Artifact(path=str(path), sha256=file.sha256, bytes=file.bytes) for path, file in files]
    return Outcome(
        report_of("backup list", notes=unusable, artifacts=artifacts),
        listing=(summary_line(found, str(directory)), *lines, *unusable),
        pages={Format.HTML: partial(backup_page, found, unusable, str(directory), utc_now())},
    )


@dataclass(frozen=True, kw_only=True)
class BackupVerifyOptions(ClientOptions, ServerOptions, BackupDirOptions, RunOptions):
    """Which backups to look at, and how deep."""

    formats: ClassVar[frozenset[Format]] = frozenset(Format) - {Format.SARIF}

    ids: Annotated[Ids, typer.Argument(metavar="[ID]...", help="Which backups; else the newest of every database.")] = (
        None
    )
    all: Annotated[bool, typer.Option("--all", help="Every backup there is.")] = False
    rebuild_schema: Annotated[
        bool, typer.Option("--rebuild-schema", help="Also rebuild each schema in a throw-away server and compare it.")
    ] = False


@command(app, "verify", BackupVerifyOptions)
def verify(options: BackupVerifyOptions) -> Outcome:
    """Compare every file with its hash, then read the dump in full. Exit code 1: damage, and which file.

    What was found is kept beside the backups, and a line of it in backup-report.jsonl.
    """
    from dbops.backup.options import BackupOptions as Making
    from dbops.backup.telemetry import telling
    from dbops.backup.verify import everything, newest_of_each, verify_backups
    from dbops.cli.operations import drill_options
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.drill.stored import rebuild_stored_schemas
    from dbops.storage.local import LocalStore

    if options.ids and options.all:
        raise UsageError("--all and the id of a backup contradict each other", hint="leave one of them out")
    settings = settings_of(options)
    limit = time_limit_of(options)
    how = Making(
        bindir=options.client_bindir,
        environ=settings.environment,
        deadline=limit,
        identity=settings.backup.identity,
    )
    store = LocalStore.existing(settings.backup_dir)
    with (
        recorded(options, settings, "backup verify", "backup") as (run, progress),
        telling(store.directory / REPORT, run, read_only=True) as line,
    ):
        chosen = [store.find(one) for one in options.ids or ()]
        wanted = chosen or (everything(store) if options.all else newest_of_each(store))
        looked = verify_backups(store, wanted, run, options=how, progress=progress)
        line.looked_at(looked)
        if options.rebuild_schema:
            drilling = drill_options(settings, client_bindir=options.client_bindir, deadline=limit)
            rebuild_stored_schemas(wanted, looked, run, options=drilling, progress=progress)
    return Outcome(run.report, run.report_path)


@dataclass(frozen=True, kw_only=True)
class BackupPruneOptions(BackupDirOptions, RunOptions):
    """What may go."""

    formats: ClassVar[frozenset[Format]] = frozenset(Format) - {Format.SARIF}

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False
    max_share: Annotated[
        int, typer.Option(metavar="PERCENT", min=0, max=100, help="Refuse to remove more than this share at once.")
    ] = 50


@command(app, "prune", BackupPruneOptions)
def prune(options: BackupPruneOptions) -> Outcome:
    """Remove what keep_min, keep_last and keep_for of [backup] do not keep; never what is held or last drilled well.

    Refuses, with exit code 3, when the clock cannot be believed or more than --max-share would go at once.
    """
    from dbops.backup.retention import Policy
    from dbops.backup.retention import prune as remove
    from dbops.backup.telemetry import telling
    from dbops.cli.running import recorded, settings_of
    from dbops.storage.local import LocalStore

    settings = settings_of(options)
    policy = Policy.from_settings(settings.backup, max_share=options.max_share)
    if not policy.removes:
        raise UsageError(
            "neither keep_last nor keep_for says what may go",
            hint='set one in [backup] of dbops.toml: keep_for = "35d"',
        )
    store = LocalStore.existing(settings.backup_dir)
    with (
        recorded(options, settings, "backup prune", "backup") as (run, _),
        telling(store.directory / REPORT, run) as line,
    ):
        pruned = remove(store, policy, run, dry_run=options.dry_run)
        line.removed(pruned.removed, dry_run=options.dry_run)
        pruned.check()
    listing = None if options.json else tuple(one.words() for plan in pruned.plans for one in plan.decisions)
    return Outcome(run.report, run.report_path, listing=listing)


@dataclass(frozen=True, kw_only=True)
class BackupHoldOptions(BackupDirOptions, RunOptions):
    """Which backup, and why."""

    formats: ClassVar[frozenset[Format]] = frozenset(Format) - {Format.SARIF}

    id: Annotated[str | None, typer.Argument(metavar="ID", help="The backup.")] = None
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why it is kept; without it, it is released.")] = (
        None
    )


@command(app, "hold", BackupHoldOptions)
def hold(options: BackupHoldOptions) -> Outcome:
    """Keep a backup from every retention, with the reason; without --reason, give it back."""
    from dbops.cli.running import recorded, settings_of
    from dbops.storage import holds
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup

    if not options.id:
        raise UsageError("no backup is named", hint="dbops backup list shows what there is: dbops backup hold ID")
    settings = settings_of(options)
    with recorded(options, settings, "backup hold", "backup") as (run, _):
        stored = LocalStore.existing(settings.backup_dir).find(options.id)
        if not isinstance(stored, StoredBackup):
            raise DamageError(f"{stored.path}: {stored.reason}")
        if options.reason:
            holds.hold(stored, holds.Hold(at=run.clock.now(), run_id=run.run_id, reason=options.reason))
            run.note(f"{options.id} is held: {options.reason}")
        else:
            run.note(f"{options.id} {'is released' if holds.release(stored) else 'was not held'}")
    return Outcome(run.report, run.report_path)
