"""A materialised view hands the application the rows of all tenants.

## What it detects

Materialised views that read tenant tables, by whatever views on the way, and that a role of the application may read.
The roles are `[tenancy] app_roles` and all they can become; where none is configured, every role that obeys policies
and was granted something on the materialised view.

## Why it matters

A materialised view holds the rows that its owner saw when it was refreshed, and PostgreSQL offers no row-level
security for it: whoever may read it reads all of it. Often that is a figure for every tenant, or their names.

## How to fix

Revoke the right with the statement of the finding, and let the application read a view that has the tenant condition
and nothing else, owned by a role that may read the materialised view:
`create view mine with (security_barrier) as select … where org_id = (select current_setting('app.org_id')::bigint)`.
Where nothing in it belongs to one tenant alone, list it under `[tenancy] exempt` and say why.

## What it does not see

Whether its columns say anything about a single tenant. Tables that a job fills from tenant tables without a tenant
column of their own. Whether the schema is open to the role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import access, tenants
from dbops.checks.access import SELECT
from dbops.checks.catalog import Relation, View
from dbops.checks.names import qualified
from dbops.checks.reachable import READ, spelled, take_away, who_may
from dbops.checks.roles import spelled_tables
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import is_exempt, tenancy_of, tenant_table
from dbops.checks.verify import statement
from dbops.checks.viewing import beneath
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[*tenants.NEEDED, *access.NEEDED, View])


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each materialised view of tenants' rows that the application may read."""
    tenancy = tenancy_of(catalog, policy)
    for matview in _matviews(catalog):
        tables = _tenant_tables(catalog, policy, matview)
        readers = who_may(catalog, policy, matview, READ) if tables and not is_exempt(tenancy, matview) else ()
        if readers:
            yield _draft(catalog, matview, tables, readers)


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the materialised views that hold something of tenants, of all materialised views."""
    tenancy_of(catalog, policy)
    matviews = _matviews(catalog)
    return Scope(checked=sum(bool(_tenant_tables(catalog, policy, one)) for one in matviews), total=len(matviews))


def _matviews(catalog: Catalog) -> list[Relation]:
    return [relation for relation in catalog.relations.values() if relation.kind == "m"]


def _tenant_tables(catalog: Catalog, policy: Policy, matview: Relation) -> tuple[Relation, ...]:
    tables = (one for one in beneath(catalog, matview.oid) if one.is_table and tenant_table(catalog, policy, one.oid))
    return tuple(sorted(tables, key=lambda table: (table.schema, table.name)))


def _draft(catalog: Catalog, matview: Relation, tables: tuple[Relation, ...], readers: tuple[str, ...]) -> Draft:
    name = qualified(matview.schema, matview.name)
    return Draft(
        object=name,
        detail=f"{spelled(readers)} may read it, and it holds what {spelled_tables(tables)} had of all tenants",
        signature=tuple(qualified(table.schema, table.name) for table in tables),
        verify=statement("grants_on_relation", name),
        fix=take_away(catalog, matview, readers, SELECT),
    )
