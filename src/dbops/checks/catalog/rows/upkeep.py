"""What indexes are used for, what they have grown to, and by which version of a collation they are ordered."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("index_last_scans")
class IndexLastScan(NamedTuple):
    """How many seconds ago an index was scanned last, if that is known (from 16 on) and longer ago than 30 days."""

    index_oid: int
    seconds_ago: int


@read("recent_indexes")
class RecentIndex(NamedTuple):
    """An index made less than a week ago; known only where commits are timed (track_commit_timestamp)."""

    index_oid: int


@read("standbys")
class Standbys(NamedTuple):
    """Whether other servers answer queries from the same data, with counters of their own."""

    slots: int
    senders: int

    @property
    def there(self) -> bool:
        """Whether there is a sign of any: a physical slot, or a sender that feeds no logical one."""
        return self.slots > 0 or self.senders > 0


@read("collation_drift")
class CollationDrift(NamedTuple):
    """A collation, used by an index or as the database's default, whose library has another version than recorded."""

    collation: int
    recorded: str
    actual: str
    is_default: bool


@read("index_space")
class IndexSpace(NamedTuple):
    """A B-tree of 10 MiB or more: its pages, and how many a fresh one would take (None: no statistics to tell)."""

    index_oid: int
    page_bytes: int
    pages: int
    pages_fresh: int | None
