"""`dbops demo`: the whole suite on a throw-away server, or, broken on purpose, the audit put to the test.

Healthy, it is what an operator runs every night: a backup of the ERP, that backup restored and compared, the audit.
Broken, it plants the defects of `demo/broken` and compares what the audit finds with what was planted: each defect by
its own rule, on its own object, and nothing besides. Then the audit's answer is no, and the demo's is yes. What it does
not do: print, or end the server before the block of `Demo` does (`--keep` stands in it and waits).
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from dbops.audit import audit
from dbops.backup.create import create_backup
from dbops.backup.options import BackupOptions
from dbops.checks.policy import Policy
from dbops.checks.surroundings import Surroundings
from dbops.connection.session import read_only, scratch
from dbops.demo import erp
from dbops.demo.server import APP_ROLE, start_demo_server, take_base_backup
from dbops.drill.isolation.options import IsolationOptions
from dbops.drill.options import DrillOptions
from dbops.drill.pitr.drill import drill_pitr
from dbops.drill.restore import drill_restore
from dbops.evidence.run import Run
from dbops.model import Check, CheckStatus, Finding, Scope, Severity, TargetInfo
from dbops.settings import AuditTable, Exemption, Settings, TenancyTable
from dbops.storage.local import LocalStore
from dbops.suite import SuiteStep, run_suite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from dbops.connection.binaries import Binaries
    from dbops.connection.target import Target
    from dbops.demo.erp import Planted
    from dbops.demo.server import DemoServer
    from dbops.model import Progress, Report

SUITE_FOLDER = "resilience-suite"
AUDIT_FOLDER = "index-audit"
_CHECK = "planted-defects"
# A finding that `server-minor-outdated` makes speaks of the binaries at hand, not of the demo.
_OF_THE_MACHINE = frozenset({"server-minor-outdated"})


def demo_settings() -> Settings:
    """Return what the demo is held against, as `dbops.toml` would say it: the ERP pack and its tenancy."""
    return Settings(
        audit=AuditTable(packs=(erp.PACK,)),
        tenancy=TenancyTable(
            columns=(erp.TENANT_COLUMN,),
            setting=erp.TENANT_SETTING,
            app_roles=(APP_ROLE,),
            exempt=(Exemption(table="public.currencies", reason="the same for every tenant"),),
        ),
    )


def demo_policy() -> Policy:
    """Return what the demo is audited against."""
    return Policy.from_settings(demo_settings())


@dataclass
class Demo:
    """One demo; what it starts ends with the `with` block. `server` is there once `perform` has started it."""

    backup_dir: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    binaries: Binaries | None = None
    directory: Path | None = None
    scale: float = 1.0
    server: DemoServer | None = field(default=None, init=False)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, init=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def perform(self, run: Run, *, broken: bool = False, progress: Progress | None = None) -> None:
        """Start the server and do what the demo is about, all of it recorded in `run`."""
        server = self._start(run, progress)
        if broken:
            self._find_defects(run, server)
        else:
            self._run_suite(run, server, progress)

    def _start(self, run: Run, progress: Progress | None) -> DemoServer:
        with run.step("server") as step, _showing(progress, "start a PostgreSQL and load the demo ERP"):
            server = self._stack.enter_context(
                start_demo_server(
                    environ=self.environ, binaries=self.binaries, directory=self.directory, scale=self.scale
                )
            )
            self.server = server
            postgres = server.server.binaries.as_tool("postgres")
            run.add_tool(postgres)
            step.output = f"PostgreSQL {postgres.version}, {server.server.binaries.origin}"
        return server

    def _run_suite(self, run: Run, server: DemoServer, progress: Progress | None) -> None:
        target = server.target()
        identity = _identity(target)
        run.target = identity
        store = LocalStore.open(self.backup_dir)
        around = Surroundings(environ=self.environ, log_dir=run.log_dir)
        making, drilling = (
            BackupOptions(environ=self.environ),
            DrillOptions(
                environ=self.environ, isolation=IsolationOptions.from_settings(demo_settings()), judge_rpo=False
            ),
        )

        def recover(part: Run) -> None:
            with part.step("nightly base backup"):
                base = take_base_backup(server)
            to_a_moment = replace(drilling, wal_archive=server.archive, base_backup=base, canary=True)
            history = store.history(identity.system_identifier or "", identity.database)
            dumps = [stored.manifest for stored in history]
            drill_pitr(target, part, options=to_a_moment, history=dumps, progress=progress)

        steps = (
            SuiteStep(
                "backup",
                "backup",
                lambda part: create_backup(target, store, part, options=making, progress=progress),
            ),
            SuiteStep(
                "drill",
                "backup-drill",
                lambda part: drill_restore(identity, store, part, options=drilling, progress=progress),
            ),
            SuiteStep("pitr", "backup-drill", recover),
            SuiteStep("audit", AUDIT_FOLDER, lambda part: audit(target, demo_policy(), part, around=around)),
        )
        run_suite(steps, run)

    def _find_defects(self, run: Run, server: DemoServer) -> None:
        target = server.target()
        run.target = _identity(target)
        with run.step("plant defects"), scratch(server.server, server.database) as connection:
            planted = erp.break_it(connection)
        with run.step("audit") as step:
            with run.part("audit", AUDIT_FOLDER) as part:
                audit(target, demo_policy(), part)
            run.add_artifact(part.report_path)
            step.output = f"{part.report.verdict}, as it should be: {part.report_path.name}"
        run.add_checks(compare(planted, part.report))
        for defect in planted:
            run.note(f"planted for {defect.rule} on {defect.object}: {defect.description}")
        run.not_tested("backup and drill: dbops demo without --broken runs them")


def run_demo(log_dir: Path, backup_dir: Path, *, broken: bool = False, progress: Progress | None = None) -> Report:
    """Run one demo from start to end, server included, and return its report."""
    command, folder = ("demo --broken", AUDIT_FOLDER) if broken else ("demo", SUITE_FOLDER)
    with Demo(backup_dir) as demo, Run.start(command, log_dir, folder) as run:
        demo.perform(run, broken=broken, progress=progress)
    return run.report


def compare(planted: tuple[Planted, ...], report: Report) -> Check:
    """Hold what an audit found against what was planted; a finding for every difference, in either direction."""
    unexplained: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for check in report.checks:
        for finding in check.findings:
            if finding.rule not in _OF_THE_MACHINE:
                unexplained[finding.rule, finding.object].append(finding)
    missed = []
    for defect in planted:
        # One finding answers one defect: a rule that reports a thing twice is wrong as well.
        if found := unexplained[defect.rule, defect.object]:
            found.pop()
        else:
            missed.append(_missed(defect))
    surplus = [_surplus(finding) for rest in unexplained.values() for finding in rest]
    found_count = len(planted) - len(missed)
    return Check(
        check=_CHECK,
        title=f"{found_count} of {len(planted)} planted defects found",
        status=CheckStatus.FAIL if missed or surplus else CheckStatus.PASS,
        method="the audit's findings compared with the planted defects by rule and object, both ways",
        scope=Scope(checked=found_count, total=len(planted)),
        findings=tuple(sorted(missed + surplus, key=lambda finding: (finding.object, finding.detail))),
    )


def _missed(defect: Planted) -> Finding:
    return Finding(
        rule=_CHECK,
        severity=Severity.ERROR,
        object=defect.object,
        detail=f"{defect.rule} did not report it: {defect.description}",
        why="an audit that misses what was planted misses what happens by itself",
        fingerprint=f"{_CHECK}:missed:{defect.slug}",
    )


def _surplus(finding: Finding) -> Finding:
    return Finding(
        rule=_CHECK,
        severity=Severity.ERROR,
        object=finding.object,
        detail=f"{finding.rule} reported what nobody planted: {finding.detail}",
        why="an audit that reports what is not there teaches people to ignore it",
        fingerprint=f"{_CHECK}:surplus:{finding.fingerprint}",
    )


@contextlib.contextmanager
def _showing(progress: Progress | None, task: str) -> Iterator[None]:
    """Tell `progress`, if there is one, that a task of unknown length goes on."""
    if progress is None:
        yield
        return
    progress.start(task)
    try:
        yield
    finally:
        progress.finish()


def _identity(target: Target) -> TargetInfo:
    with read_only(target) as session:
        return session.info()
