"""`dbops backup` makes one, `dbops backup list` shows those there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dbops.cli.options import (
    BackupDirOptions,
    ClientOptions,
    CommonOptions,
    Outcome,
    TargetOptions,
    command,
    group_command,
)
from dbops.render.formats import Format

if TYPE_CHECKING:
    from dbops.storage.local import LocalStore

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
    from dbops.backup import options as making
    from dbops.backup.create import create_backup
    from dbops.backup.digests import DigestMode
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.connection.target import target_of
    from dbops.storage.local import LocalStore

    settings = settings_of(options)
    target = target_of(settings)
    how = making.BackupOptions(
        bindir=options.client_bindir,
        environ=settings.environment,
        report_path=options.report_path,
        digest=DigestMode(settings.drill.digest),
    )
    if limit := time_limit_of(options):
        how = replace(how, deadline=limit)
    with recorded(options, settings, "backup", "backup") as (run, progress):
        store = LocalStore.open(settings.backup_dir)
        manifest = create_backup(target, store, run, options=how, progress=progress)
        run.note(f"published as {store.directory / manifest.artifact.files[0].path}")
    return Outcome(run.report, run.report_path)


@dataclass(frozen=True, kw_only=True)
class BackupListOptions(BackupDirOptions, CommonOptions):
    """Where to look."""


@command(app, "list", BackupListOptions)
def list_backups(options: BackupListOptions) -> Outcome:
    """Show the backups there are, newest first; what cannot be used is marked."""
    from dbops.cli.running import report_of, settings_of
    from dbops.model import Artifact
    from dbops.storage.local import LocalStore

    directory = settings_of(options).backup_dir.absolute()
    if not directory.is_dir():
        return Outcome(report_of("backup list"), listing=(f"no backups in {directory}; make one: dbops backup",))
    store = LocalStore(directory)
    dumps = [(one.dump, one.manifest.artifact.files[0]) for one in store.backups()]
    artifacts = [Artifact(path=str(path), sha256=file.sha256, bytes=file.bytes) for path, file in dumps]
    notes = [f"unusable: {one.path}: {one.reason}" for one in store.unusable()]
    return Outcome(report_of("backup list", notes=notes, artifacts=artifacts), listing=_listing(store))


def _listing(store: LocalStore) -> tuple[str, ...]:
    from dbops.model import rfc3339
    from dbops.render.quantities import counted, size

    lines = [
        f"{rfc3339(one.manifest.snapshot_at)}  {one.manifest.source.database}"
        f"  {size(sum(file.bytes for file in one.manifest.artifact.files))}"
        f"  {counted(len(one.manifest.tables), 'table')}  {one.dump.name}"
        for one in store.backups()
    ]
    unusable = [f"UNUSABLE  {one.path.name}: {one.reason}" for one in store.unusable()]
    return (f"{counted(len(lines), 'backup')} in {store.directory}", *lines, *unusable)
