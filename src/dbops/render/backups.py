"""Lists of backups as aligned lines: what there is, or how size, rate and checksums went over time.

What this does not do: colour, or wrap: a line is a backup, so that `grep` and `awk` have something to work on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.model import Verdict
from dbops.quantities import counted, duration, size
from dbops.render.terminal import clean

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from dbops.backup.history import Entry
    from dbops.storage.attested import Attestation

_RIGHT = frozenset({"SIZE", "CHANGE", "TOOK", "AGE", "ROWS", "RATE"})
_LIST = ("ID", "DATABASE", "SNAPSHOT (UTC)", "SIZE", "TOOK", "AGE", "VERIFIED", "DRILLED", "HELD")
_HISTORY = ("SNAPSHOT (UTC)", "DATABASE", "SIZE", "CHANGE", "TOOK", "RATE", "ROWS", "CHECKSUMS", "DRILLED")


def list_lines(entries: Sequence[Entry], now: dt.datetime) -> tuple[str, ...]:
    """Return one line for each backup, in the order given, below a heading."""
    return _table(
        _LIST,
        [
            (
                one.id,
                one.database,
                f"{one.snapshot_at:%Y-%m-%d %H:%M:%S}",
                size(one.bytes),
                _span(one.duration),
                _span(one.age(now)),
                looked(one.standing.verified),
                looked(one.standing.drilled),
                one.held or "",
            )
            for one in entries
        ],
    )


def history_lines(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return how backups went over time, oldest first, below a heading; entries come newest first."""
    return _table(
        _HISTORY,
        [
            (
                f"{one.snapshot_at:%Y-%m-%d %H:%M:%S}",
                one.database,
                size(one.bytes),
                "" if one.change is None else f"{one.change:+d} %",
                _span(one.duration),
                "" if one.rate is None else f"{size(one.rate)}/s",
                str(sum(table.rows or 0 for table in one.stored.manifest.tables)),
                looked(one.standing.verified),
                looked(one.standing.drilled),
            )
            for one in reversed(entries)
        ],
    )


def summary_line(entries: Sequence[Entry], where: str) -> str:
    """Return how many there are and how much room they take."""
    return f"{counted(len(entries), 'backup')} in {where}, {size(sum(one.bytes for one in entries))}"


def looked(said: Attestation | None) -> str:
    """Return what a later run has said about a backup, and when."""
    if said is None:
        return "never"
    words = {Verdict.PASS: "ok", Verdict.FAIL: "DAMAGED", Verdict.INCONCLUSIVE: "could not tell"}[said.outcome]
    if said.kind == "drilled" and said.outcome is Verdict.FAIL:
        words = "FAILED"
    return f"{words} {said.at:%Y-%m-%d}"


def _span(span: dt.timedelta) -> str:
    return duration(round(span.total_seconds() * 1000))


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[str, ...]:
    lines = [tuple(heading), *(tuple(map(clean, row)) for row in rows)]
    if len(lines) == 1:
        return ()
    widths = [max(len(line[place]) for line in lines) for place in range(len(heading))]
    return tuple(
        "  ".join(
            cell.rjust(width) if name in _RIGHT else cell.ljust(width)
            for cell, width, name in zip(line, widths, heading, strict=True)
        ).rstrip()
        for line in lines
    )
