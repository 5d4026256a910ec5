"""`drill --depth restore`: the newest published backup of this database, restored with data and compared.

The order: find it, compare its hash before any parser touches it, read its contents, build a server, restore, ask the
copy its first question. That is the recovery time. Then everything recorded when the backup was made is compared with
the copy; the source itself is not needed. What this does not do: change the backup, the store or the source.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dbops.backup.archive import Archiver
from dbops.backup.inventory import from_lines
from dbops.backup.roles import Roles
from dbops.backup.verify import compare_with_evidence
from dbops.connection.deadline import Deadline
from dbops.connection.workspace import workspace
from dbops.drill.ahead import archive_major, copy_bytes, server_ahead
from dbops.drill.cast import Cast
from dbops.drill.ladder import Recorded, climb, first_answer
from dbops.drill.needs import needs_of
from dbops.drill.objectives import NEWEST, OLDER, rpo_of_dumps, rto_measured, rto_not_measured
from dbops.drill.passes import Stopwatch
from dbops.drill.programs import choose_programs, major_of
from dbops.drill.recognise import Archive
from dbops.drill.recovery import in_context
from dbops.drill.rehearsal import Plan, Rehearsal, read_contents
from dbops.drill.settle import settle
from dbops.errors import DamageError, DbopsError, UnavailableError
from dbops.model import Verdict
from dbops.quantities import counted
from dbops.secrets import redact
from dbops.storage.attested import Attestation, Kind, attest
from dbops.storage.encryption import in_the_clear
from dbops.storage.stored import verify_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.backup.inventory import Fact
    from dbops.drill.ahead import ServerAhead
    from dbops.drill.options import DrillOptions
    from dbops.drill.rehearsal import Rehearsed
    from dbops.evidence.run import Run
    from dbops.model import BackupManifest, Progress, TargetInfo
    from dbops.storage.store import Store
    from dbops.storage.stored import StoredBackup


def drill_restore(  # noqa: PLR0913  (each is a fact about the drill)
    identity: TargetInfo,
    store: Store,
    run: Run,
    *,
    options: DrillOptions,
    progress: Progress | None = None,
    chosen: StoredBackup | None = None,
    ahead: ServerAhead | None = None,
) -> None:
    """Restore a backup of the database `identity` names, `chosen` or the newest, and tell `run` what came of it.

    `ahead` is a server that is being made already, for what was expected to be restored.
    Raises UnavailableError when there is none or no place to restore it to, DamageError when it is not what its
    manifest says, DeadlineError; a restore that went wrong raises nothing, its checks fail.
    """
    run.target = identity
    run.restorability = Verdict.INCONCLUSIVE
    deadline = Deadline.after(options.deadline)
    watch = Stopwatch(run)
    try:
        with workspace(run.note) as directory:
            rehearsal = Rehearsal(run, watch, directory, deadline, options, progress, ahead=ahead)
            _drill(identity, store, rehearsal, chosen)
    except DbopsError as error:
        if isinstance(error, DamageError):
            run.restorability = Verdict.FAIL
        scenario = _scenario(_history(store, chosen), chosen) if chosen else NEWEST
        run.add_objective(rto_not_measured(options.rto, "the restore did not come to its end", scenario))
        raise


def _drill(identity: TargetInfo, store: Store, rehearsal: Rehearsal, chosen: StoredBackup | None) -> None:
    run, watch = rehearsal.run, rehearsal.watch
    with watch.phase("find backup") as step:
        stored = chosen or _newest(identity, store)
        step.output = stored.path.name
    making = server_ahead(stored.manifest, run, rehearsal.options, rehearsal.ahead)
    with _attested(store, stored, run), making as ahead:
        _drill_stored(store, stored, replace(rehearsal, ahead=ahead))


@contextlib.contextmanager
def _attested(store: Store, stored: StoredBackup, run: Run) -> Iterator[None]:
    """Write beside the backups what the drill came to, so that retention knows which of them are good."""
    outcome, detail = Verdict.INCONCLUSIVE, None
    try:
        yield
        outcome = run.restorability or outcome
    except DbopsError as error:
        outcome, detail = Verdict.FAIL if isinstance(error, DamageError) else outcome, error.message
        raise
    finally:
        said = Attestation(
            at=run.clock.now(),
            run_id=run.run_id,
            backup=stored.manifest.id,
            kind=Kind.DRILLED,
            outcome=outcome,
            detail=redact(detail) if detail else None,
        )
        try:
            attest(store, said)
        except DbopsError as error:
            run.note(f"what the drill came to is not kept beside the backups: {error.message}")


def _drill_stored(store: Store, stored: StoredBackup, rehearsal: Rehearsal) -> None:
    run, watch = rehearsal.run, rehearsal.watch
    with watch.phase("verify hash"):
        verify_hashes(stored)
        compare_with_evidence(stored, run.log_dir)
    manifest = stored.manifest
    run.note(f"backup {manifest.id}, a snapshot of {manifest.snapshot_at:%Y-%m-%d %H:%M:%S} UTC")
    history = _history(store, stored)
    scenario = _scenario(history, stored)
    if scenario == OLDER:
        run.note("there is a newer backup of this database; the recovery time is that of this one")
    options = rehearsal.options
    if options.judge_rpo:
        run.add_objective(*rpo_of_dumps(history, run.clock.now(), options.rpo, options.offsite, options.copies))
    plan = plan_of(stored, rehearsal)
    with rehearsal.rebuild(plan) as rehearsed:
        settle(rehearsal, rehearsed.copy)
        first_answer(rehearsal, rehearsed, manifest)
        climb(rehearsal, rehearsed, plan, Recorded(manifest, inventory_of(stored)))
        # What not every drill does is loaded when it does: both know the whole of the audit's catalog.
        if isolation := rehearsal.options.isolation:
            from dbops.drill.isolation.prove import prove_isolation

            # Last, since it gives the copy a token and a role for as long as it takes.
            prove_isolation(rehearsed.copy, plan.source.database, rehearsal.run, isolation, rehearsal.deadline)
        _judge(rehearsal, rehearsed, scenario)
        if fixes := rehearsal.options.fixes:
            from dbops.drill.fixes.prove import prove_fixes

            # After the verdict: what they do to the copy says nothing about the backup.
            prove_fixes(rehearsal, rehearsed.copy, fixes)


def _history(store: Store, stored: StoredBackup) -> list[BackupManifest]:
    """Return the published backups of the database that `stored` is of, oldest first."""
    source = stored.manifest.source
    return [one.manifest for one in store.history(source.system_identifier, source.database)]


def _scenario(history: list[BackupManifest], stored: StoredBackup) -> str:
    """Return what is timed: the restore that a disaster would ask for, or that of another backup."""
    return OLDER if history and history[-1].id != stored.manifest.id else NEWEST


def _newest(identity: TargetInfo, store: Store) -> StoredBackup:
    if identity.system_identifier is None:
        raise UnavailableError(
            "the server does not tell which cluster it is, so its backups cannot be told from others",
            hint="grant execute on function pg_control_system() to the role dbops connects as",
        )
    stored = store.newest(identity.system_identifier, identity.database)
    if stored is None:
        raise UnavailableError(
            f"there is no backup of {identity.database} of this cluster in {store.directory}",
            hint="make one with: dbops backup; or drill the schema alone with: dbops drill --depth schema",
        )
    return stored


def plan_of(stored: StoredBackup, rehearsal: Rehearsal, *, data: bool = True) -> Plan:
    """Return what a restore of a stored backup starts from; `data`: whether rows are restored."""
    manifest = stored.manifest
    options = rehearsal.options
    archive = _archive_of(stored, rehearsal)
    with rehearsal.watch.phase("read contents"):
        toc = Archive(archive, manifest.artifact.format).contents()
        needs = needs_of(toc, manifest.extensions, manifest.source.provider)
        programs = choose_programs(major_of(manifest.source.version), archive_major(manifest), options, needs)
        archiver = Archiver(programs.client, rehearsal.directory, rehearsal.deadline)
        contents = read_contents(archiver, archive, rehearsal.run.directory / "contents.list")
        cast = Cast(_roles(stored))
    return Plan(
        archive=archive,
        contents=contents,
        programs=programs,
        cast=cast,
        source=manifest.source,
        collate=manifest.settings.get("lcCollate", manifest.source.locale),
        ctype=manifest.settings.get("lcCtype", manifest.source.locale),
        extensions=manifest.extensions,
        data=data,
        copy_bytes=copy_bytes(manifest) if data else 0,
    )


def _archive_of(stored: StoredBackup, rehearsal: Rehearsal) -> Path:
    """Return the dump in the clear; the time it takes to decrypt one is part of a recovery."""
    if not stored.encrypted:
        return stored.dump
    with rehearsal.watch.phase("decrypt"):
        return in_the_clear(stored, rehearsal.directory, rehearsal.options.identity)


def _roles(stored: StoredBackup) -> Roles:
    if stored.manifest.roles is None:
        raise DamageError(f"{stored.path} names no roles, so no owner could be restored")
    path = stored.file(stored.manifest.roles)
    try:
        return Roles.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DamageError(
            f"{path} is not a list of roles of version 1 ({counted(error.error_count(), 'error')})"
        ) from None


def inventory_of(stored: StoredBackup) -> list[Fact]:
    """Return the facts about its source that a backup holds. Raises DamageError."""
    if stored.manifest.inventory is None:
        raise DamageError(f"{stored.path} names no inventory, so the copy's catalog could not be compared")
    path = stored.file(stored.manifest.inventory)
    try:
        return list(from_lines(path.read_bytes()))
    except ValueError as error:
        raise DamageError(f"{path} is not an inventory") from error


def _judge(rehearsal: Rehearsal, rehearsed: Rehearsed, scenario: str) -> None:
    run, options = rehearsal.run, rehearsal.options
    run.restorability = rehearsal.verdict
    if reason := _unmeasured(rehearsal, rehearsed):
        run.add_objective(rto_not_measured(options.rto, reason, scenario))
    else:
        measured = rto_measured(rehearsal.watch.phases, options.allowances, options.rto, scenario)
        run.add_objective(in_context(measured, run, rehearsed.copy))


def _unmeasured(rehearsal: Rehearsal, rehearsed: Rehearsed) -> str | None:
    """Return why this drill measured no recovery time, None where it did."""
    if rehearsal.failed:
        return "the copy is not what was backed up"
    if rehearsal.verdict is Verdict.INCONCLUSIVE:
        return "it is not known whether the copy is what was backed up"
    return None if rehearsed.copy.durable else "the copy's server did not write durably (fsync)"
