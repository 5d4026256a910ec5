"""`dbops suite`: backup, drill and audit, one verdict, one file for the change ticket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from dbops.cli.drill import DepthOptions
from dbops.cli.options import FailOnOptions, Outcome, SuperuserOptions, command
from dbops.errors import UsageError

_NO_BACKUP = "making a backup: dbops.toml has no [backup] table, and --backup was not given"

app = typer.Typer(rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class SuiteOptions(SuperuserOptions, FailOnOptions, DepthOptions):
    """What the backup, the drill and the audit need."""

    what: ClassVar[tuple[str, ...]] = (*DepthOptions.what, "backup")

    backup: Annotated[
        bool | None,
        typer.Option(
            "--backup/--no-backup",
            help="Make a backup first; by default where dbops.toml has a [backup] table.",
            show_default=False,
        ),
    ] = None
    challenge: Annotated[
        str | None,
        typer.Option(metavar="NONCE", help="An auditor's word, put on record before anything runs."),
    ] = None


@command(app, "suite", SuiteOptions)
def suite(options: SuiteOptions) -> Outcome:
    """Back up, drill and audit with one verdict and one report, for cron and CI.

    The backup is made where dbops.toml has a [backup] table, or with --backup. The drill restores the newest backup of
    this database where there is one, and rebuilds the schema where there is none. All parts run, whatever an earlier
    one said. Each is a run with evidence of its own; the suite's report, under resilience-suite, holds them all.
    """
    _check_challenge(options.challenge)
    from dbops.cli.operations import SuitePlan, backup_options, drill_options, suite_steps
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.connection.target import target_of
    from dbops.suite import run_suite

    settings = settings_of(options)
    target = target_of(settings)
    limit = time_limit_of(options)
    wanted = settings.has_table("backup") if options.backup is None else options.backup
    plan = SuitePlan(
        drill=drill_options(
            settings, client_bindir=options.client_bindir, deadline=limit, prove_fixes=options.prove_fixes
        ),
        backup=backup_options(settings, client_bindir=options.client_bindir, deadline=limit) if wanted else None,
        allow_superuser=options.allow_superuser,
    )
    with recorded(options, settings, "suite", "resilience-suite", challenge=options.challenge) as (run, progress):
        if plan.backup is None:
            run.not_tested(_NO_BACKUP if options.backup is None else "making a backup: --no-backup was given")
        run_suite(suite_steps(settings, target, plan, progress), run)
    return Outcome(run.report, run.report_path)


def _check_challenge(word: str | None) -> None:
    """Raise UsageError for a word that nobody could have asked for: nothing, or no text."""
    if word is None:
        return
    if not word.strip():
        raise UsageError("--challenge names no word", hint="is the variable it comes from set? leave it out for none")
    if not word.isprintable():
        raise UsageError("--challenge holds something that cannot be printed", hint="name a word that can be read back")
