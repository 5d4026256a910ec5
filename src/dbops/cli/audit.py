"""`dbops audit`: whether the schema is as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dbops.cli.options import FailOnOptions, Outcome, SuperuserOptions, TargetOptions, command
from dbops.errors import UsageError
from dbops.files import not_replaceable

if TYPE_CHECKING:
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target
    from dbops.settings import Settings

Names = list[str] | None
Paths = list[Path] | None

app = typer.Typer(rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class AuditOptions(SuperuserOptions, FailOnOptions, TargetOptions):
    """What to hold the database against."""

    # Seconds: a catalog that takes longer is held up by something, and a scheduled audit must not hang with it.
    usual_seconds: ClassVar[float | None] = 120.0

    packs: Annotated[Names, typer.Option(metavar="NAME", help="A built-in list of expectations; repeatable.")] = None
    select: Annotated[Names, typer.Option(metavar="RULE", help="Run only this rule; repeatable.")] = None
    ignore: Annotated[Names, typer.Option(metavar="RULE", help="Do not run this rule; repeatable.")] = None
    slow_log: Annotated[
        Paths,
        typer.Option(
            metavar="FILE", help="A log of the server (jsonlog or csvlog), for its slow statements; repeatable."
        ),
    ] = None
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An earlier report: what it had found already is known, and fails nothing."),
    ] = None
    save_catalog: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also save what was read, to be judged again with --catalog.")
    ] = None
    catalog: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Judge a saved catalog in place of a database.")
    ] = None
    fix: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a script for psql that mends what was found, and one that undoes it."),
    ] = None
    check_privileges: Annotated[
        bool, typer.Option("--check-privileges", help="Print what the role may not see, rule by rule, with the GRANTs.")
    ] = False
    explain: Annotated[
        str | None, typer.Option(metavar="RULE", help="Print what a rule finds, why, and how to fix it; no database.")
    ] = None

    def check(self) -> None:
        """Raise UsageError for options that do not go together, and for a file that could not be written."""
        super().check()
        if self.catalog is not None:
            names = ("database_url", "service", "slow_log", "save_catalog", "check_privileges", "allow_superuser")
            if given := [f"--{name.replace('_', '-')}" for name in names if getattr(self, name)]:
                message = f"--catalog judges a file in place of a database, so {given[0]} has nothing to do"
                raise UsageError(message, hint=f"leave {given[0]} or --catalog out")
        self._check_files()
        if self.fix is not None and self.check_privileges:
            message = "--check-privileges finds nothing that --fix could mend"
            raise UsageError(message, hint="leave one of them out")

    def _check_files(self) -> None:
        """Raise UsageError for a file that could not be written, or should not be."""
        for option, path in (("--save-catalog", self.save_catalog), ("--fix", self.fix)):
            if path is None:
                continue
            if not path.absolute().parent.is_dir():
                message = f"{option} {path}: there is no directory {path.absolute().parent}"
                raise UsageError(message, hint="create the directory, or name another file")
            if wrong := not_replaceable(path.absolute()):
                raise UsageError(f"{option} {path} {wrong}", hint="name a file")
        named = (self.save_catalog, self.catalog, self.baseline, *(self.slow_log or ()))
        if self.fix is not None and self.fix.absolute() in [path.absolute() for path in named if path is not None]:
            message = f"--fix would replace {self.fix}, which another option names as well"
            raise UsageError(message, hint="name another file")


@command(app, "audit", AuditOptions)
def audit(options: AuditOptions) -> Outcome:
    """Hold the schema against what it should be, with SQL that mends it.

    The declared critical indexes are matched by structure; then the rules look for what quietly goes wrong. Everything
    is read in one read-only transaction.
    """
    from dbops.cli.operations import audit_into, audit_policy
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.connection.target import target_of

    if options.explain:
        return _explained(options.explain)
    settings = settings_of(options)
    policy = audit_policy(settings, options.baseline)
    if options.catalog:
        return _replayed(options, settings, policy, options.catalog)
    target = target_of(settings)
    if options.check_privileges:
        return _privileges(options, settings, target)
    with recorded(options, settings, "audit", "index-audit") as (run, _):
        audit_into(
            run,
            settings,
            target,
            deadline=time_limit_of(options),
            policy=policy,
            slow_log=options.slow_log or (),
            save_to=options.save_catalog,
            fix_to=options.fix,
            allow_superuser=options.allow_superuser,
            meanwhile=None if options.wants_document() else _load_table,
        )
    return Outcome(run.report, run.report_path)


def _load_table() -> None:
    """Load what will print the result; the server has something to do as well."""
    import dbops.render.table  # noqa: F401


def _replayed(options: AuditOptions, settings: Settings, policy: Policy, path: Path) -> Outcome:
    from dbops.audit import replay
    from dbops.checks.catalog.saved import load_catalog
    from dbops.checks.runner import selected_rules
    from dbops.cli.running import recorded

    selected_rules(policy)  # an unknown rule is a mistake of the command line's, not a run
    saved = load_catalog(path)
    with recorded(options, settings, "audit", "index-audit") as (run, _):
        replay(saved, policy, run, fix_to=options.fix)
    return Outcome(run.report, run.report_path)


def _privileges(options: AuditOptions, settings: Settings, target: Target) -> Outcome:
    """Return what the role lacks: a list for people, a check for each rule in the report; nothing is kept."""
    from dbops.audit import missing_privileges
    from dbops.checks.privileges import as_checks, as_lines
    from dbops.cli.operations import audit_policy, surroundings
    from dbops.cli.running import report_of, time_limit_of
    from dbops.evidence.judge import judge

    policy = audit_policy(settings)
    info, gaps = missing_privileges(target, policy, deadline=time_limit_of(options), around=surroundings(settings))
    found = {"target": info, "strict": options.strict, "checks": as_checks(policy, gaps)}
    report = judge(report_of("audit").model_copy(update=found))
    return Outcome(report, listing=as_lines(policy, gaps, info))


def _explained(rule: str) -> Outcome:
    from dbops.checks.pages import explain
    from dbops.cli.running import report_of

    page = explain(rule)
    return Outcome(report_of("audit", notes=[page]), listing=tuple(page.rstrip().splitlines()))
