"""Which backups may go: a plan first, made of values; then, under the lock, what the plan says and nothing else.

Rules, in order:

1. Nothing goes unless `keep_last` or `keep_for` says so; a backup that either of them keeps stays.
2. The newest `keep_min` stay, held ones stay, and the newest that a drill restored whole stays, however old it is.
3. Only what a manifest vouches for is looked at, counted or removed: a damaged backup is for a person to judge. So one
   that the last verification found damaged stays, and is none of the newest: it must not push out the last whole one.
4. Nothing goes when the clock cannot be believed (a backup from the future), or when more than a set share would go at
   once: then a setting, a clock or a disk is wrong, and a person should see it first.

What this does not do: run before a new backup is published.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from dbops.errors import UnavailableError
from dbops.quantities import counted, size
from dbops.storage.attested import Standing, attestations, standings
from dbops.storage.holds import held
from dbops.storage.stored import database_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dbops.evidence.run import Run
    from dbops.settings import BackupTable
    from dbops.storage.store import Store
    from dbops.storage.stored import StoredBackup

# Clocks of machines that share a store may differ by this much.
_CLOCKS_DIFFER = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Policy:
    """How many to keep, and for how long; `max_share` is in percent of the backups of one database."""

    keep_min: int = 3
    keep_last: int | None = None
    keep_for: dt.timedelta | None = None
    max_share: int = 50

    @classmethod
    def from_settings(cls, table: BackupTable, *, max_share: int = 50) -> Self:
        """Return what `[backup]` says."""
        return cls(table.keep_min, table.keep_last, table.keep_for, max_share)

    @property
    def removes(self) -> bool:
        """Whether it ever removes anything."""
        return self.keep_last is not None or self.keep_for is not None


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one backup, and why; `stays` None: it goes."""

    stored: StoredBackup
    stays: str | None

    def words(self) -> str:
        """Return it in one line."""
        what = f"keep {self.stored.manifest.id}" if self.stays else f"remove {self.stored.manifest.id}"
        source = self.stored.manifest.source.database
        return f"{what} of {source}, {self.stored.manifest.snapshot_at:%Y-%m-%d %H:%M} UTC: {self.stays or 'not kept'}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen to the backups of one database, newest first; `refused` says why nothing may."""

    decisions: tuple[Decision, ...]
    refused: str | None = None

    @property
    def goes(self) -> tuple[StoredBackup, ...]:
        """What is to be removed, oldest first."""
        return () if self.refused else tuple(one.stored for one in reversed(self.decisions) if one.stays is None)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What has been removed, and what was refused."""

    plans: tuple[Plan, ...]
    removed: list[StoredBackup] = field(default_factory=list)

    @property
    def refusals(self) -> list[str]:
        """Why nothing was removed of some databases."""
        return [plan.refused for plan in self.plans if plan.refused]

    def check(self) -> None:
        """Raise UnavailableError when anything was refused."""
        if self.refusals:
            raise UnavailableError(
                "; ".join(self.refusals),
                hint="look at the list and the clock; where that many are meant to go: dbops backup prune --max-share",
            )


def make_plan(
    backups: Iterable[StoredBackup],
    policy: Policy,
    now: dt.datetime,
    *,
    known: Mapping[str, Standing],
    holds: Mapping[str, str],
) -> Plan:
    """Decide about the backups of one database; `known` and `holds` are by backup id."""
    newest_first = sorted(backups, key=lambda one: (one.manifest.snapshot_at, one.manifest.id), reverse=True)
    damaged = {one.manifest.id for one in newest_first if known.get(one.manifest.id, Standing()).damaged}
    sound = [one for one in newest_first if one.manifest.id not in damaged]
    drilled = next((one for one in sound if known.get(one.manifest.id, Standing()).drilled_good), None)
    places = {one.manifest.id: place for place, one in enumerate(sound)}
    decisions = []
    for one in newest_first:
        place = places.get(one.manifest.id)
        reason = "damaged, as verified: look at it" if place is None else _reason(one, place, policy, now)
        if one is drilled:
            reason = "the newest that a drill restored whole"
        if one.manifest.id in holds:
            reason = f"held: {holds[one.manifest.id]}"
        decisions.append(Decision(one, reason))
    return Plan(tuple(decisions), _refusal(decisions, policy, now))


def _reason(one: StoredBackup, place: int, policy: Policy, now: dt.datetime) -> str | None:
    if not policy.removes:
        return "neither keep_last nor keep_for is set"
    if place < policy.keep_min:
        return f"one of the newest {policy.keep_min} (keep_min)"
    if policy.keep_last is not None and place < policy.keep_last:
        return f"one of the newest {policy.keep_last} (keep_last)"
    if policy.keep_for is not None and now - one.manifest.snapshot_at <= policy.keep_for:
        return "young enough (keep_for)"
    return None


def _refusal(decisions: list[Decision], policy: Policy, now: dt.datetime) -> str | None:
    going = [one for one in decisions if one.stays is None]
    if not going:
        return None
    newest = decisions[0].stored
    name = newest.manifest.source.database
    latest = max(one.stored.manifest.published_at for one in decisions)
    if latest > now + _CLOCKS_DIFFER:
        return (
            f"nothing of {name} is removed: a backup says {latest:%Y-%m-%d %H:%M} UTC, and the clock here"
            f" {now:%Y-%m-%d %H:%M} UTC; one of them went wrong"
        )
    share = 100 * len(going) // len(decisions)
    # The usual night removes one; where there are few, that is a large share and no surprise.
    if len(going) > 1 and share > policy.max_share:
        return (
            f"nothing of {name} is removed: {len(going)} of {counted(len(decisions), 'backup')} would go at"
            f" once ({share} %), and"
            f" {policy.max_share} % is the most that may"
        )
    return None


def plan_store(
    store: Store, policy: Policy, now: dt.datetime, *, only: tuple[str, str] | None = None
) -> tuple[Plan, ...]:
    """Plan for every database in a store, or for `only` one: (system identifier, name)."""
    by_database: dict[tuple[str, str], list[StoredBackup]] = defaultdict(list)
    for stored in store.backups():
        source = stored.manifest.source
        by_database[source.system_identifier, source.database].append(stored)
    known = standings(attestations(store))
    plans = []
    for identity, backups in sorted(by_database.items()):
        if only in {None, identity}:
            holds = {one.manifest.id: reason for one in backups if (reason := held(one)) is not None}
            plans.append(make_plan(backups, policy, now, known=known, holds=holds))
    return tuple(plans)


def prune(
    store: Store, policy: Policy, run: Run, *, dry_run: bool = False, only: tuple[str, str] | None = None
) -> Pruned:
    """Remove what no rule keeps and return what went; with `dry_run` nothing does.

    Raises LockedError when a backup of a database with something to remove is being made, UnavailableError when a
    file cannot be removed. A refusal is in what is returned, and in the run's notes.
    """
    pruned = Pruned(plan_store(store, policy, run.clock.now(), only=only))
    for refusal in pruned.refusals:
        run.note(refusal)
    for plan in pruned.plans:
        for stored in plan.goes:
            run.note(f"{'would remove' if dry_run else 'removed'} {stored.name} ({size(stored.bytes)})")
            if not dry_run:
                _remove(store, stored, run)
                pruned.removed.append(stored)
    return pruned


def _remove(store: Store, stored: StoredBackup, run: Run) -> None:
    source = stored.manifest.source
    key = database_key(source.system_identifier, source.database)
    with store.lock(key, holder=f"prune {run.run_id}"), run.step(f"remove {stored.manifest.id}") as step:
        # It may have been held since the plan was made.
        if (reason := held(stored)) is not None:
            raise UnavailableError(f"{stored.manifest.id} is held now: {reason}")
        step.output = f"{stored.bytes} bytes"
        store.remove(stored)
