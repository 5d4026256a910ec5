"""What the rows of each table are, in one snapshot: how many, and a digest that no order of them can change.

Rules, in order:

1. A restored table holds its rows in another order, so the digest is a sum over rows: of two 64-bit hashes of each, as
   numeric. XOR would not do: two equal rows cancel each other out. The hash is the one that partitions are chosen by,
   which every major computes alike, at less than half the price of md5; a server whose bytes stand the other way round
   computes another one, and takes md5. It is against accidents; against people there is the SHA-256 of the dump.
2. What is hashed of a row is the hash of its values (`valued.py`), where the server knows that and text is saved, else
   (t.*)::text. The hash of values is hashed once more: by itself it is a sum over the columns, and a sum of sums would
   not see two rows exchange a value.
3. `(t.*)`, never `t`: in a table with a column named `t` that is the column, and all others would go unchecked. A child
   of an inherited table may get its columns back in another order; for it they are named, sorted.
4. Everything that text depends on is pinned for the transaction, and row-level security may not hide a row: a digest of
   half the rows would match a backup of half the rows.
5. `from only`, since partitions and children are read by themselves.
6. Reading happens in savepoints that are rolled back: a scan locks every index of its table, and on thousands of tables
   those locks alone would fill the server's lock table.

A digest says how it was taken (`values/all:…`, or `values/17of100:…` for one bucket of keys), so that it can be taken
again on a copy. What this does not do: read large objects, or compare (`dbops.drill.compare`).
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.backup.source import read_sql
from dbops.backup.valued import can_hash_values, read_columns, values_of, worth_it
from dbops.errors import UnavailableError
from dbops.model import Scope, TableCount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dbops.backup.source import TableFacts
    from dbops.backup.valued import Column
    from dbops.connection.session import Session

BUCKETS = 100
COUNTED = "count(*) in the snapshot of the dump"
DIGESTED = "count(*) and the sum of {} over all rows, in the snapshot of the dump"

# Up to here `auto` reads every row: about five minutes of one core of the server, at most.
_FULL_UP_TO = 10 << 30
# Where only a bucket of keys is read, a table without a key is still read whole up to this size.
_WHOLE_WITHOUT_KEY = 64 << 20
# What every server answers whose bytes stand in the usual order.
_KNOWN_HASH = "select pg_catalog.hashtextextended('dbops' collate \"C\", 0) = 6075617574142547004"
PAGE = 8192
# One statement reads several small tables: the round trips of 5,000 tables would take longer than their rows.
_TABLES_AT_ONCE = 64
_PAGES_AT_ONCE = 4096
_DIGEST = re.compile(r"(?P<hash>values|hash|md5)/(?:all|(?P<bucket>\d{1,2})of100):-?\d+:-?\d+")


class DigestMode(enum.StrEnum):
    """How much of the rows is read: all, one of a hundred buckets of keys, none; `auto` decides by size."""

    AUTO = "auto"
    FULL = "full"
    BUCKETS = "buckets"
    COUNTS = "counts"


class RowHash(enum.StrEnum):
    """What is summed: two hashes of 64 bits, of the hash of a row's values or of its text, or the halves of an md5."""

    VALUES = "values"
    HASH = "hash"
    MD5 = "md5"


_WORDS = {
    RowHash.VALUES: "two 64-bit hashes of values",
    RowHash.HASH: "two 64-bit hashes",
    RowHash.MD5: "md5",
    None: "nothing",
}


class Depth(enum.Enum):
    """How one table is read."""

    ALL = enum.auto()
    BUCKET = enum.auto()
    COUNT = enum.auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """How one table is to be read; `bucket` is which of the hundred. No `hash`: the best that the server has.

    `columns` are those of the table, where its values are hashed.
    """

    table: TableFacts
    depth: Depth
    bucket: int = 0
    hash: RowHash | None = None
    columns: tuple[Column, ...] = ()


def chosen_mode(mode: DigestMode, database_bytes: int) -> DigestMode:
    """Return what `auto` comes to for a database of that size; every other mode is itself."""
    if mode is not DigestMode.AUTO:
        return mode
    return DigestMode.FULL if database_bytes <= _FULL_UP_TO else DigestMode.BUCKETS


def plan_readings(tables: Iterable[TableFacts], mode: DigestMode, bucket: int) -> list[Reading]:
    """Return how each table is read in `mode`, which is not AUTO; without a key there are no buckets."""
    return [Reading(one, _depth(one, mode), bucket) for one in tables]


