"""A row can come to be nobody's, or somebody's by default.

## What it detects

Tenant columns that may be null, and those whose default is a fixed value. A default that asks the session for its
tenant (`current_setting('app.org_id')::bigint`), or makes a new one (the key of the table of tenants itself), is none.
Of a partitioned table the parent is looked at.

## Why it matters

A statement that forgets the tenant is an error where the column is NOT NULL and has no default. With a default it
silently writes to whichever tenant the default names; with null the row belongs to nobody: no policy shows it, no
foreign key that begins with the tenant checks it (a null in it means "not checked"), and no export or deletion of a
tenant's data takes it along.

## How to fix

Run the statements of the finding. NOT NULL is proved by a check constraint first, so that the table is never locked
while its rows are read. The validation fails if there are rows without a tenant: give them one, or delete them, and
drop the constraint before running the statements again.

## What it does not see

Defaults of single partitions, which count for rows written to a partition by its own name, and triggers that fill the
column in. A default that calls something is taken to ask for the tenant, whatever it returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import tenants
from dbops.checks.catalog import ColumnDefault, Constraint
from dbops.checks.defaults import default_of, is_fixed
from dbops.checks.names import fresh_name, quote
from dbops.checks.remediation import Fix
from dbops.checks.roles import joined
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import scope, tenant_tables
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Column
    from dbops.checks.policy import Policy
    from dbops.checks.tenants import TenantTable

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.WARNING, needs=[*tenants.NEEDED, ColumnDefault, Constraint])

_NOT_NULL_LOCKS = (
    "SHARE UPDATE EXCLUSIVE while the rows are read once: reads and writes go on. ACCESS EXCLUSIVE for an instant"
    " before and after that."
)
_DEFAULT_LOCKS = "ACCESS EXCLUSIVE on the table for an instant; nothing is read or rewritten."


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant column that does not have to be given."""
    for tenant in tenant_tables(catalog, policy):
        column = tenant.column
        if column is None:
            continue
        default = default_of(catalog, tenant.table.oid, column.number)
        fixed = default if default and is_fixed(default) else None
        if fixed or not column.not_null:
            yield _draft(catalog, tenant, column, fixed)


def _draft(catalog: Catalog, tenant: TenantTable, column: Column, default: str | None) -> Draft:
    said = [f"has the default {default}"] if default else []
    fixes = [_drop_default(tenant, column, default)] if default else []
    if not column.not_null:
        said.append("may be null")
        fixes.append(_not_null(catalog, tenant, column))
    return Draft(
        object=tenant.name,
        detail=f"the tenant column {quote(column.name)} {' and '.join(said)}",
        signature=(column.name, *(["default"] if default else []), *([] if column.not_null else ["nullable"])),
        verify=statement("defaults_of_table", tenant.name),
        fix=joined(fixes),
    )


def _drop_default(tenant: TenantTable, column: Column, default: str) -> Fix:
    alter = f"alter table {tenant.name} alter column {quote(column.name)}"
    return Fix(f"{alter} drop default;", f"{alter} set default {default};", _DEFAULT_LOCKS)


def _not_null(catalog: Catalog, tenant: TenantTable, column: Column) -> Fix:
    """Return what makes a column NOT NULL by way of a check, whose proof spares it another look at the rows."""
    taken = {constraint.name for constraint in catalog.constraints_of(tenant.table.oid)}
    shape = f"{tenant.name} {column.name}"
    name = quote(fresh_name(tenant.table.name, (column.name, "present"), taken, plain=True, shape=shape))
    alter = f"alter table {tenant.name}"
    steps = (
        f"{alter} add constraint {name} check ({quote(column.name)} is not null) not valid;",
        f"{alter} validate constraint {name};",
        f"{alter} alter column {quote(column.name)} set not null;",
        f"{alter} drop constraint {name};",
    )
    return Fix("\n".join(steps), f"{alter} alter column {quote(column.name)} drop not null;", _NOT_NULL_LOCKS)
