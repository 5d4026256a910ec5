"""Did it run as often as it should? Gaps between the ends of runs, per database.

Counted are runs of the suite if there are any, else drills, else everything: a nightly suite must not look complete
because somebody ran an audit by hand. A run that failed did run; one that was aborted did not.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbops.evidence.records import RunFinished

if TYPE_CHECKING:
    from dbops.evidence.records import AnyRecord

_Series = tuple[str, str]  # command, and the database with its cluster


@dataclass(slots=True)
class GapFinder:
    """Collects when runs ended, record by record."""

    runs: dict[_Series, list[dt.datetime]] = field(default_factory=lambda: defaultdict(list))

    def take(self, record: AnyRecord) -> None:
        """Note the end of a run that was about a database."""
        if isinstance(record, RunFinished) and record.source:
            name = f"{record.source.database} ({record.source.system_identifier or 'cluster unknown'})"
            self.runs[record.command, name].append(dt.datetime.fromisoformat(record.at))

    def gaps(self, largest: dt.timedelta, now: dt.datetime | None) -> list[str]:
        """Return a sentence for each gap longer than `largest`, the one up to `now` included when it is given."""
        return [
            f"{command} of {database} did not run for {_hours(later - earlier)} after {earlier:%Y-%m-%d %H:%M}Z"
            for (command, database), ends in self._counted().items()
            for earlier, later in zip(ends, [*ends[1:], now or ends[-1]], strict=True)
            if later - earlier > largest
        ]

    def late(self, largest: dt.timedelta, begin: dt.datetime) -> list[str]:
        """Return a sentence for each series whose first run came more than `largest` after `begin`."""
        return [
            f"{command} of {database} did not run for {_hours(ends[0] - begin)} after {begin:%Y-%m-%d %H:%M}Z"
            for (command, database), ends in self._counted().items()
            if ends[0] - begin > largest
        ]

    def silent(self, before: GapFinder) -> list[str]:
        """Return a sentence for each series that `before` had and this one has not: nobody else would miss it."""
        return [
            f"{command} of {database} did not run at all, the last time before at {ends[-1]:%Y-%m-%d %H:%M}Z"
            for (command, database), ends in before._counted().items()
            if (command, database) not in self.runs
        ]

    def basis(self, largest: dt.timedelta) -> str:
        """Return what was counted, in one sentence."""
        counted = self._counted()
        series = ", ".join(f"{len(ends)} x {command} of {database}" for (command, database), ends in counted.items())
        return f"never more than {_hours(largest)} apart: {series}"

    def _counted(self) -> dict[_Series, list[dt.datetime]]:
        for chosen in ("suite", "drill"):
            counted = {series: ends for series, ends in self.runs.items() if series[0] == chosen}
            if counted:
                return counted
        return dict(self.runs)


def _hours(span: dt.timedelta) -> str:
    return f"{span / dt.timedelta(hours=1):.1f} h"
