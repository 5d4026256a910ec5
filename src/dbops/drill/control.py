"""The negative control: whether the comparisons of this very drill would have seen a difference.

On the restored copy, in transactions that are rolled back, one row, one sequence, one large object, one materialized
view and one right are changed, and the functions that compared the copy with its source must tell the copy before from
the copy after. What needs nothing of the copy's database goes on beside (`controls.py`). A detector that does not fire
leaves the whole drill inconclusive: what it said of the copy is worth nothing. The rules:

1. Everything runs as the restorer, who is a member of every role and no superuser; triggers of the ordinary kind and
   rules are off (`session_replication_role`), and row-level security does not apply.
2. The row is of the smallest table that has any: one is deleted, and one value changed. Where the table does not let
   that happen (keys, checks), the next column is tried, then a temporary copy of a thousand of its rows, which has
   neither, then the next table. Of a table above 8 MiB such a copy is taken at once: reading all of its rows again
   would tell no more.
3. Of a large object one byte is changed, and another is made. What a materialized view holds cannot be changed, so one
   of our own is made, of a table of our own, and refreshed when that has changed.
4. What is not there, in an empty database say, cannot be controlled, and is named.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from dbops.backup.counting import read_sequences, sequence_states
from dbops.backup.digests import BUCKETS, Depth, DigestMode, Reading, read_rows
from dbops.backup.inventory import read_inventory
from dbops.backup.large_objects import read_large_objects
from dbops.backup.source import read_materialized_views, read_tables
from dbops.connection.session import Session
from dbops.drill.compare import (
    compare_counts,
    compare_digests,
    compare_large_objects,
    compare_materialized_views,
    compare_sequences,
)
from dbops.drill.controls import Controls
from dbops.drill.ledger import Ledger
from dbops.drill.restore_differs import compare_catalog
from dbops.model import CheckStatus
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.backup.background import Background
    from dbops.backup.source import TableFacts
    from dbops.drill.controls import Told
    from dbops.drill.rehearsal import Plan, Rehearsal, Rehearsed
    from dbops.model import Check, TableCount

# So many tables are tried before it is given up: one whose every row defends itself is rare.
_TABLES_TRIED = 8
_LOCK_SECONDS = 10
_SAMPLED_FROM = 8 << 20
_LARGE_OBJECTS = "select o.oid::bigint from pg_catalog.pg_largeobject_metadata as o order by o.oid limit %s"
_LEND_LARGE_OBJECT = "grant select, update on large object {} to current_user"
_CHANGE_LARGE_OBJECT = """
select pg_catalog.lo_put(
    %(oid)s, 0, case pg_catalog.lo_get(%(oid)s, 0, 1) when '\\x01' then '\\x02' else '\\x01' end::bytea
)
"""
_VIEW = """
create schema dbops_control;
create table dbops_control.rows as select n from pg_catalog.generate_series(1, 3) as n;
create materialized view dbops_control.view as table dbops_control.rows
"""
_CHANGE_VIEW = """
update dbops_control.rows set n = 4 where n = 3;
refresh materialized view dbops_control.view
"""
_SAMPLE = "create temporary table {0} on commit drop as select * from only {1} limit 1000"
_SAMPLE_NAME = "dbops_negative_control"


def control(rehearsal: Rehearsal, rehearsed: Rehearsed, plan: Plan, beside: Background[Told]) -> Check:
    """Return the check that the detectors of this drill fire; `beside` has been started."""
    controls = Controls()
    with rehearsal.run.step("negative control") as step:
        with rehearsed.copy.as_restorer() as connection:
            _Copy(rehearsed, plan, controls, connection).control()
        beside.result()(controls)
        step.output = f"{sum(controls.fired.values())} of {len(controls.fired)} changes seen"
    check = controls.as_check(step.duration_ms or 0)
    for name, why in controls.absent.items():
        rehearsal.run.not_tested(f"whether {name} would have been seen to differ: {why}")
    return check


@dataclass(frozen=True, slots=True)
class _Copy:
    """The restored copy, about to be changed and changed back."""

    rehearsed: Rehearsed
    plan: Plan
    controls: Controls
    connection: psycopg.Connection[tuple[Any, ...]]

    def control(self) -> None:
        """Change one thing of each kind, in a transaction of its own."""
        with self._changing() as session:
            tables = read_tables(session)
            holding = [one for one in tables if one.kind == "r" and not one.of_extension]
            sequences = [one for one in tables if one.kind == "S" and not one.of_extension]
        self._rows(holding)
        self._sequence(sequences)
        self._large_objects()
        self._view()
        self._right(holding or sequences)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Session]:
        """Begin a transaction of the restorer of which nothing stays."""
        connection = self.connection
        with connection.transaction(force_rollback=True):
            connection.execute(
                "select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),"
                " pg_catalog.set_config('session_replication_role', 'replica', true),"
                " pg_catalog.set_config('lock_timeout', %s, true)",
                [f"{_LOCK_SECONDS}s"],
            )
            yield Session(connection, self.rehearsed.copy.restorer)

    def _rows(self, tables: Sequence[TableFacts]) -> None:
        """Control counting, and the digests."""
        names = ("row counts", "row digests")
        with self._changing() as session:
            small = _smallest(session, tables)
        if not small:
            self.controls.absent.update(dict.fromkeys(names, "no table has rows"))
            return
        for name, change, compare in zip(names, (_delete, _update), (compare_counts, compare_digests), strict=True):
            seen = next((seen for one in small if (seen := self._row(one, change, compare)) is not None), None)
            if seen is None:
                self.controls.broken[name] = f"no row could be changed in any of {counted(len(small), 'table')}"
            else:
                self.controls.fired[name] = seen

    def _row(self, table: TableFacts, change: Any, compare: Any) -> bool | None:
        """Tell whether a changed row was seen; None where the table lets none be changed."""
        with self._changing() as session, _refusals():
            _allow(session, "select, insert, update, delete on table", table)
            if _size(session, table) <= _SAMPLED_FROM and (seen := _seen(session, table, change, compare)) is not None:
                return seen
            return _seen(session, _sampled(session, table), change, compare)
        return None

    def _sequence(self, sequences: Sequence[TableFacts]) -> None:
        name = "sequences"
        if not sequences:
            self.controls.absent[name] = "there are none"
            return
        for one in sequences[:_TABLES_TRIED]:
            with self._changing() as session, _refusals():
                _allow(session, "select on sequence", one)
                before = read_sequences(session, [one])
                _restart(session, one)
                check = compare_sequences(sequence_states(before, before), read_sequences(session, [one]))
                self.controls.fired[name] = check.status is CheckStatus.FAIL
                return
        self.controls.broken[name] = "none let itself be restarted"

    def _large_objects(self) -> None:
        """Control the digest of large objects, where there are any, and in any case their number."""
        name = "large objects"
        with self._changing() as session:
            there = session.fetch_all(_LARGE_OBJECTS, [_TABLES_TRIED])
            before = read_large_objects(session, DigestMode.COUNTS, 0)
            session.connection.execute("select pg_catalog.lo_create(0)")
            after = read_large_objects(session, DigestMode.COUNTS, 0)
            counted_so = compare_large_objects(before, after).status is CheckStatus.FAIL
        if not there:
            self.controls.fired[name] = counted_so
            return
        read = next((seen for (oid,) in there if (seen := self._byte(oid)) is not None), None)
        if read is None:
            self.controls.broken[name] = "none let a byte be changed"
        else:
            self.controls.fired[name] = counted_so and read

    def _byte(self, oid: int) -> bool | None:
        """Tell whether a changed byte was seen; None where the large object lets none be changed."""
        with self._changing() as session, _refusals():
            session.connection.execute(sql.SQL(_LEND_LARGE_OBJECT).format(sql.Literal(oid)))
            before = read_large_objects(session, DigestMode.BUCKETS, oid % BUCKETS)
            session.connection.execute(_CHANGE_LARGE_OBJECT, {"oid": oid})
            after = read_large_objects(session, DigestMode.BUCKETS, oid % BUCKETS)
            return compare_large_objects(before, after).status is CheckStatus.FAIL
        return None

    def _view(self) -> None:
        """Control the comparison of materialized views by one of our own."""
        name = "materialized views"
        with self._changing() as session, _refusals():
            session.connection.execute(_VIEW)
            reading = [
                Reading(one, Depth.ALL) for one in read_materialized_views(session) if one.schema == "dbops_control"
            ]
            before = read_rows(session, reading)
            session.connection.execute(_CHANGE_VIEW)
            self.controls.fired[name] = _differs(compare_materialized_views, before, read_rows(session, reading))
            return
        self.controls.broken[name] = "none could be made"

    def _right(self, relations: Sequence[TableFacts]) -> None:
        """Control the comparison of catalogs: by a right, and across majors, where rights are not compared, a name."""
        name = "rights" if self.plan.same_major else "names of objects"
        if not relations:
            self.controls.absent[name] = "there is no table"
            return
        for one in relations[:_TABLES_TRIED]:
            with self._changing() as session, _refusals():
                before = read_inventory(session)
                if self.plan.same_major:
                    _grant(session, one, self.rehearsed.copy.cast.reader)
                else:
                    _rename(session, one)
                after = read_inventory(session)
                check, _ = compare_catalog(before, after, Ledger(), same_major=self.plan.same_major, data=True)
                self.controls.fired[name] = check.status is CheckStatus.FAIL
                return
        self.controls.broken[name] = "none let itself be changed"


def _seen(session: Session, table: TableFacts, change: Any, compare: Any) -> bool | None:
    """Change a row of `table` and tell whether `compare` sees it; None where no row could be changed."""
    reading = [Reading(table, Depth.ALL)]
    before = read_rows(session, reading)
    return _differs(compare, before, read_rows(session, reading)) if change(session, table) else None


def _refusals() -> contextlib.suppress:
    """Take what a table does not let happen for no answer; the transaction is rolled back in any case."""
    return contextlib.suppress(psycopg.errors.Error)


def _smallest(session: Session, tables: Sequence[TableFacts]) -> list[TableFacts]:
    """Return the smallest tables that have rows, by their size on disk."""
    by_name = {one.oid: one for one in tables}
    rows = session.fetch_all(
        "select o.oid from pg_catalog.unnest(%s::bigint[]) as o (oid)"
        " where pg_catalog.pg_relation_size(o.oid::pg_catalog.oid) > 0"
        " order by pg_catalog.pg_relation_size(o.oid::pg_catalog.oid), o.oid",
        [list(by_name)],
    )
    found: list[TableFacts] = []
    for (oid,) in rows:
        if len(found) == _TABLES_TRIED:
            break
        if _holds_rows(session, by_name[oid]):
            found.append(by_name[oid])
    return found


def _size(session: Session, table: TableFacts) -> int:
    return int(session.fetch_all("select pg_catalog.pg_relation_size(%s::pg_catalog.oid)", [table.oid])[0][0])


def _sampled(session: Session, table: TableFacts) -> TableFacts:
    """Return a temporary table with some of the rows of a large one."""
    session.connection.execute(sql.SQL(_SAMPLE).format(sql.Identifier(_SAMPLE_NAME), _name(table)))
    oid = session.fetch_all("select %s::pg_catalog.regclass::pg_catalog.oid::bigint", [f"pg_temp.{_SAMPLE_NAME}"])[0][0]
    return replace(table, oid=oid, schema="pg_temp", name=_SAMPLE_NAME, key=None, inherited=None)


def _holds_rows(session: Session, table: TableFacts) -> bool:
    try:
        with session.connection.transaction(force_rollback=True):
            _allow(session, "select on table", table)
            query = sql.SQL("select exists (select from only {})").format(_name(table))
            return bool(session.fetch_all(query)[0][0])
    except psycopg.errors.Error:
        return False


def _differs(compare: Any, before: list[TableCount], after: list[TableCount]) -> bool:
    return bool(compare(before, after).status is CheckStatus.FAIL)


def _name(one: TableFacts) -> sql.Identifier:
    return sql.Identifier(one.schema, one.name)


def _allow(session: Session, rights: str, one: TableFacts) -> None:
    """Give the restorer what an owner may have taken from himself; the owner may always give it back."""
    session.connection.execute(sql.SQL("grant {} {} to current_user").format(sql.SQL(rights), _name(one)))


def _delete(session: Session, table: TableFacts) -> bool:
    statement = "delete from only {0} where ctid = (select ctid from only {0} limit 1)"
    return session.connection.execute(sql.SQL(statement).format(_name(table))).rowcount == 1


# By the category of a type: what makes another value of one.
_OTHERWISE = {
    "B": "not {0}", "N": "{0} + 1", "D": "{0} + interval '1 day'", "T": "{0} + interval '1 day'", "S": "{0} || 'x'",
    "uuid": "pg_catalog.md5({0}::text)::uuid",
}  # fmt: skip
_OF_ANOTHER_ROW = "(select o.{0} from only {1} as o where o.{0} is distinct from t.{0} limit 1)"
_COLUMNS = """
select a.attname::text, case t.typname when 'uuid' then 'uuid' else t.typcategory::text end, a.attnotnull
from pg_catalog.pg_attribute as a
join pg_catalog.pg_type as t on t.oid = a.atttypid
where a.attrelid = %s::pg_catalog.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
order by a.attnum desc
"""


def _update(session: Session, table: TableFacts) -> bool:
    """Change one value of one row, in whichever column lets itself be changed; keys come last."""
    for column, category, not_null in session.fetch_all(_COLUMNS, [table.oid]):
        others = [_OTHERWISE[category]] if category in _OTHERWISE else []
        for other in (*others, _OF_ANOTHER_ROW) if not_null else (*others, "null", _OF_ANOTHER_ROW):
            if _update_column(session, table, column, other):
                return True
    return False


def _update_column(session: Session, table: TableFacts, column: str, other: str) -> bool:
    value = sql.SQL(other).format(sql.Identifier(column), _name(table))
    statement = sql.SQL(
        "update only {0} as t set {1} = {2} where t.ctid ="
        " (select t.ctid from only {0} as t where t.{1} is distinct from ({2}) limit 1)"
    ).format(_name(table), sql.Identifier(column), value)
    try:
        with session.connection.transaction():
            return session.connection.execute(statement).rowcount == 1
    except psycopg.errors.Error:
        return False


def _restart(session: Session, one: TableFacts) -> None:
    """Move a sequence: `setval` would survive the rollback, RESTART does not."""
    low, high = session.fetch_all(
        "select seqmin, seqmax from pg_catalog.pg_sequence where seqrelid = %s::pg_catalog.oid", [one.oid]
    )[0]
    stands = read_sequences(session, [one])[one.schema, one.name].last_value
    value = sql.Literal(low if stands != low else high)
    session.connection.execute(sql.SQL("alter sequence {} restart with {}").format(_name(one), value))


def _grant(session: Session, one: TableFacts, role: str) -> None:
    what = "sequence" if one.kind == "S" else "table"
    session.connection.execute(
        sql.SQL("grant select on {} {} to {}").format(sql.SQL(what), _name(one), sql.Identifier(role))
    )


def _rename(session: Session, one: TableFacts) -> None:
    what = "sequence" if one.kind == "S" else "table"
    session.connection.execute(
        sql.SQL("alter {} {} rename to dbops_negative_control").format(sql.SQL(what), _name(one))
    )
