"""Making a restored copy ready for use: statistics for the planner, and everything on disk; both belong to a recovery.

They go on side by side: one is work for a processor, the other for a disk. The tables are shared out between as many
sessions as the restore had jobs, by their size; where tables have children or partitions there is one session, since
ANALYZE of a parent reads its children once more. All of it as the restorer: statistics on expressions run code of the
archive, and the server runs that as the table's owner, restricted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from dbops.backup.background import Background

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbops.drill.copy import Copy
    from dbops.drill.rehearsal import Rehearsal

PHASE = "restore/statistics and checkpoint"
_WORTH_A_SESSION = 8 << 20
_SIZE = "select pg_catalog.pg_database_size(pg_catalog.current_database())"
_CHILDREN = "select exists (select from pg_catalog.pg_inherits)"
# The system's own tables count too, those that the archive has changed: of the others initdb has gathered statistics.
_TABLES = """
select n.nspname::text, c.relname::text, pg_catalog.pg_relation_size(c.oid)
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and not c.relisshared
    and n.nspname not in ('information_schema', 'pg_toast')
    and (n.nspname <> 'pg_catalog' or pg_catalog.pg_stat_get_mod_since_analyze(c.oid) > 0)
order by pg_catalog.pg_relation_size(c.oid) desc, c.oid
"""


def settle(rehearsal: Rehearsal, copy: Copy) -> None:
    """Gather statistics and bring everything to disk; the time counts towards the recovery."""
    with rehearsal.watch.phase(PHASE), Background(copy.checkpoint, cancel=lambda: None) as writing:
        with copy.as_restorer() as connection:
            ((children,),) = connection.execute(_CHILDREN).fetchall()
            tables = [] if children else connection.execute(_TABLES).fetchall()
            ((copy.bytes,),) = connection.execute(_SIZE).fetchall()
        number = sessions(rehearsal.options.jobs, sum(size for _, _, size in tables))
        shares = share_out(tables, number, lambda one: one[2])
        _analyze(copy, shares)
        writing.result()


def sessions(jobs: int, size: int) -> int:
    """Return how many sessions to share so many bytes out to: connecting takes as long as reading a few MiB."""
    return max(1, min(jobs, size // _WORTH_A_SESSION))


def share_out(things: Sequence[Any], number: int, weight: Callable[[Any], int]) -> list[list[Any]]:
    """Return the things in up to `number` lists of about the same weight, each in the order given; none is empty."""
    shares: list[list[Any]] = [[] for _ in range(number)]
    loads = [0] * number
    for thing in things:
        lightest = loads.index(min(loads))
        shares[lightest].append(thing)
        loads[lightest] += weight(thing) + 1
    return [share for share in shares if share] or [[]]


def _analyze(copy: Copy, shares: list[list[Any]]) -> None:
    first, *others = shares
    if not others:
        _analyze_some(copy, first)
        return
    with Background(lambda: _analyze(copy, others), cancel=lambda: None) as beside:
        _analyze_some(copy, first)
        beside.result()


def _analyze_some(copy: Copy, tables: list[Any]) -> None:
    """Analyze these tables, or all there are where none are named."""
    names = sql.SQL(", ").join(sql.Identifier(schema, name) for schema, name, _ in tables)
    with copy.as_restorer() as connection:
        connection.execute(sql.SQL("analyze {}").format(names))
