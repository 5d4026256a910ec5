"""From settings to operations: what a backup, a drill, an audit and a suite of them are given. They know no settings.

A drill without a depth restores where a backup of this very database exists, and rebuilds the schema where none does;
the report says which it was, and why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbops.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dbops.backup.options import BackupOptions
    from dbops.checks.policy import Policy
    from dbops.checks.surroundings import Surroundings
    from dbops.connection.target import Target
    from dbops.drill.options import DrillOptions
    from dbops.drill.rpo.copies import SurvivingCopy
    from dbops.drill.rpo.live import Repositories
    from dbops.evidence.run import Run
    from dbops.model import BackupManifest, Progress, TargetInfo
    from dbops.settings import Settings
    from dbops.storage.local import LocalStore
    from dbops.suite import SuiteStep


def audit_into(
    run: Run,
    settings: Settings,
    target: Target,
    *,
    deadline: float | None,
    policy: Policy | None = None,
    slow_log: Sequence[Path] = (),
    save_to: Path | None = None,
    fix_to: Path | None = None,
    allow_superuser: bool = False,
    meanwhile: Callable[[], object] | None = None,
) -> None:
    """Audit `target`, and log files of its server, by `policy`, or else by that which the settings describe.

    `meanwhile` is called while the server works.
    """
    from dbops.audit import audit

    audit(
        target,
        policy or audit_policy(settings),
        run,
        deadline=deadline,
        slow_log=slow_log,
        around=surroundings(settings),
        save_to=save_to,
        fix_to=fix_to,
        allow_superuser=allow_superuser,
        meanwhile=meanwhile,
    )


def audit_policy(settings: Settings, baseline: Path | None = None) -> Policy:
    """Return the policy that the settings describe, and with it what a kept report had found already."""
    from dbops.checks.baseline import load_baseline
    from dbops.checks.policy import Policy

    policy = Policy.from_settings(settings)
    return replace(policy, baseline=load_baseline(baseline)) if baseline else policy


def surroundings(settings: Settings) -> Surroundings:
    """Return where an audit looks beside the database."""
    from dbops.checks.surroundings import Surroundings

    return Surroundings(
        environ=settings.environment, log_dir=settings.log_dir, server_bindir=settings.drill.target_bindir
    )


def drill_into(run: Run, settings: Settings, target: Target, options: DrillOptions, progress: Progress) -> None:
    """Drill to the depth that is set, or as deep as it goes."""
    depth = settings.drill.depth
    if depth == "schema":
        from dbops.drill.schema import drill_schema

        drill_schema(target, run, options=options, progress=progress)
        return
    if depth == "pitr":
        from dbops.drill.pitr.drill import drill_pitr

        identity, copies = identify(target, run, settings)
        options, history = replace(options, copies=copies), _history(_store(settings.backup_dir), identity)
        drill_pitr(target, run, options=options, history=history, progress=progress)
        return
    _drill_backup(run, settings, target, options, progress)


def _drill_backup(run: Run, settings: Settings, target: Target, options: DrillOptions, progress: Progress) -> None:
    """Restore the newest backup; where no depth was named and there is none of this database, rebuild its schema."""
    from dbops.drill.ahead import begun_early

    store = _store(settings.backup_dir)
    with begun_early(store, target.database, run, options) as ahead:
        # Only now, since loading it takes as long as half of making a server.
        from dbops.drill.restore import drill_restore

        identity, copies = identify(target, run, settings)
        options = replace(options, copies=copies)
        # A directory that somebody named and that is not there is a mount that failed, not a reason to look less
        # closely.
        named = settings.origin("backup_dir") != "default"
        # Fixes that are to be proven want a copy with data: without a backup there is nothing to prove them on.
        shallow = settings.drill.depth is None and options.fixes is None and not (store is None and named)
        if not shallow or (store is not None and _has_backup(store, identity)):
            if store is None:
                raise UnavailableError(
                    f"there is no backup directory {settings.backup_dir}", hint="make a backup: dbops backup"
                )
            options = _with_workload(options, target)
            drill_restore(identity, store, run, options=options, progress=progress, ahead=ahead)
            return
    from dbops.drill.schema import drill_schema

    run.note(f"depth schema, since there is no backup of this database in {settings.backup_dir}")
    drill_schema(target, run, options=options, progress=progress)


def identify(
    target: Target, run: Run, settings: Settings | None = None
) -> tuple[TargetInfo, tuple[SurvivingCopy, ...] | None]:
    """Return which database of which cluster this is (backups are found by that, not by address), and its copies."""
    from dbops.connection.session import read_only
    from dbops.drill.rpo.live import copies_of

    with run.step("identify"), read_only(target) as session:
        run.target = session.info()
        return run.target, copies_of(session, _repositories(settings) if settings else None)


def _repositories(settings: Settings) -> Repositories:
    """Return the repositories that the settings name."""
    from dbops.drill.rpo.barman import Barman
    from dbops.drill.rpo.live import Repositories
    from dbops.drill.rpo.pgbackrest import PgBackRest

    one, other = settings.drill.pgbackrest, settings.drill.barman
    return Repositories(
        settings.environment,
        PgBackRest(one.stanza, one.config) if one else None,
        Barman(other.server, other.config) if other else None,
        settings.drill.wal_archive,
    )


def _history(store: LocalStore | None, identity: TargetInfo) -> list[BackupManifest]:
    """Return the published backups of this database, oldest first."""
    if store is None or identity.system_identifier is None:
        return []
    return [one.manifest for one in store.history(identity.system_identifier, identity.database)]


def _with_workload(options: DrillOptions, target: Target) -> DrillOptions:
    """Return the options with what the source is busy with, where its fixes are to be proven: the copy cannot know."""
    if options.fixes is None:
        return options
    from dbops.connection.session import read_only
    from dbops.drill.fixes.workload import read_workload

    with read_only(target) as session:
        return replace(options, fixes=replace(options.fixes, workload=read_workload(session)))


def _store(directory: Path) -> LocalStore | None:
    from dbops.storage.local import LocalStore

    return LocalStore.open(directory) if directory.is_dir() else None


def _has_backup(store: LocalStore, identity: TargetInfo) -> bool:
    """Tell whether there is a backup of this database; a damaged one raises, it is no reason to look away."""
    known = identity.system_identifier
    return known is not None and store.newest(known, identity.database) is not None


def drill_options(
    settings: Settings,
    *,
    client_bindir: Path | None,
    deadline: float | None,
    prove_fixes: bool = False,
) -> DrillOptions:
    """Return how to drill, by the settings; UsageError for what they ask for and this version does not do."""
    from dbops.drill.fixes.options import FixOptions
    from dbops.drill.isolation.options import IsolationOptions
    from dbops.drill.options import CONTRIB, DrillOptions, Probe

    _refuse_idle_flags(settings)
    if prove_fixes and settings.drill.depth not in {None, "restore"}:
        raise UsageError("--prove-fixes runs them on a copy with data", hint="add --depth restore, or leave it out")
    if settings.drill.depth == "pitr" and settings.drill.wal_archive is None:
        raise UsageError(
            "depth pitr needs the directory that WAL is archived to, and none is named",
            hint="name it, as this machine sees it: --wal-archive DIR, or wal_archive in [drill] of dbops.toml",
        )
    objectives = settings.objectives
    allowances = {name: value for name, value in objectives.allowances if value is not None}
    options = DrillOptions(
        target_bindir=settings.drill.target_bindir,
        client_bindir=client_bindir,
        identity=settings.backup.identity,
        environ=settings.environment,
        rto=objectives.rto,
        rpo=objectives.rpo,
        allowances=allowances,
        extensions=CONTRIB | frozenset(settings.drill.extensions),
        probes=tuple(Probe(one.name, one.sql, one.op, one.value) for one in settings.drill.probe),
        wal_archive=settings.drill.wal_archive,
        base_backup=settings.drill.base_backup,
        archive_wait=settings.drill.archive_wait.total_seconds(),
        index_rows=settings.drill.index_rows,
        canary=settings.drill.canary,
        offsite=frozenset(settings.drill.offsite),
        isolation=IsolationOptions.from_settings(settings),
        fixes=FixOptions(audit_policy(settings)) if prove_fixes else None,
    )
    return replace(options, deadline=deadline) if deadline else options


def _refuse_idle_flags(settings: Settings) -> None:
    """Raise UsageError for a flag that the depth has no use for; files and variables serve drills of every depth."""
    recovers = settings.drill.depth == "pitr"
    for name, at_pitr, idle in (
        ("canary", True, "--canary sends nothing but in a drill of depth pitr"),
        ("base_backup", True, "--base-backup is what a drill of depth pitr starts from; other depths use none"),
        (
            "allow_extension",
            False,
            "--allow-extension is about restores; a recovery brings the cluster as it is",
        ),
    ):
        if recovers != at_pitr and getattr(settings.drill, name, True) and settings.origin(name).startswith("--"):
            raise UsageError(idle, hint=f"{'add --depth pitr' if at_pitr else 'name another --depth'}, or leave it out")


def backup_options(
    settings: Settings, *, client_bindir: Path | None, deadline: float | None, report_path: Path | None = None
) -> BackupOptions:
    """Return how to make a backup, by the settings."""
    from dbops.backup.archive import Form
    from dbops.backup.digests import DigestMode
    from dbops.backup.options import BackupOptions

    options = BackupOptions(
        bindir=client_bindir,
        environ=settings.environment,
        report_path=report_path,
        digest=DigestMode(settings.drill.digest),
        form=Form(settings.backup.format, settings.backup.codec, settings.backup.jobs),
        recipients=settings.backup.recipients,
    )
    return replace(options, deadline=deadline) if deadline else options


def backup_into(run: Run, settings: Settings, target: Target, options: BackupOptions, progress: Progress) -> None:
    """Make a backup, and then let go of what the retention no longer keeps."""
    from dbops.backup.create import create_backup
    from dbops.storage.local import LocalStore

    store = LocalStore.open(settings.backup_dir)
    manifest = create_backup(target, store, run, options=options, progress=progress)
    run.note(f"published as {store.directory / manifest.artifact.files[0].path.partition('/')[0]}")
    _prune_after(manifest, store, settings, run)


def _prune_after(manifest: BackupManifest, store: LocalStore, settings: Settings, run: Run) -> None:
    """Apply the retention to the database just backed up; what is refused is a note, the backup stands."""
    from dbops.backup.retention import Policy, prune

    policy = Policy.from_settings(settings.backup)
    if policy.removes:
        source = manifest.source
        prune(store, policy, run, only=(source.system_identifier, source.database))


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePlan:
    """What the parts of a suite are given; `backup` None where none is to be made."""

    drill: DrillOptions
    backup: BackupOptions | None = None
    allow_superuser: bool = False


def suite_steps(settings: Settings, target: Target, plan: SuitePlan, progress: Progress) -> tuple[SuiteStep, ...]:
    """Return backup, drill and audit as parts of a suite, in that order; UsageError where the audit could not start."""
    from dbops.checks.runner import selected_rules
    from dbops.suite import SuiteStep

    selected_rules(audit_policy(settings))  # a misspelt rule is told at once, not after the whole drill

    def audit_part(part: Run) -> None:
        audit_into(part, settings, target, deadline=plan.drill.deadline, allow_superuser=plan.allow_superuser)

    steps = [
        SuiteStep("drill", "backup-drill", lambda part: drill_into(part, settings, target, plan.drill, progress)),
        SuiteStep("audit", "index-audit", audit_part),
    ]
    if (making := plan.backup) is not None:
        first = SuiteStep("backup", "backup", lambda part: backup_into(part, settings, target, making, progress))
        steps.insert(0, first)
    return tuple(steps)
