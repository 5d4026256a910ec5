"""Row-level security keeps an index from being used.

## What it detects

Indexes of tenant tables by which a role that obeys the policies can search for nothing: their first key after the
tenant column (in GIN, GiST, BRIN and the like: every key) is of a type none of whose search operators is marked
LEAKPROOF, or is an expression that calls a function which is not. Among the types that come with PostgreSQL these are
numeric, jsonb, arrays, enums, ranges, tsvector and the geometric ones; among the functions `lower`, `date_trunc` and
nearly all others. What is leakproof is read from the server, so that types of extensions and functions that somebody
has marked count as what they are.

Left alone are indexes that do something else: unique ones, those behind constraints or foreign keys, and those by which
nobody searches but who passes by the policies anyway. Of a partitioned table the parent's index is reported.

## Why it matters

PostgreSQL applies a policy before any condition that might tell about hidden rows, and every function that is not
LEAKPROOF might. A condition that has to wait for the policy cannot be an index condition, so the application reads
every row of its tenant and filters them, while the same query is fast for a superuser who looks into it. Each write
keeps the index up to date all the same.

## How to fix

Search by a type that is leakproof: amounts in minor units as bigint in place of numeric, a checked text in place of an
enum, a generated column in place of an expression (`email_lower text generated always as (lower(email)) stored`), a
table of its own in place of an array or of a document's keys. Where that is not possible (full text, documents), put
the search into a SECURITY DEFINER function that repeats the tenant condition and fixes its search_path. To mark a
function LEAKPROOF is a superuser's promise that it never fails with the value in its message: for an enum's equality
one may know that, for `lower` or a document nobody does. An index that then serves nobody is to be dropped.

## What it does not see

Order: a btree still hands out rows in the order of the key after the tenant column. Operators between two types (a
timestamp with a date) and LIKE, which are not leakproof even where `=` is. Queries of roles that pass by row-level
security: look whether a report uses the index before it goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import access, leakproof, tenants
from dbops.checks.catalog import Collation, Constraint, EqualityFamilies, Index, OperatorClass
from dbops.checks.cover import covers
from dbops.checks.row_policies import policies_of
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import needed_for_itself, signature
from dbops.checks.tenants import tenant_tables
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Relation
    from dbops.checks.leakproof import Useless
    from dbops.checks.policy import Policy
    from dbops.checks.tenants import TenantTable

RULE = Rule(
    severity=Severity.WARNING,
    needs=[
        *tenants.NEEDED,
        *access.NEEDED,
        *leakproof.NEEDED,
        Index,
        Constraint,
        OperatorClass,
        Collation,
        EqualityFamilies,
    ],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each index of a tenant table that no condition of the application can use."""
    for tenant, index in _indexes(catalog, policy):
        useless = leakproof.useless_keys(catalog, index, tenant.column and tenant.column.number)
        if useless and not _has_another_duty(catalog, index):
            yield _draft(catalog, tenant, index, useless)


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the indexes of tables whose policies the application obeys, of all indexes."""
    total = sum(index.parent is None for index in catalog.rows(Index))
    return Scope(checked=len(_indexes(catalog, policy)), total=total)


def _indexes(catalog: Catalog, policy: Policy) -> list[tuple[TenantTable, Index]]:
    return [
        (tenant, index)
        for tenant in tenant_tables(catalog, policy)
        if _is_obeyed(catalog, policy, tenant.table)
        for index in catalog.indexes_of(tenant.table.oid)
    ]


def _is_obeyed(catalog: Catalog, policy: Policy, table: Relation) -> bool:
    """Return whether policies that say something are, or soon will be, before a query of the application."""
    if not table.rls_enabled:
        return True  # `rls-disabled` is to be mended
    roles = access.app_roles(catalog, policy)
    if roles and all(access.passes_by(catalog, role, table) for role in roles):
        return False
    conditions = [row.using_expression for row in policies_of(catalog, table.oid)]
    return not conditions or any(condition not in {None, "true"} for condition in conditions)


def _has_another_duty(catalog: Catalog, index: Index) -> bool:
    if not index.usable or index.is_unique or index.parent or needed_for_itself(catalog, index):
        return True
    keys = [key for key in catalog.constraints_of(index.table) if key.type == "f"]
    return any(covers(catalog, index, key) for key in keys)


def _draft(catalog: Catalog, tenant: TenantTable, index: Index, useless: tuple[Useless, ...]) -> Draft:
    name = catalog.index_name(index)
    why = "; ".join(f"{one.key}: {one.why}" for one in useless)
    order = ", it can only order rows" if index.method == "btree" else ""
    when = "under" if tenant.table.rls_enabled else "once there is"
    return Draft(
        object=name,
        detail=f"{when} row-level security of {tenant.name} it is no index condition{order} ({why})",
        subject=tenant.name,
        signature=(signature(catalog, index),),
        verify=statement("leakproof_searches_of_index", name),
    )
