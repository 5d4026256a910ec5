"""Pages carry no checksums.

## What it detects

That the cluster was made without data checksums. They are the default from PostgreSQL 18 on, and were not before.

## Why it matters

A disk, a controller or a bug of the kernel that changes a page is noticed only when the page no longer makes sense; a
changed amount does. It is copied into every backup and to every standby meanwhile, until none is left that is good.
With checksums the first read fails, loudly, while the backups are still right.

## How to fix

Stop the server cleanly and run `pg_checksums --enable --pgdata=DIRECTORY`: it rewrites every page, about as fast as the
disk writes, and the server is down meanwhile. With a standby, enable them there first (both may differ for a while),
switch over, then on the old primary. Or make a new cluster with `initdb --data-checksums`, which is what an upgrade to
a new major is an occasion for.

## What it does not see

Checksums of the storage beneath (ZFS, Btrfs, most hosted services), which do the same for what they store. Whether
pages are already damaged: `dbops drill` reads every row, and amcheck its indexes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import DurabilitySettings
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[DurabilitySettings])

_FIX = Fix(
    "-- stop the server cleanly, then as its user, and start it again:\n-- pg_checksums --enable --pgdata=DIRECTORY;",
    None,
    "The server is down while every page is rewritten.",
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield one finding where the cluster has no checksums."""
    [settings] = catalog.rows(DurabilitySettings)
    if settings.data_checksums == "off" and not settings.storage_keeps_log:
        yield Draft(
            object="data_checksums",
            detail="is off: a page that changed on disk is read as if it were right, and backed up",
            verify=statement("setting", "data_checksums"),
            fix=_FIX,
        )
