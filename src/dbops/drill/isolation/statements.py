"""The statements that probe, composed from names of the catalog. Data-changing ones have no WHERE: they are blind.

A WHERE or a RETURNING reads the table, and then the policies for SELECT apply as well: `update t set n = 0 where
org_id = 2` reports no row where `update t set n = 0` changes every tenant's. So a value is always a constant.
What this does not do: run anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbops.drill.isolation.targets import Column, TenantTable

Statement = sql.SQL | sql.Composed
# Where a row stands, in whichever partition.
_PLACE = sql.SQL("(probed.tableoid::pg_catalog.text || probed.ctid::pg_catalog.text)")
# A sample row: the text of each column, None for null.
Sample = dict[str, str | None]


def tenant_text(column: str) -> sql.Composed:
    """Return the tenant column as text, whatever its type is."""
    return sql.SQL("(probed.{})::pg_catalog.text").format(sql.Identifier(column))


def is_of(table: TenantTable, tenant: str) -> sql.Composed:
    """Return the condition that a row is a tenant's, as an index can answer it."""
    return sql.SQL("probed.{} = {}").format(sql.Identifier(table.tenant), value_of(table.tenant_column, tenant))


def count_by_tenant(relation: sql.Identifier, column: str, unknown: str, *, limit: int) -> sql.Composed:
    """Return the statement for: tenants with fewest rows, rows of none, number of tenants, whether `unknown` is one."""
    return sql.SQL(
        "with counted as materialized ("
        "select {tenant} as tenant, pg_catalog.count(*) as rows from {relation} as probed group by 1)"
        " select"
        " (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(few.tenant, few.rows)), '[]') from ("
        "select * from counted where tenant <> '' order by rows, tenant collate \"C\" limit {limit}) as few),"
        " (select coalesce(pg_catalog.sum(rows), 0)::bigint from counted where tenant is null),"
        " (select pg_catalog.count(*) from counted where tenant is not null),"
        " exists (select from counted where tenant = {unknown})"
    ).format(tenant=tenant_text(column), relation=relation, limit=sql.Literal(limit), unknown=sql.Literal(unknown))


def count_rows(relation: sql.Identifier, column: str | None, tenant: str | None) -> sql.Composed:
    """Return the statement for: all rows in sight, those of `tenant`, those of none.

    `column` None: the tenant column may not be read, so that rows can be counted and not told apart.
    """
    if column is None:
        return sql.SQL("select pg_catalog.count(*), null::bigint, null::bigint from {} as probed").format(relation)
    own: sql.Composable = sql.SQL("false")
    if tenant is not None:
        own = sql.SQL("{} operator(pg_catalog.=) {}").format(tenant_text(column), sql.Literal(tenant))
    return sql.SQL(
        "select pg_catalog.count(*), pg_catalog.count(*) filter (where {own}),"
        " pg_catalog.count(*) filter (where probed.{column} is null) from {relation} as probed"
    ).format(own=own, column=sql.Identifier(column), relation=relation)


def count_others(table: TenantTable, tenant: str) -> sql.Composed:
    """Return the statement for the number of rows that are not a tenant's."""
    return sql.SQL("select pg_catalog.count(*) from {} as probed where ({}) is not true").format(
        table.identifier, is_of(table, tenant)
    )


def default_to(table: TenantTable, column: Column, text: str) -> sql.Composed:
    """Return what has a column's default be a value instead of what moves a sequence, which no rollback brings back."""
    names = {"table": table.identifier, "column": sql.Identifier(column.name), "value": value_of(column, text)}
    return sql.SQL(
        "alter table {table} alter column {column} drop identity if exists;"
        " alter table {table} alter column {column} set default {value}"
    ).format(**names)


def count_some(table: TenantTable, limit: int) -> sql.Composed:
    """Return the statement for the rows in sight, up to `limit`."""
    return sql.SQL("select pg_catalog.count(*) from (select from {} limit {}) as cut").format(
        table.identifier, sql.Literal(limit)
    )


def places(table: TenantTable, limit: int) -> sql.Composed:
    """Return the statement for where the rows in sight stand, as one array; at most `limit` of them."""
    return sql.SQL(
        "select coalesce(pg_catalog.array_agg(seen.place), '{{}}')"
        " from (select {} as place from {} as probed limit {}) as seen"
    ).format(_PLACE, table.identifier, sql.Literal(limit))


def row_at(table: TenantTable, place: str) -> sql.Composed:
    """Return the statement for the text of every column of the row that stands at a place."""
    values = [sql.SQL("(probed.{})::pg_catalog.text").format(sql.Identifier(one.name)) for one in table.columns]
    return sql.SQL("select {} from {} as probed where {} = {}").format(
        sql.SQL(", ").join(values), table.identifier, _PLACE, sql.Literal(place)
    )


