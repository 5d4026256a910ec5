"""The backups of a store as rows of a table: when, how large, how fast, and what later runs have said about them.

Values only; a face draws them. What this does not do: read a dump.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.storage.attested import Standing, attestations, standings
from dbops.storage.holds import held

if TYPE_CHECKING:
    from dbops.storage.store import Store
    from dbops.storage.stored import StoredBackup


@dataclass(frozen=True, slots=True)
class Entry:
    """One backup. `bytes` is its dump, `source_bytes` was its database (None: not recorded); `change` is in percent.

    `change` compares with the backup before of the same database, None for the first.
    """

    stored: StoredBackup
    standing: Standing
    held: str | None
    source_bytes: int | None
    change: int | None

    @property
    def id(self) -> str:
        """The backup's id."""
        return self.stored.manifest.id

    @property
    def database(self) -> str:
        """The database's name."""
        return self.stored.manifest.source.database

    @property
    def snapshot_at(self) -> dt.datetime:
        """The moment that a restore goes back to."""
        return self.stored.manifest.snapshot_at

    @property
    def bytes(self) -> int:
        """How large the dump is."""
        return self.stored.bytes

    @property
    def duration(self) -> dt.timedelta:
        """From the snapshot to the published backup."""
        return max(self.stored.manifest.published_at - self.snapshot_at, dt.timedelta(0))

    @property
    def rate(self) -> int | None:
        """Bytes of the database backed up per second, reading back included; None where its size is not recorded."""
        seconds = self.duration.total_seconds()
        return round(self.source_bytes / seconds) if self.source_bytes is not None and seconds > 0 else None

    def age(self, now: dt.datetime) -> dt.timedelta:
        """Return how far back a restore would go."""
        return max(now - self.snapshot_at, dt.timedelta(0))


def entries(store: Store) -> tuple[Entry, ...]:
    """Return every backup that can be used, newest first."""
    known = standings(attestations(store))
    before: dict[tuple[str, str], int] = {}
    found = []
    for stored in reversed(store.backups()):
        source = stored.manifest.source
        identity = (source.system_identifier, source.database)
        recorded = stored.manifest.settings.get("databaseBytes", "")
        last = before.get(identity)
        found.append(
            Entry(
                stored=stored,
                standing=known.get(stored.manifest.id, Standing()),
                held=held(stored),
                source_bytes=int(recorded) if recorded.isdecimal() else None,
                change=round(100 * (stored.bytes - last) / last) if last else None,
            )
        )
        before[identity] = stored.bytes
    return tuple(reversed(found))
