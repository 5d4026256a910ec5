"""A row as values that are hashed one by one, where its text need not be made: most of what a digest cost was text.

What is hashed has to differ whenever the text of the row differs, and nothing else than the row may change it. The
rules, by the type of a column, in order:

1. Types whose own hash looks at every byte, and whose equal values are the same bytes, are taken as they are. Text is
   compared as bytes, whatever its collation.
2. Moments are 8 bytes, and the hash of those folds them to 4: they are taken as the bytes that are sent to a client.
   Numbers of 8 bytes, for the same reason, and of any length, whose scale a hash does not see, as their text.
3. Everything else (floats, json, arrays, domains, what somebody has made) is the text of a row of just these columns,
   as when all of it was text. No cast of somebody else's is asked.
4. Columns go by their names: a partition or child may get them back in another order.

The hash of a row of these is a sum of the hashes of its values, each times a constant. Summed up over a table as it is,
it would not see two rows exchange a value, so it is hashed once more (`digests.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.backup.source import read_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbops.connection.session import Session

# With these, and with which servers: extended hashes of rows came with 14.
_SINCE = 140000
_AS_IT_IS = "t.{}"
_AS_BYTES = 't.{} collate "C"'
_AS_TEXT = 't.{}::text collate "C"'
# By the oid of the type, which is the same in every cluster for those that come with PostgreSQL.
_TAKEN = {
    16: _AS_IT_IS,  # boolean
    17: _AS_IT_IS,  # bytea
    21: _AS_IT_IS,  # smallint
    23: _AS_IT_IS,  # integer
    26: _AS_IT_IS,  # oid
    1082: _AS_IT_IS,  # date
    2950: _AS_IT_IS,  # uuid
    25: _AS_BYTES,  # text
    1043: _AS_BYTES,  # character varying
    1114: "timestamp_send(t.{})",
    1184: "timestamptz_send(t.{})",
    20: _AS_TEXT,  # bigint
    1700: _AS_TEXT,  # numeric
}
# What every server answers that hashes these values alike; `_KNOWN_HASH` of digests.py is asked besides.
_KNOWN_VALUES = r"""
select hash_record_extended(
    row(
        true, '\x00ff'::bytea, 2::smallint, -3, 4000000000::oid, date '2026-03-29',
        '00000000-0000-0000-0000-00000000002a'::uuid, 'dbops'::text collate "C", 'ops'::varchar collate "C",
        timestamp_send('2026-03-29 01:00'), timestamptz_send('2026-03-29 01:00+00'), null::integer
    ), 0
) = 2553716463735881432
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and the oid of its type."""

    name: str
    type: int


def can_hash_values(session: Session) -> bool:
    """Tell whether this server hashes values, and as all others do."""
    return session.server_version >= _SINCE and bool(session.fetch_all(_KNOWN_VALUES)[0][0])


def read_columns(session: Session, oids: Iterable[int]) -> dict[int, list[Column]]:
    """Return the columns of each of these tables, in the order of their names."""
    found: dict[int, list[Column]] = {}
    for oid, name, type_ in session.fetch_all(read_sql("columns"), [list(oids)]):
        found.setdefault(oid, []).append(Column(name, type_))
    return found


def worth_it(columns: Sequence[Column]) -> bool:
    """Tell whether there is text that need not be made."""
    return any(one.type in _TAKEN for one in columns)


def values_of(columns: Sequence[Column]) -> sql.Composed:
    """Return the row of values of the table `t`."""
    values: list[sql.Composable] = [
        sql.SQL(_TAKEN[one.type]).format(sql.Identifier(one.name)) for one in columns if one.type in _TAKEN
    ]
    rest = [sql.SQL("t.{}").format(sql.Identifier(one.name)) for one in columns if one.type not in _TAKEN]
    if rest or not values:
        values.append(sql.SQL('row({})::text collate "C"').format(sql.SQL(", ").join(rest)))
    return sql.SQL("row({})").format(sql.SQL(", ").join(values))
