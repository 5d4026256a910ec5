"""What rules about vacuum and analyze share: whether the counters can be trusted, and who holds vacuum back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import Horizon, VacuumSettings
from dbops.checks.names import quote
from dbops.checks.quantities import DAY_SECONDS
from dbops.checks.rule import RuleSkippedError

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog

# What a snapshot open for an hour, or a slot left behind by a million transactions, keeps is no longer passing traffic.
LONG_SECONDS = 3600
LONG_TRANSACTIONS = 1_000_000
_SHOWN = 3


def require_counts(catalog: Catalog) -> VacuumSettings:
    """Return autovacuum's settings; RuleSkippedError where nobody counts the rows that it goes by."""
    if catalog.server.in_recovery:
        raise RuleSkippedError("a standby does not count changed rows", hint="ask the primary")
    [settings] = catalog.rows(VacuumSettings)
    if not settings.counts:
        raise RuleSkippedError(
            "track_counts is off: nobody counts changed rows, and autovacuum has nothing to go by",
            hint="alter system set track_counts = on; select pg_catalog.pg_reload_conf();",
        )
    return settings


def held_back_said(catalog: Catalog) -> str:
    """Return who has kept dead rows from being removed for long, empty if nobody."""
    holders = [
        f"the {row.kind} {quote(row.name)}"
        for row in catalog.rows_if_readable(Horizon)
        if (row.seconds or 0) >= LONG_SECONDS or (row.transactions or 0) >= LONG_TRANSACTIONS
    ]
    return f"; no vacuum removes what {' and '.join(holders[:_SHOWN])} may still look at" if holders else ""


def days_said(seconds: int | None) -> str:
    """Return how long ago something was, in days; empty for today."""
    days = (seconds or 0) // DAY_SECONDS
    return f" {days} days ago" if days > 1 else ""
