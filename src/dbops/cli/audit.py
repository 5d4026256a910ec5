"""`dbops audit`: whether the schema is as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dbops.cli.options import FailOnOptions, Outcome, TargetOptions

Names = list[str] | None
Paths = list[Path] | None


@dataclass(frozen=True, kw_only=True)
class AuditOptions(FailOnOptions, TargetOptions):
    """What to hold the database against."""

    packs: Annotated[Names, typer.Option(metavar="NAME", help="A built-in list of expectations; repeatable.")] = None
    select: Annotated[Names, typer.Option(metavar="RULE", help="Run only this rule; repeatable.")] = None
    ignore: Annotated[Names, typer.Option(metavar="RULE", help="Do not run this rule; repeatable.")] = None
    slow_log: Annotated[
        Paths,
        typer.Option(
            metavar="FILE", help="A log of the server (jsonlog or csvlog), for its slow statements; repeatable."
        ),
    ] = None
    explain: Annotated[
        str | None, typer.Option(metavar="RULE", help="Print what a rule finds, why, and how to fix it; no database.")
    ] = None


def audit(options: AuditOptions) -> Outcome:
    """Hold the schema against what it should be, with SQL that mends it.

    The declared critical indexes are matched by structure; then the rules look for what quietly goes wrong. Everything
    is read in one read-only transaction.
    """
    from dbops.cli.operations import audit_into
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.connection.target import target_of

    if options.explain:
        return _explained(options.explain)
    settings = settings_of(options)
    target = target_of(settings)
    with recorded(options, settings, "audit", "index-audit") as (run, _):
        audit_into(run, settings, target, deadline=time_limit_of(options), slow_log=options.slow_log or ())
    return Outcome(run.report, run.report_path)


def _explained(rule: str) -> Outcome:
    from dbops.checks.pages import explain
    from dbops.cli.running import report_of

    page = explain(rule)
    return Outcome(report_of("audit", notes=[page]), listing=tuple(page.rstrip().splitlines()))
