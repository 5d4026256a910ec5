"""The demo ERP: a multi-tenant order and ledger database, healthy as loaded, broken on request.

`load` makes the healthy one: the files of `erp/`, in the order of their names, in one transaction. `break_it` plants
the defects of `broken/`: each file there names, in its header, the one rule and the one object that an audit must
report for it, so that the demo is also a test. A later defect is a later file; nothing is listed here.

What it does not do: start a server (`demo/server.py`) or run the jobs (`demo/run.py`). Both functions want a superuser
on a database of the demo's own: they create roles, take over the schema public and write to the catalog.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

TENANT_COLUMN = "org_id"
TENANT_SETTING = "app.org_id"
PACK = "erp"

_HEADER = re.compile(r"^-- (rule|object|plants): (.+)$", re.MULTILINE)
_VIEWS_OBEY_POLICIES = 150000  # security_invoker came with PostgreSQL 15
_STATISTICS_FLUSH = 150000  # and so did pg_stat_force_next_flush()


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Planted:
    """A defect on purpose: the one `rule` that must report it, for which `object`, and what was done in words."""

    rule: str
    object: str
    description: str
    slug: str = dataclasses.field(compare=False)
    sql: str = dataclasses.field(compare=False, repr=False)


def load(connection: psycopg.Connection[Any], *, scale: float = 1.0) -> None:
    """Create roles, schema and rows (some 107 000 at `scale` 1; the same ones in every load), then vacuum and analyze.

    `scale` multiplies customers and orders and all that hangs on them, not tenants and users.
    """
    if not scale > 0:
        raise ValueError(f"scale must be above 0, not {scale}")
    with connection.transaction():
        connection.execute("select pg_catalog.set_config('dbops_demo.scale', %s, true)", [f"{scale:.6f}"])
        for name, sql in _sql_files("erp"):
            if name == "6-views.sql" and connection.info.server_version < _VIEWS_OBEY_POLICIES:
                continue
            connection.execute(sql.encode())
    _settle(connection)


def planted_defects() -> tuple[Planted, ...]:
    """Return every defect that `break_it` plants, ordered by rule and object."""
    return tuple(sorted(_read_defect(name, sql) for name, sql in _sql_files("broken")))


def break_it(connection: psycopg.Connection[Any]) -> tuple[Planted, ...]:
    """Plant every defect in a loaded ERP, all or none, and return what an audit must now report."""
    defects = planted_defects()
    with connection.transaction():
        for defect in defects:
            connection.execute(defect.sql.encode())
    _settle(connection)
    return defects


def _sql_files(directory: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of the SQL files beside this module, in the order of their names."""
    folder = importlib.resources.files(__package__) / directory
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".sql"):
            yield entry.name, entry.read_text(encoding="utf-8")


def _read_defect(name: str, sql: str) -> Planted:
    """Return the defect of one file; its header must say rule, object and what it plants."""
    header = dict(_HEADER.findall(sql))
    return Planted(
        rule=header["rule"],
        object=header["object"],
        description=header["plants"],
        slug=name.removesuffix(".sql"),
        sql=sql,
    )


def _settle(connection: psycopg.Connection[Any]) -> None:
    """Bring statistics and visibility up to date, so that no rule has stale figures to complain of."""
    before = connection.autocommit
    connection.autocommit = True  # vacuum refuses a transaction
    try:
        if connection.info.server_version >= _STATISTICS_FLUSH:
            # Counters of the load may be reported up to a second late, after the analyze that should have reset them.
            connection.execute("select pg_catalog.pg_stat_force_next_flush()")
        tables = connection.execute(
            "select oid::pg_catalog.regclass::text from pg_catalog.pg_class"
            " where relkind = 'r' and relnamespace = 'public'::pg_catalog.regnamespace order by relname"
        ).fetchall()
        connection.execute(f"vacuum (analyze) {', '.join(name for (name,) in tables)}".encode())
        connection.execute("analyze public.audit_log")  # the parent of the partitions: vacuum does not visit it
    finally:
        connection.autocommit = before
