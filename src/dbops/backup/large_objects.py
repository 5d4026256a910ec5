"""What the large objects hold, in one snapshot: how many, and a digest that no order or paging of them can change.

A digest says how it was taken (`lo/all/2048:…`, `lo/17of100/2048:…` for one bucket of numbers, pages of 2048 bytes), so
that it can be taken again on a copy. A role that may not read `pg_largeobject` can only have them counted. What this
does not do: compare (`dbops.drill.compare`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.backup.digests import BUCKETS, DigestMode
from dbops.backup.source import read_sql

if TYPE_CHECKING:
    from dbops.connection.session import Session

_DIGEST = re.compile(r"lo/(?:all|(?P<bucket>\d{1,2})of100)/\d+:-?\d+:-?\d+")
_MAY_READ = "select pg_catalog.has_table_privilege('pg_catalog.pg_largeobject', 'select')"


@dataclass(frozen=True, slots=True)
class LargeObjects:
    """How many there are, and what `checked` of them hold; no digest where that was not read."""

    count: int
    digest: str | None = None
    checked: int = 0


def read_large_objects(session: Session, mode: DigestMode, bucket: int) -> LargeObjects:
    """Return what the large objects hold, as far as `mode` (which is not AUTO) and the session's role allow."""
    count = _count(session)
    if not count or mode is DigestMode.COUNTS or not session.fetch_all(_MAY_READ)[0][0]:
        return LargeObjects(count)
    return _digested(session, count, bucket if mode is DigestMode.BUCKETS else None)


def same_large_objects(session: Session, digest: str | None) -> LargeObjects:
    """Return what the large objects of a copy hold, read as those of its source were when `digest` was taken."""
    count = _count(session)
    matched = _DIGEST.fullmatch(digest or "")
    if not matched:
        return LargeObjects(count)
    return _digested(session, count, None if matched["bucket"] is None else int(matched["bucket"]))


def _count(session: Session) -> int:
    return int(session.fetch_all("select pg_catalog.count(*) from pg_catalog.pg_largeobject_metadata")[0][0])


def _digested(session: Session, count: int, bucket: int | None) -> LargeObjects:
    checked, page_bytes, high, low = session.fetch_all(read_sql("large_objects"), {"bucket": bucket})[0]
    which = "all" if bucket is None else f"{bucket}of{BUCKETS}"
    return LargeObjects(count, f"lo/{which}/{page_bytes}:{high}:{low}", checked)
