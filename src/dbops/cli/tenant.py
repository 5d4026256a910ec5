"""`dbops tenant`: what keeps tenants apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dbops.cli.options import CommonOptions, Outcome, TargetNameOptions, command

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
    from dbops.errors import UsageError
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


def _of_database(settings: Settings, target: Target, table: str) -> tuple[str, ...]:
    from dbops.checks.catalog.read import read_catalog
    from dbops.checks.policy_ddl import ddl_of, needed_reads
    from dbops.cli.operations import audit_policy
    from dbops.connection.session import read_only

    with read_only(target) as session:
        catalog = read_catalog(session, needed_reads())
    return ddl_of(catalog, audit_policy(settings), table)
