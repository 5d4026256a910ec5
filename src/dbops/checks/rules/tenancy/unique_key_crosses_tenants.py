"""A key is unique across tenants.

## What it detects

Unique constraints and indexes of tenant tables, primary keys too, that do not have the tenant column among their keys.
Left alone are keys that keep to one tenant by themselves: with a surrogate among their columns (an identity, a
generated default, a uuid, a primary key that is one whole number), or with the columns of a foreign key to another
tenant table. `credential_id` is the one exception by name: WebAuthn demands that a credential is registered once in the
whole system, since it is looked up before anybody knows for which tenant somebody signs in. In the table of tenants
itself (its primary key is the tenant column, and others refer to it) a name or subdomain is one tenant's by its nature.

## Why it matters

Row-level security hides another tenant's row, but not from the key: an insert fails because somebody else has that
number, code or address already. So one tenant can try out what others have (the error is the answer), and keeps them
from using it. Where tenants count their own numbers, the second one fails with its first invoice.

## How to fix

Run the statements of the finding: the key then begins with the tenant. Statements that name it in ON CONFLICT have to
name the tenant as well, and whatever looks a row up by the bare value now reads one tenant's. Where a value really has
to be one of the whole database (a subdomain, the token of a link), waive the finding and say why. There are no
statements where a foreign key, replication or a declared expectation stands on the key, or the table is partitioned.

## What it does not see

Tables whose tenant another table tells, exclusion constraints, and values that are secret enough to stand for a
surrogate though nothing in the database generates them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import tenants
from dbops.checks.catalog import Collation, ColumnDefault, Constraint, EqualityFamilies, Index, OperatorClass
from dbops.checks.names import quote
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import shape, signature
from dbops.checks.tenant_keys import crosses_tenants, keep_to_tenant
from dbops.checks.tenants import tenant_tables
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Column
    from dbops.checks.policy import Policy
    from dbops.checks.tenants import TenantTable

RULE = Rule(
    severity=Severity.WARNING,
    needs=[*tenants.NEEDED, Index, Constraint, ColumnDefault, OperatorClass, Collation, EqualityFamilies],
)

_OF_THE_WHOLE_SYSTEM = ("credential_id",)
_WORDS = {"p": "primary key", "u": "unique constraint"}


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each key that tells one tenant of another."""
    for tenant, index in _keys(catalog, policy):
        names = catalog.column_names(index.table, (number for number in index.columns[: index.key_count] if number))
        if names != _OF_THE_WHOLE_SYSTEM and crosses_tenants(catalog, policy, tenant, index) and tenant.column:
            yield _draft(catalog, policy, tenant, tenant.column, index)


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the keys of tenant tables, of all keys that are not parts of another one."""
    total = sum(index.is_unique and index.parent is None for index in catalog.rows(Index))
    return Scope(checked=len(_keys(catalog, policy)), total=total)


def _keys(catalog: Catalog, policy: Policy) -> list[tuple[TenantTable, Index]]:
    return [
        (tenant, index)
        for tenant in tenant_tables(catalog, policy)
        for index in catalog.indexes_of(tenant.table.oid)
        if index.is_unique and index.parent is None
    ]


def _draft(catalog: Catalog, policy: Policy, tenant: TenantTable, column: Column, index: Index) -> Draft:
    constraint = catalog.backed_constraints.get(index.oid)
    kind = _WORDS.get(constraint.type, "key") if constraint else "unique index"
    keys = ", ".join(shape(catalog, index).keys)
    return Draft(
        object=catalog.index_name(index),
        detail=f"the {kind} ({keys}) of {tenant.name} is without the tenant column {quote(column.name)}",
        subject=tenant.name,
        signature=(signature(catalog, index),),
        verify=statement("indexes_of_table", tenant.name),
        fix=keep_to_tenant(catalog, policy, index, column),
    )
