"""The rows at the moment that is recovered to: read at the source in one snapshot, and again on the copy.

They can be held against each other only where the same transactions are finished on both sides; on a busy server some
commit between the snapshot and the moment, and then this says so instead of guessing. Read as an ordinary role, since
planning a query runs code of whoever owns the table. What this does not do: compare (`dbops.drill.compare`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.backup.counting import with_rows
from dbops.backup.digests import DigestMode, chosen_mode, plan_readings, read_rows, same_readings
from dbops.backup.source import read_tables
from dbops.connection.session import read_only
from dbops.drill.compare import compare_counts, compare_digests
from dbops.drill.pitr import answers
from dbops.drill.pitr.snapshots import Finished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbops.connection.session import Session
    from dbops.connection.target import Target
    from dbops.drill.pitr.source import SourceFacts
    from dbops.model import Check, TableCount

_COUNTS = "row-counts"
_DIGESTS = "row-digests"


@dataclass(frozen=True, slots=True)
class RowsThen:
    """What the tables held in the snapshot, and which transactions were finished in it."""

    counts: Sequence[TableCount]
    finished: Finished


def why_not(facts: SourceFacts) -> str | None:
    """Return why rows are not read by this role, None where they are."""
    if facts.superuser:
        return "rows are not read as superuser: planning a query would run code of the table's owner with all rights"
    if not facts.sees_all_rows:
        return "the role sees only what row-level security shows it (no BYPASSRLS)"
    return None


def finished_in(session: Session) -> Finished:
    """Return which transactions are finished in the session's snapshot."""
    return Finished.parse(session.fetch_all("select pg_catalog.pg_current_snapshot()::text")[0][0])


def read_then(session: Session, facts: SourceFacts, bucket: int) -> RowsThen:
    """Return what the tables that this role may read hold in the session's snapshot."""
    finished = finished_in(session)
    tables = [
        one
        for one in with_rows(read_tables(session), in_recovery=True)
        if one.kind == "r" and one.readable and not one.filtered
    ]
    mode = chosen_mode(DigestMode.AUTO, facts.database_bytes)
    return RowsThen(read_rows(session, plan_readings(tables, mode, bucket)), finished)


def compare_then(then: RowsThen, copy: Target, deadline: float | None) -> list[Check]:
    """Return the checks that the copy's rows are those of the snapshot."""
    with read_only(copy, statement_timeout=None, idle_timeout=None, deadline=deadline) as session:
        if not then.finished.same_as(finished_in(session)):
            reason = "transactions ended between the snapshot and the moment that was recovered to"
            return [answers.skipped(name, reason) for name in (_COUNTS, _DIGESTS)]
        tables = [one for one in read_tables(session) if one.kind == "r"]
        found = read_rows(session, same_readings(then.counts, tables))
    return [compare_counts(then.counts, found), compare_digests(then.counts, found)]


def not_compared(reason: str) -> list[Check]:
    """Return the checks as not made."""
    return [answers.skipped(name, reason) for name in (_COUNTS, _DIGESTS)]
