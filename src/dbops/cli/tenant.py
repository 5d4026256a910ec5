"""`dbops tenant`: what keeps tenants apart, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dbops.cli.options import CommonOptions, FailOnOptions, Outcome, TargetNameOptions, TargetOptions, command
from dbops.errors import UsageError

if TYPE_CHECKING:
    from dbops.connection.target import Target
    from dbops.settings import Settings

app = typer.Typer(help="Keep tenants apart.", no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class TenantPolicyOptions(TargetNameOptions, CommonOptions):
    """Of which table, and where it is."""

    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table: schema.table, quoted as in SQL.")] = ""


@command(app, "policy", TenantPolicyOptions)
def policy(options: TenantPolicyOptions) -> Outcome:
    """Print the SQL that keeps a table's tenants apart; nothing is run.

    A restrictive floor, a policy for each command, row-level security enabled and forced, an index led by the tenant
    column and foreign keys that carry it. Where a database is named only what the table lacks is printed, with the type
    of its tenant column; without one everything, by [tenancy] in dbops.toml.
    """
    from dbops.checks.policy_ddl import ddl_from_names
    from dbops.cli.running import report_of, settings_of, target_or_none
    from dbops.settings import TenancyTable

    if not options.table.strip():
        raise UsageError("no table is named", hint="dbops tenant policy schema.table")
    settings = settings_of(options)
    target = target_or_none(settings)
    if target:
        lines = _of_database(settings, target, options.table)
    else:
        lines = ddl_from_names(options.table, settings.tenancy or TenancyTable())
    return Outcome(report_of("tenant policy", notes=lines), listing=lines)


@dataclass(frozen=True, kw_only=True)
class TenantProbeOptions(FailOnOptions, TargetOptions):
    """Which database; how tenants are told apart is in [tenancy] of dbops.toml."""

    # Seconds: each statement is cut off long before; a catalog that takes longer is held up by something.
    usual_seconds: ClassVar[float | None] = 600.0


@command(app, "probe", TenantProbeOptions)
def probe(options: TenantProbeOptions) -> Outcome:
    """Try, read only, whether the app roles reach other tenants' rows.

    Reads are made as each app role; writes are simulated by evaluating the policies on a row that does not exist. A
    drill proves more: it tries the writes themselves, on a restored copy.
    """
    from dbops.cli.running import recorded, settings_of, time_limit_of
    from dbops.connection.target import target_of
    from dbops.drill.isolation.live import probe_live
    from dbops.drill.isolation.options import IsolationOptions

    settings = settings_of(options)
    isolation = IsolationOptions.from_settings(settings)
    if isolation is None or not isolation.app_roles:
        raise UsageError(
            "nothing says who must be kept apart: [tenancy] names no app_roles",
            hint='add to dbops.toml: [tenancy] columns = ["org_id"], app_roles = ["the_app"]',
        )
    target = target_of(settings)
    with recorded(options, settings, "tenant probe", "tenant-isolation") as (run, _):
        probe_live(target, run, isolation, deadline=time_limit_of(options))
    return Outcome(run.report, run.report_path)


def _of_database(settings: Settings, target: Target, table: str) -> tuple[str, ...]:
    from dbops.checks.catalog.read import read_catalog
    from dbops.checks.policy_ddl import ddl_of, needed_reads
    from dbops.cli.operations import audit_policy
    from dbops.connection.session import read_only

    with read_only(target) as session:
        catalog = read_catalog(session, needed_reads())
    return ddl_of(catalog, audit_policy(settings), table)
