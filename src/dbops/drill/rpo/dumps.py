"""Published dumps as a copy: a restore goes back to the snapshot of the newest, and to nothing after it.

Exposure runs from the snapshot of a dump until the next one is published, by what the manifests say; the times of files
say when something was copied, not what is in it. Nothing in a history guarantees when the next dump is taken, so dumps
can miss an objective and never meet it. What this does not do: find or verify dumps.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from dbops.drill.rpo.copies import Kind, SurvivingCopy

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from dbops.model import BackupManifest

REMEDY = (
    "archive WAL (archive_mode = on, an archive_command, archive_timeout below the objective) with a base backup, or"
    " take dumps more often than the objective"
)


def of_dumps(history: Sequence[BackupManifest], now: dt.datetime) -> list[SurvivingCopy]:
    """Return the published dumps of one database (oldest first) as a copy; none where there is none."""
    if not history:
        return []
    newest = history[-1]
    exposure = max(now - newest.snapshot_at, now - now)
    gaps = [later.published_at - earlier.snapshot_at for earlier, later in pairwise(history)]
    return [
        SurvivingCopy(
            kind=Kind.DUMPS,
            name="published dumps",
            method="from the snapshot of each dump to the next one published, by their manifests",
            now=exposure,
            worst=max([exposure, *gaps]),
            doubt="they kept within the objective so far, and nothing measured guarantees when the next is taken",
            remedy=REMEDY,
            inputs={"backups": len(history), "newest": newest.id},
        )
    ]


def of_settings(newest: BackupManifest) -> list[SurvivingCopy]:
    """Return what the source itself had when a dump was made, as copies that nobody has looked at."""
    found = []
    if newest.settings.get("archiveMode") != "off":
        found.append(
            SurvivingCopy(
                kind=Kind.WAL,
                name="WAL archive",
                method="not looked at",
                doubt="the source archives WAL; how far that brings it back, dbops drill --depth pitr measures",
                inputs={"archive_mode": newest.settings.get("archiveMode")},
            )
        )
    if newest.settings.get("walSenders") != "0":
        found.append(
            SurvivingCopy(
                kind=Kind.REPLICA,
                name="replicas",
                method="not looked at",
                doubt="the source fed them when the backup was made; how they stand was not looked at",
            )
        )
    return found
