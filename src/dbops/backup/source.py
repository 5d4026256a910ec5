"""What a backup says about where it comes from: read from the catalogs, in the snapshot that is dumped.

Nothing here needs more than an ordinary role can see; what it cannot see is told apart (`TableFacts.readable`), never
left out. Passwords are in none of these catalogs. What this does not do: judge (`preflight.py`), or read a user's rows
(`digests.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from dbops.model import ExtensionInfo, SourceInfo

if TYPE_CHECKING:
    import datetime as dt

    from dbops.connection.session import Session


def read_sql(name: str) -> bytes:
    """Return a query that ships with dbops."""
    return resources.files(__package__ or "dbops.backup").joinpath("sql", f"{name}.sql").read_bytes()


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One row of `source.sql`: the moment, the database's locale, what objectives and restores depend on."""

    snapshot_at: dt.datetime
    in_recovery: bool
    lsn: str | None
    encoding: str
    lc_collate: str
    lc_ctype: str
    provider: str
    locale: str | None
    collation_version: str | None
    owner: str
    database_bytes: int
    archive_mode: str
    wal_level: str
    wal_senders: int
    large_objects: int
    subscriptions: int
    materialized_views: int
    superuser: bool
    sees_all_rows: bool


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table or sequence whose content pg_dump writes; `pages` of 8 KiB are what the planner last knew.

    `key` are the columns of the primary key; `inherited` all columns by name, for a child that is no partition.
    """

    oid: int
    schema: str
    name: str
    kind: str
    persistence: str
    pages: int
    readable: bool
    filtered: bool
    of_extension: bool
    key: list[str] | None = None
    integer_key: bool = False
    inherited: list[str] | None = None


def read_source(session: Session) -> SourceFacts:
    """Return where and when the snapshot stands."""
    with session.connection.cursor(row_factory=class_row(SourceFacts)) as cursor:
        return cursor.execute(read_sql("source")).fetchall()[0]


def read_tables(session: Session) -> tuple[TableFacts, ...]:
    """Return every table and sequence with content, in name order."""
    with session.connection.cursor(row_factory=class_row(TableFacts)) as cursor:
        return tuple(cursor.execute(read_sql("tables")).fetchall())


def read_materialized_views(session: Session) -> tuple[TableFacts, ...]:
    """Return every populated materialized view that can be read, in name order."""
    with session.connection.cursor(row_factory=class_row(TableFacts)) as cursor:
        return tuple(cursor.execute(read_sql("materialized_views")).fetchall())


def read_extensions(session: Session) -> tuple[ExtensionInfo, ...]:
    """Return the installed extensions, in name order."""
    rows = session.fetch_all(read_sql("extensions"))
    return tuple(ExtensionInfo(name=name, schema_=schema, version=version) for name, schema, version in rows)


def unreadable_large_objects(session: Session) -> int:
    """Return how many large objects the session's role may not read; meaningless for a superuser, who may all."""
    rows = session.fetch_all(read_sql("unreadable_large_objects"))
    return int(rows[0][0])


def as_source_info(session: Session, facts: SourceFacts) -> SourceInfo:
    """Return the manifest's words for the source; the cluster's identity has been checked to be known."""
    known = session.facts
    return SourceInfo(
        system_identifier=known.system_identifier or "",
        timeline=known.timeline or 0,
        lsn=facts.lsn or "",
        database=known.database,
        version=known.version,
        encoding=facts.encoding,
        locale=facts.locale or facts.lc_collate,
        provider=facts.provider,
        collation_version=facts.collation_version,
    )
