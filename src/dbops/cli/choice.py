"""Which backup a drill restores: the one that fits the database, one that is named, or a file from anywhere.

What is named by its id, or as a file, needs no database: the day on which it is wanted may be the day on which there is
none. For the newest and the oldest the database says whose; without one, the store does, where it knows but one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbops.errors import DamageError, UnavailableError, UsageError

if TYPE_CHECKING:
    from dbops.connection.target import Target
    from dbops.drill.options import DrillOptions
    from dbops.drill.rpo.copies import SurvivingCopy
    from dbops.evidence.run import Run
    from dbops.model import Progress, TargetInfo
    from dbops.settings import Settings
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup


@dataclass(frozen=True, kw_only=True)
class ChoiceOptions:
    """Which backup; at most one of these."""

    artifact: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Drill this archive of pg_dump (custom, directory or tar); needs no database."
        ),
    ] = None
    id: Annotated[str | None, typer.Option(metavar="ID", help="Drill the backup of that id; needs no database.")] = None
    latest: Annotated[bool, typer.Option("--latest", help="Drill the newest backup, as without any of these.")] = False
    oldest: Annotated[bool, typer.Option("--oldest", help="Drill the oldest backup that is kept.")] = False

    @property
    def chosen(self) -> bool:
        """Whether a backup was chosen, so that there is no looking for one."""
        return bool(self._given())

    def check_choice(self) -> None:
        """Raise UsageError for more than one of them."""
        given = self._given()
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} contradict each other", hint="a drill is of one backup; name one")

    def _given(self) -> list[str]:
        return [f"--{one.name}" for one in fields(ChoiceOptions) if getattr(self, one.name) not in {None, False}]


def drill_chosen(
    run: Run,
    settings: Settings,
    target: Target | None,
    *,
    choice: ChoiceOptions,
    options: DrillOptions,
    progress: Progress,
) -> None:
    """Drill what was chosen; only its schema where the depth says so."""
    from dbops.drill.foreign import drill_artifact
    from dbops.drill.restore import drill_restore
    from dbops.drill.stored import rebuild_stored_schema

    if settings.drill.depth == "pitr":
        raise UsageError(
            "depth pitr recovers a cluster from its WAL, not from a backup that is named", hint="leave one of them out"
        )
    data = settings.drill.depth != "schema"
    if choice.artifact:
        drill_artifact(choice.artifact, run, options=options, data=data, progress=progress)
        return
    store = _store(settings)
    chosen, identity, copies = _find(run, settings, store, target, choice)
    options = replace(options, copies=copies)
    if data:
        drill_restore(identity, store, run, options=options, progress=progress, chosen=chosen)
    else:
        run.target = identity
        rebuild_stored_schema(chosen, run, options=options, progress=progress)


def _store(settings: Settings) -> LocalStore:
    from dbops.storage.local import LocalStore

    return LocalStore.existing(settings.backup_dir)


def _find(
    run: Run, settings: Settings, store: LocalStore, target: Target | None, choice: ChoiceOptions
) -> tuple[StoredBackup, TargetInfo, tuple[SurvivingCopy, ...] | None]:
    """Return the backup that was chosen, whose it is, and what other copies there are; None where nobody looked."""
    from dbops.cli.operations import identify
    from dbops.storage.stored import Unusable

    if choice.id:
        found = store.find(choice.id)
        if isinstance(found, Unusable):
            raise DamageError(f"{found.path}: {found.reason}", hint="take a new one with: dbops backup")
        return found, _recorded(found), None
    if target is not None:
        identity, copies = identify(target, run, settings)
        whose = (identity.system_identifier or "", identity.database)
        return _of(store, whose, oldest=choice.oldest), identity, copies
    chosen = _of(store, _only_database(store), oldest=choice.oldest)
    return chosen, _recorded(chosen), None


def _of(store: LocalStore, whose: tuple[str, str], *, oldest: bool) -> StoredBackup:
    found = next(iter(store.history(*whose)), None) if oldest else store.newest(*whose)
    if found is None:
        raise UnavailableError(
            f"there is no backup of {whose[1]} of this cluster in {store.directory}", hint="make one with: dbops backup"
        )
    return found


def _only_database(store: LocalStore) -> tuple[str, str]:
    """Return the database that all backups are of. Raises UsageError where there are several."""
    known = {(one.manifest.source.system_identifier, one.manifest.source.database) for one in store.backups()}
    if not known:
        raise UnavailableError(f"there are no backups in {store.directory}", hint="make one with: dbops backup")
    if len(known) > 1:
        raise UsageError(
            f"{store.directory} holds backups of {len(known)} databases, and none is named:"
            f" {', '.join(sorted(database for _, database in known))}",
            hint="name the database with --database-url, or the backup with --id",
        )
    return known.pop()


def _recorded(stored: StoredBackup) -> TargetInfo:
    """Return what a backup says of the database it was taken from; nobody has connected to that."""
    from dbops.model import TargetInfo

    source = stored.manifest.source
    return TargetInfo(
        kind="backup",
        host="",
        port=0,
        database=source.database,
        user="",
        server_version=source.version,
        system_identifier=source.system_identifier,
        timeline=source.timeline,
    )
