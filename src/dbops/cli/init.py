"""`dbops init`: write a first dbops.toml, with expectations taken from a reference database; or print a job."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from dbops.cli.options import CommonOptions, Outcome, TargetNameOptions, command
from dbops.errors import UnavailableError, UsageError
from dbops.render.jobs import Ci

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog
    from dbops.connection.target import Target

app = typer.Typer(rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class InitOptions(TargetNameOptions, CommonOptions):
    """What to take as the reference, whether to replace what is there, or which job to print instead."""

    ci: Annotated[Ci | None, typer.Option("--ci", help="Print the job for a CI service instead.")] = None
    systemd: Annotated[bool, typer.Option("--systemd", help="Print a systemd service and its timer instead.")] = False
    k8s: Annotated[bool, typer.Option("--k8s", help="Print a CronJob for Kubernetes instead.")] = False
    force: Annotated[bool, typer.Option("--force", help="Replace a dbops.toml that is there.")] = False


@command(app, "init", InitOptions)
def init(options: InitOptions) -> Outcome:
    """Write a first dbops.toml, from a reference database.

    It holds the objectives, and declares the critical indexes, the constraints and the row-level security of that
    database; without one, examples. It is written to --config, else to the working directory.

    With --ci, --systemd or --k8s nothing is written: the job that runs the suite as often as the configuration wants
    is printed, to be pasted. Secrets are named in it, never held.
    """
    if options.ci or options.systemd or options.k8s:
        return _job(options)
    return _written(options)


def _written(options: InitOptions) -> Outcome:
    """Write the file."""
    from dbops.cli.running import report_of, settings_without_file, target_or_none
    from dbops.files import write_atomically
    from dbops.init import draft
    from dbops.quantities import counted

    path = (options.config or Path("dbops.toml")).absolute()
    if path.exists() and not options.force:
        raise UsageError(
            f"{path} is there already", hint="look at it with dbops config show, or replace it with --force"
        )
    target = target_or_none(settings_without_file(options))
    made = draft(_catalog(target) if target else None, _url(target) if target else None)
    write_atomically(path, made.text.encode(), 0o644, error=UnavailableError)
    left = [f"{len(made.left_out)} could not be declared, as listed in the file"] if made.left_out else []
    declared = (
        f"{counted(made.indexes, 'index', 'indexes')}, {counted(made.constraints, 'constraint')} and the row-level"
        f" security of {counted(made.tables, 'table')} declared as expectations"
    )
    notes = [f"wrote {path}", declared, *left]
    return Outcome(report_of("init", notes=notes), listing=(*notes, "Next: look through it, then dbops audit"))


def _job(options: InitOptions) -> Outcome:
    """Return the one job that is asked for, by what the configuration says."""
    from dbops.cli.running import report_of, settings_of
    from dbops.render.jobs import ci_job, cron_job, plan_of, systemd_units

    if (options.ci is not None) + options.systemd + options.k8s > 1 or options.force:
        raise UsageError("--ci, --systemd and --k8s print one job each, and write nothing", hint="name one of them")
    beside = Path(sys.executable).with_name("dbops")
    plan = plan_of(settings_of(options), cwd=Path.cwd(), program=beside if beside.exists() else None)
    if options.ci:
        text = ci_job(options.ci, plan)
    else:
        text = cron_job(plan) if options.k8s else "\n".join(systemd_units(plan).values())
    return Outcome(report_of("init", notes=[text]), listing=tuple(text.splitlines()))


def _catalog(target: Target) -> Catalog:
    from dbops.checks.catalog.read import read_catalog
    from dbops.connection.session import read_only

    with read_only(target) as session:
        return read_catalog(session)


def _url(target: Target) -> str:
    """Return the target as a connection string without its password."""
    user, database = quote(target.user, safe=""), quote(target.database, safe="")
    if target.host.startswith("/"):
        return f"postgresql://{user}@/{database}?host={quote(target.host)}&port={target.port}"
    return f"postgresql://{user}@{','.join(target.addresses())}/{database}"
