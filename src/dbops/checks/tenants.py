"""Which tables hold tenants' rows, by which column, and when anything is said about tenants at all.

The rules, in order: where `[tenancy]` is configured it counts; without it the defaults do, with the setting that most
policies read, where a pack is listed or some table uses row-level security; else every rule about tenants skips. A
tenant table has one of the tenant columns, or is listed under `tables` (its tenant is told by another table, so
`column` is None), and is not exempt. Partitions are no tenant tables of their own: they are judged with their parent,
or by a rule about partitions.
What it does not do: judge policies (`row_policies.py`), or say who has which rights (`access.py`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import Column, DataType, PolicyFunction, Relation, RowPolicy, TableColumns
from dbops.checks.declarations import name_of
from dbops.checks.names import qualified
from dbops.checks.rule import RuleSkippedError
from dbops.checks.setting_reads import own_reads
from dbops.model import Scope
from dbops.settings import TenancyTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

# The reads that the functions here want.
NEEDED = (Relation, TableColumns, DataType, RowPolicy)


class TenantTable(NamedTuple):
    """A table with tenants' rows, and the column that says whose a row is; None where another table says it."""

    table: Relation
    column: Column | None

    @property
    def name(self) -> str:
        """The canonical name."""
        return qualified(self.table.schema, self.table.name)


def tenancy_of(catalog: Catalog, policy: Policy) -> TenancyTable:
    """Return what is configured, the defaults where they make sense; RuleSkippedError where tenants are no matter."""
    if policy.tenancy:
        return policy.tenancy
    if policy.packs or _uses_row_security(catalog):
        return catalog.once("tenancy in use", lambda: _in_use(catalog))
    raise RuleSkippedError(
        "no [tenancy] is configured and no table uses row-level security",
        hint='add to dbops.toml: [tenancy] columns = ["org_id"]',
    )


def _in_use(catalog: Catalog) -> TenancyTable:
    """Return the defaults, with the setting that most policies compare the tenant column with."""
    defaults = TenancyTable()
    sources = {one.oid: one.source for one in catalog.rows_if_readable(PolicyFunction)}
    read: Counter[str] = Counter()
    for row in catalog.rows(RowPolicy):
        column = tenant_column(catalog, defaults, row.table)
        if column and column.number in row.columns:
            texts = (row.using_expression, row.check_expression, *(sources.get(oid) for oid in row.functions))
            read.update({one.setting.lower() for text in texts for one in own_reads(text)})
    if not read:
        return defaults
    return TenancyTable(setting=min(read, key=lambda name: (-read[name], name)))


def _uses_row_security(catalog: Catalog) -> bool:
    enabled = catalog.once("row security", lambda: any(table.rls_enabled for table in catalog.rows(Relation)))
    return enabled or bool(catalog.rows(RowPolicy))


def tenant_tables(catalog: Catalog, policy: Policy) -> tuple[TenantTable, ...]:
    """Return the tenant tables, ordered by schema and name; RuleSkippedError where tenants are no matter."""
    tenancy = tenancy_of(catalog, policy)
    return catalog.once(("tenant tables", tenancy), lambda: _tenant_tables(catalog, tenancy))


def tenant_table(catalog: Catalog, policy: Policy, table: int) -> TenantTable | None:
    """Return the tenant table with that OID, the parent's for a partition; None if it is none."""
    relation = catalog.relations.get(table)
    while relation is not None and relation.parent is not None:
        relation = catalog.relations.get(relation.parent)
    return _by_oid(catalog, policy).get(relation.oid) if relation else None


def _by_oid(catalog: Catalog, policy: Policy) -> Mapping[int, TenantTable]:
    key = ("tenant tables by oid", tenancy_of(catalog, policy))
    return catalog.once(key, lambda: {one.table.oid: one for one in tenant_tables(catalog, policy)})


def _tenant_tables(catalog: Catalog, tenancy: TenancyTable) -> tuple[TenantTable, ...]:
    exempt = {name_of(entry.table) for entry in tenancy.exempt}
    listed = {name_of(text) for text in tenancy.tables}
    found: list[TenantTable] = []
    for table in catalog.rows(Relation):
        if not table.is_table or table.parent is not None or (table.schema, table.name) in exempt:
            continue
        column = tenant_column(catalog, tenancy, table.oid)
        if column or (table.schema, table.name) in listed:
            found.append(TenantTable(table, column))
    return tuple(found)


def tenant_column(catalog: Catalog, tenancy: TenancyTable, table: int) -> Column | None:
    """Return the first of the tenant columns that a relation has, None if it has none."""
    return next((column for name in tenancy.columns if (column := catalog.column_named(table, name))), None)


def is_exempt(tenancy: TenancyTable, relation: Relation) -> bool:
    """Return whether a relation is declared to have no tenants."""
    return (relation.schema, relation.name) in {name_of(entry.table) for entry in tenancy.exempt}


def require_listed(catalog: Catalog, policy: Policy) -> None:
    """Raise RuleSkippedError for tables that are listed as tenants' and are not there: nobody could look at them."""
    missing = [text for text in tenancy_of(catalog, policy).tables if not _is_table(catalog, name_of(text))]
    if missing:
        raise RuleSkippedError(
            f"listed under [tenancy] tables, and not to be found: {', '.join(missing)}",
            hint="correct the names in dbops.toml: schema.table, quoted as in SQL",
        )


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the tenant tables, of all tables that are no partitions."""
    tables: Iterable[Relation] = (one for one in catalog.rows(Relation) if one.is_table and one.parent is None)
    return Scope(checked=len(tenant_tables(catalog, policy)), total=sum(1 for _ in tables))


def _is_table(catalog: Catalog, name: tuple[str, str]) -> bool:
    relation = catalog.relation_named(*name)
    return relation is not None and relation.is_table