def _depth(one: TableFacts, mode: DigestMode) -> Depth:
    if mode is DigestMode.COUNTS:
        return Depth.COUNT
    if mode is DigestMode.FULL:
        return Depth.ALL
    if one.key:
        return Depth.BUCKET
    return Depth.ALL if one.pages * PAGE <= _WHOLE_WITHOUT_KEY else Depth.COUNT


def same_readings(recorded: Iterable[TableCount], tables: Iterable[TableFacts]) -> list[Reading]:
    """Return how to read the tables of a copy so that the digests can be held against those recorded of its source."""
    wanted = {(one.schema_, one.name): one.digest for one in recorded}
    return [_same(one, wanted[one.schema, one.name]) for one in tables if (one.schema, one.name) in wanted]


def _same(one: TableFacts, digest: str | None) -> Reading:
    matched = _DIGEST.fullmatch(digest or "")
    if not matched:
        return Reading(one, Depth.COUNT)
    row_hash = RowHash(matched["hash"])
    if matched["bucket"] is None:
        return Reading(one, Depth.ALL, hash=row_hash)
    # A copy that has lost the key cannot be read by it; it is counted, and the missing digest is a difference.
    return Reading(one, Depth.BUCKET if one.key else Depth.COUNT, int(matched["bucket"]), row_hash)


def pin_text(session: Session) -> None:
    """Set for the session's transaction everything that the text of a row depends on."""
    session.connection.execute(read_sql("pin_text"))


def read_rows(
    session: Session, readings: Sequence[Reading], told: Callable[[int], None] = lambda _: None
) -> list[TableCount]:
    """Return what the rows of each table are, in the order given; `told` hears how many tables more have been read.

    Raises UnavailableError where this server cannot take a digest as it was taken.
    """
    pin_text(session)
    found: list[TableCount] = []
    known = _known_hashes(session, readings)
    for wanted in _batches(readings):
        batch = _with_hashes(session, wanted, known)
        with session.connection.transaction(force_rollback=True):
            rows = session.fetch_all(_statement(batch))
        by_index = {index: values for index, *values in rows}
        found += [_as_count(one, *by_index[index]) for index, one in enumerate(batch)]
        told(len(batch))
    return found


def _known_hashes(session: Session, readings: Sequence[Reading]) -> frozenset[RowHash]:
    """Return what this server computes as all others do.

    Raises UnavailableError where that is not what is asked for.
    """
    known = {RowHash.MD5}
    if session.fetch_all(_KNOWN_HASH)[0][0]:
        known.add(RowHash.HASH)
        if can_hash_values(session):
            known.add(RowHash.VALUES)
    if any(one.hash not in {None, *known} for one in readings):
        raise UnavailableError(
            "the digests were taken on a machine whose bytes stand the other way round",
            hint='drill it on a machine of the source\'s architecture, or back up with digest = "counts"',
        )
    return frozenset(known)


def _with_hashes(session: Session, readings: Sequence[Reading], known: frozenset[RowHash]) -> list[Reading]:
    """Return the readings with the hash of each decided; one round trip, where values may be hashed."""
    valued = {None, RowHash.VALUES} if RowHash.VALUES in known else set[RowHash | None]()
    oids = [one.table.oid for one in readings if one.depth is not Depth.COUNT and one.hash in valued]
    columns = read_columns(session, oids) if oids else {}
    text = RowHash.HASH if RowHash.HASH in known else RowHash.MD5
    return [_with_hash(one, tuple(columns.get(one.table.oid, ())), text) for one in readings]


def _with_hash(one: Reading, columns: tuple[Column, ...], text: RowHash) -> Reading:
    chosen = one.hash or (RowHash.VALUES if worth_it(columns) else text)
    return replace(one, hash=chosen, columns=columns)


def coverage(counts: Sequence[TableCount]) -> Scope:
    """Return how many of all rows have gone into a digest."""
    return Scope(
        checked=sum(one.scope.checked for one in counts if one.scope), total=sum(one.rows or 0 for one in counts)
    )


def _as_count(one: Reading, rows: int, checked: int, high: int | None, low: int | None) -> TableCount:
    sums = f"{high or 0}:{low or 0}"
    digest, method = None, COUNTED
    if one.depth is Depth.ALL:
        digest, method = f"{one.hash}/all:{sums}", DIGESTED.format(_WORDS[one.hash])
    elif one.depth is Depth.BUCKET:
        digest = f"{one.hash}/{one.bucket}of{BUCKETS}:{sums}"
        method = (
            f"count(*) and the sum of {_WORDS[one.hash]} over key bucket {one.bucket} of {BUCKETS}, in the snapshot"
        )
    return TableCount(
        schema_=one.table.schema,
        name=one.table.name,
        rows=rows,
        digest=digest,
        method=method,
        scope=Scope(checked=checked, total=rows),
    )


