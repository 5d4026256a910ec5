"""`dbops suite`: drill and audit, one verdict, one file for the change ticket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from dbops.cli.drill import DrillOptions
from dbops.cli.options import FailOnOptions, Outcome, SuperuserOptions


@dataclass(frozen=True, kw_only=True)
class SuiteOptions(SuperuserOptions, FailOnOptions, DrillOptions):
    """What the drill and the audit need."""

    challenge: Annotated[
        str | None,
        typer.Option(metavar="NONCE", help="An auditor's word, put on record before anything runs."),
    ] = None


def suite(options: SuiteOptions) -> Outcome:
    """Drill and audit with one verdict and one report, for cron and CI.

    Both are runs with evidence of their own; the suite's report, under resilience-suite, holds them all.
    """
    from dbops.cli.operations import drill_options, suite_steps
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.connection.target import target_of
    from dbops.suite import run_suite

    settings = settings_of(options)
    target = target_of(settings)
    how = drill_options(settings, client_bindir=options.client_bindir, deadline=time_limit_of(options))
    with recorded(options, settings, "suite", "resilience-suite", challenge=options.challenge) as (run, progress):
        run_suite(suite_steps(settings, target, how, progress, allow_superuser=options.allow_superuser), run)
    return Outcome(run.report, run.report_path)
