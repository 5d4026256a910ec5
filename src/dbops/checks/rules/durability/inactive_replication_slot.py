"""A replication slot keeps the log for nobody.

## What it detects

Slots of the whole server that nobody reads from, with the log that they keep, and slots that were lost, or are about to
be, because they fell behind by more than `max_slot_wal_keep_size`. From PostgreSQL 17 on the server knows since when a
slot is idle, and ten minutes are let pass. A slot that keeps 10 GiB or more without a limit is an error, one that keeps
nothing an info.

## Why it matters

The server never removes a segment that a slot still asks for. A slot whose consumer has gone fills the disk, and a full
disk stops the server. It also keeps VACUUM from removing rows, so tables grow. A lost slot is the opposite: its standby
or subscriber cannot go on and has to be made anew, and mostly nobody was told.

## How to fix

Start the consumer again, or, if it will not come back, drop the slot. Dropping one whose consumer does come back costs
a new base backup or a new copy of the tables, so the statement for that is printed as a comment. Set
`max_slot_wal_keep_size` to what the disk can spare: then the slot is lost before the server is.

## What it does not see

Why the consumer is away. Temporary slots, which end with their session. On 13 to 16 a slot whose consumer has just
reconnected cannot be told from one that was left. Slots on the server's standbys: audit those too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import DurabilitySettings, ReplicationSlot
from dbops.checks.names import literal, quote
from dbops.checks.quantities import span
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.quantities import size
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[ReplicationSlot, DurabilitySettings])

# A consumer that restarts is back by then.
_GRACE_SECONDS = 600
# 640 segments: more than any restart of a consumer leaves behind, and enough to fill a small disk in a night.
_MUCH_BYTES = 10 << 30
# Below this many transactions what VACUUM cannot remove is not worth a word; it freezes rows after fifty million.
_OLD_HORIZON = 1_000_000
_MIB = 1 << 20
_LOCKS = "None. As a superuser or a role with REPLICATION; fails while the slot is in use."


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each slot that is lost, about to be, or read by nobody."""
    [settings] = catalog.rows(DurabilitySettings)
    for slot in catalog.rows(ReplicationSlot):
        if slot.status == "lost" or slot.invalidation:
            yield _lost(slot)
        elif slot.active:
            if slot.status == "unreserved":
                yield _draft(slot, f"is about to be lost: {_room(slot)}", "behind", None, None)
        elif not _expected(slot):
            yield _idle(slot, settings)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001
    """Every slot of the server."""
    count = len(catalog.rows(ReplicationSlot))
    return Scope(checked=count, total=count)


def _expected(slot: ReplicationSlot) -> bool:
    """Return whether a slot may be idle: a copy on a standby, or one whose consumer left a moment ago."""
    return slot.synchronised or (slot.idle_seconds is not None and slot.idle_seconds < _GRACE_SECONDS)


def _lost(slot: ReplicationSlot) -> Draft:
    reason = f" ({slot.invalidation})" if slot.invalidation else ""
    detail = f"is lost{reason}: its consumer cannot go on and has to be made anew"
    drop = f"select pg_catalog.pg_drop_replication_slot({literal(slot.name)});"
    return _draft(slot, detail, "lost", None, Fix(drop, _again(slot), _LOCKS))


def _again(slot: ReplicationSlot) -> str:
    """Return what makes the slot again, empty."""
    name = literal(slot.name)
    if slot.kind == "physical":
        return f"select pg_catalog.pg_create_physical_replication_slot({name});"
    made = f"select pg_catalog.pg_create_logical_replication_slot({name}, {literal(slot.plugin or '')});"
    return f"-- in the database {quote(slot.database or '')}:\n{made}"


def _idle(slot: ReplicationSlot, settings: DurabilitySettings) -> Draft:
    since = f" for {span(slot.idle_seconds)}" if slot.idle_seconds is not None else ""
    unlimited = settings.slot_limit_mb < 0
    if slot.retained is None:
        kept = "keeps nothing yet"
    else:
        limit = "without a limit" if unlimited else f"of at most {size(settings.slot_limit_mb * _MIB)}"
        kept = f"keeps {size(slot.retained)} of the log {limit}"
    if slot.status == "unreserved":
        kept += f" and is about to be lost: {_room(slot)}"
    if (slot.horizon_age or 0) >= _OLD_HORIZON:
        kept += f"; VACUUM cannot remove what {slot.horizon_age:,} transactions have deleted since"
    severity = None
    if slot.retained is None and not slot.horizon_age:
        severity = Severity.INFO
    elif unlimited and (slot.retained or 0) >= _MUCH_BYTES:
        severity = Severity.ERROR
    drop = (
        "-- only if its consumer will not come back:\n"
        f"-- select pg_catalog.pg_drop_replication_slot({literal(slot.name)});"
    )
    return _draft(slot, f"is read by nobody{since}, and {kept}", "idle", severity, Fix(drop, None, _LOCKS))


def _room(slot: ReplicationSlot) -> str:
    return (
        "it has fallen behind by more than the limit"
        if slot.safe is None or slot.safe <= 0
        else f"{size(slot.safe)} more"
    )


def _draft(slot: ReplicationSlot, detail: str, what: str, severity: Severity | None, fix: Fix | None) -> Draft:
    kind = f"logical slot of {quote(slot.database)}" if slot.database else f"{slot.kind} slot"
    return Draft(
        object=quote(slot.name),
        detail=f"{kind}, {detail}",
        signature=(slot.kind, what),
        severity=severity,
        verify=statement("replication_slot", quote(slot.name)),
        fix=fix,
    )