def _batches(readings: Iterable[Reading]) -> Iterator[list[Reading]]:
    batch: list[Reading] = []
    pages = 0
    for one in readings:
        if batch and (len(batch) == _TABLES_AT_ONCE or pages + one.table.pages > _PAGES_AT_ONCE):
            yield batch
            batch, pages = [], 0
        batch.append(one)
        pages += one.table.pages
    if batch:
        yield batch


def _statement(batch: Sequence[Reading]) -> sql.Composed:
    return sql.SQL(" union all ").join(_select(index, one) for index, one in enumerate(batch))


# pg_catalog is named so that the audit can tell these statements from the application's in pg_stat_statements.
_COUNT = "select {index}, pg_catalog.count(*), 0::bigint, null::numeric, null::numeric from only {table}"
# `offset 0` keeps the planner from writing the text into both sums, which would compute it twice.
_ALL = (
    "select {index}, pg_catalog.count(*), count(*), sum(hashtextextended(h, 0)), sum(hashtextextended(h, 1))"
    ' from (select {row}::text collate "C" as h from only {table} as t offset 0) as rows'
)
_ALL_MD5 = (
    "select {index}, pg_catalog.count(*), count(*), sum(('x' || left(h, 16))::bit(64)::bigint),"
    " sum(('x' || right(h, 16))::bit(64)::bigint)"
    " from (select md5({row}::text) as h from only {table} as t offset 0) as rows"
)
# A filter is asked before what it filters is computed, so rows of other buckets cost little more than a count.
_BUCKET = (
    "select {index}, pg_catalog.count(*), count(*) filter (where {wanted}),"
    ' sum(hashtextextended({row}::text collate "C", 0)) filter (where {wanted}),'
    ' sum(hashtextextended({row}::text collate "C", 1)) filter (where {wanted})'
    " from only {table} as t"
)
_BUCKET_MD5 = (
    "select {index}, pg_catalog.count(*), count(*) filter (where {wanted}),"
    " sum(('x' || left(md5({row}::text), 16))::bit(64)::bigint) filter (where {wanted}),"
    " sum(('x' || right(md5({row}::text), 16))::bit(64)::bigint) filter (where {wanted})"
    " from only {table} as t"
)
_ALL_VALUES = (
    "select {index}, pg_catalog.count(*), count(*), sum(hashtextextended(h, 0)), sum(hashtextextended(h, 1))"
    ' from (select hash_record_extended({row}, 0)::text collate "C" as h from only {table} as t offset 0) as rows'
)
_BUCKET_VALUES = (
    "select {index}, pg_catalog.count(*), count(*) filter (where {wanted}),"
    ' sum(hashtextextended(hash_record_extended({row}, 0)::text collate "C", 0)) filter (where {wanted}),'
    ' sum(hashtextextended(hash_record_extended({row}, 0)::text collate "C", 1)) filter (where {wanted})'
    " from only {table} as t"
)
_TEMPLATES = {
    RowHash.VALUES: {Depth.ALL: _ALL_VALUES, Depth.BUCKET: _BUCKET_VALUES, Depth.COUNT: _COUNT},
    RowHash.HASH: {Depth.ALL: _ALL, Depth.BUCKET: _BUCKET, Depth.COUNT: _COUNT},
    RowHash.MD5: {Depth.ALL: _ALL_MD5, Depth.BUCKET: _BUCKET_MD5, Depth.COUNT: _COUNT},
}


def _select(index: int, one: Reading) -> sql.Composed:
    # The session's search_path is pg_catalog alone, so that no function or operator of somebody else's is meant.
    return sql.SQL(_TEMPLATES[one.hash or RowHash.HASH][one.depth]).format(
        index=sql.Literal(index),
        table=sql.Identifier(one.table.schema, one.table.name),
        row=_row(one),
        wanted=_wanted(one),
    )


def _row(one: Reading) -> sql.Composable:
    if one.hash is RowHash.VALUES:
        return values_of(one.columns)
    if one.table.inherited is None:
        return sql.SQL("(t.*)")
    return sql.SQL("row({})").format(_columns(one.table.inherited))


def _wanted(one: Reading) -> sql.Composable:
    key = one.table.key
    if one.depth is not Depth.BUCKET or not key:
        return sql.SQL("true")
    bucket = sql.Literal(one.bucket)
    if one.table.integer_key:
        return sql.SQL("abs(t.{} % 100) = {}").format(sql.Identifier(key[0]), bucket)
    # 28 bits, so that the number is not negative.
    return sql.SQL("('x' || left(md5(row({})::text), 7))::bit(28)::integer % 100 = {}").format(_columns(key), bucket)


def _columns(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in names)