def delete_at(table: TenantTable, places: Sequence[str]) -> sql.Composed:
    """Return what takes away the rows at some places, for the restorer."""
    return sql.SQL("delete from {} as probed where {} = any ({}::pg_catalog.text[])").format(
        table.identifier, _PLACE, sql.Literal(list(places))
    )


def count_both(table: TenantTable, tenant: str, *, own: int, foreign: int) -> sql.Composed:
    """Return the statement for a tenant's rows and those that are not, each up to a limit."""
    counted = "(select pg_catalog.count(*) from (select from {} as probed where {} limit {}) as cut)"
    mine = is_of(table, tenant)
    others = sql.SQL("({}) is not true").format(mine)
    parts = [
        sql.SQL(counted).format(table.identifier, condition, sql.Literal(limit))
        for condition, limit in ((mine, own), (others, foreign))
    ]
    return sql.SQL("select ") + sql.SQL(", ").join(parts)


def edge(table: TenantTable, order: str) -> sql.Composed:
    """Return the statement for the first ("asc") or the last ("desc") tenant."""
    return sql.SQL(
        "select {} from {} as probed where probed.{column} is not null order by probed.{column} {} limit 1"
    ).format(tenant_text(table.tenant), table.identifier, sql.SQL(order), column=sql.Identifier(table.tenant))


def sample_row(table: TenantTable, tenant: str) -> sql.Composed:
    """Return the statement for the text of every column of one of a tenant's rows."""
    values = [sql.SQL("(probed.{})::pg_catalog.text").format(sql.Identifier(one.name)) for one in table.columns]
    return sql.SQL("select {} from {} as probed where {} limit 1").format(
        sql.SQL(", ").join(values), table.identifier, is_of(table, tenant)
    )


def value_of(column: Column, text: str | None) -> sql.Composable:
    """Return a constant of a column's type."""
    if text is None:
        return sql.SQL("null")
    return sql.SQL("cast({} as {})").format(
        sql.Literal(text), sql.SQL(column.type)
    )  # a type's name as the catalog has it


def insert(table: TenantTable, columns: Sequence[Column], values: Mapping[str, sql.Composable]) -> sql.Composed:
    """Return an insert that leaves nothing to a default: a sequence that may not be used is refused with 42501 too."""
    return sql.SQL("insert into {} ({}) overriding system value values ({})").format(
        table.identifier,
        sql.SQL(", ").join(sql.Identifier(one.name) for one in columns),
        sql.SQL(", ").join(values[one.name] for one in columns),
    )


def on_conflict(statement: sql.Composed, columns: Sequence[str]) -> sql.Composed:
    """Return an insert that keeps quiet about a row with the same key."""
    return statement + sql.SQL(" on conflict ({}) do nothing").format(sql.SQL(", ").join(map(sql.Identifier, columns)))


def update(table: TenantTable, column: Column, text: str | None) -> sql.Composed:
    """Return the blind update of one column."""
    return sql.SQL("update {} set {} = {}").format(
        table.identifier, sql.Identifier(column.name), value_of(column, text)
    )


def delete(table: TenantTable) -> sql.Composed:
    """Return the blind delete."""
    return sql.SQL("delete from {}").format(table.identifier)


def delete_of(table: TenantTable, tenant: str) -> sql.Composed:
    """Return what takes a tenant's rows away, for the restorer: what is still reached then is somebody else's."""
    return sql.SQL("delete from {} as probed where {}").format(table.identifier, is_of(table, tenant))


def disarm(table: TenantTable, trigger: str) -> sql.Composed:
    """Return what keeps a trigger quiet that would fire in spite of session_replication_role."""
    return sql.SQL("alter table {} disable trigger {}").format(table.identifier, sql.Identifier(trigger))


def call(schema: str, name: str, arguments: Sequence[sql.Composable]) -> sql.Composed:
    """Return the call of a function."""
    return sql.SQL("{}({})").format(sql.Identifier(schema, name), sql.SQL(", ").join(arguments))


def digest(source: sql.Composable) -> sql.Composed:
    """Return the statement for how many rows something shows and what they say, whatever their order."""
    return sql.SQL(
        "select pg_catalog.count(*), coalesce(pg_catalog.sum(pg_catalog.hashtextextended((shown.*)::pg_catalog.text, 0)"
        "::pg_catalog.numeric), 0) from {} as shown"
    ).format(source)


def use_tenant(setting: str, tenant: str) -> sql.Composed:
    """Return what makes a session ask for a tenant, until the transaction ends."""
    return sql.SQL("select pg_catalog.set_config({}, {}, true)").format(sql.Literal(setting), sql.Literal(tenant))
