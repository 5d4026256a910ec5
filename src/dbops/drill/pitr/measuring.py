"""What a drill to a moment says of the recovery objectives: the archive as it was recovered, and the other copies.

What this does not do: recover anything, or judge a scenario (`dbops.drill.rpo.matrix`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.connection.session import read_only
from dbops.drill.objectives import PAUSED, rto_measured, rto_not_measured
from dbops.drill.pitr.waiting import Ending
from dbops.drill.recovery import surrounded
from dbops.drill.rpo.directory import base_backups
from dbops.drill.rpo.matrix import matrix
from dbops.drill.rpo.replicas import of_replicas
from dbops.drill.rpo.wal import Archived, of_archive, waits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbops.drill.pitr.base import BaseBackup
    from dbops.drill.pitr.holes import Hole, Log
    from dbops.drill.pitr.scene import Scene
    from dbops.drill.pitr.snapshots import Finished
    from dbops.drill.pitr.source import Moment
    from dbops.drill.pitr.waiting import Waited
    from dbops.drill.rpo.copies import SurvivingCopy
    from dbops.drill.rpo.wal import Waits

RTO_SCENARIO = "recovery to the last archived commit"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the drill came to: where the server stood when the archive was listed, and what a recovery had of it."""

    base: BaseBackup
    log: Log
    moment: Moment
    waited: Waited
    hole: Hole | None
    recovered: Finished | None


def measure(scene: Scene, outcome: Outcome, others: Sequence[SurvivingCopy]) -> None:
    """Tell the run its objectives; `others` are the copies beside the archive and the replicas."""
    run, options, source = scene.run, scene.options, scene.source
    with run.step("measure"):
        unarchived = source.waiting()
        recovered = outcome.recovered
        archive = of_archive(
            Archived(
                waits=_waits(outcome),
                now=outcome.moment.at,
                lost=outcome.moment.finished.lost_in(recovered) if recovered else None,
                base_ended=outcome.base.ended,
                archive_timeout=dt.timedelta(seconds=source.facts.archive_timeout_seconds),
                took=outcome.waited.took if outcome.waited.ending is Ending.ARCHIVED else None,
                broken=_broken(scene, outcome),
                base_backups=max(len(base_backups(outcome.log.listing)), 1 if options.base_backup else 0),
                unarchived=unarchived[0] if unarchived else None,
            )
        )
        with read_only(scene.target, deadline=scene.deadline.left()) as session:
            replicas = of_replicas(session)
    run.add_objective(*matrix([archive, *replicas, *others], options.rpo, options.offsite))
    if recovered:
        rto = rto_measured(scene.watch.phases, options.allowances, options.rto, RTO_SCENARIO, PAUSED)
        run.add_objective(surrounded(rto, run, scene.where.directory, source.facts.cluster_bytes))
    else:
        run.add_objective(rto_not_measured(options.rto, "what is archived was not recovered", RTO_SCENARIO))


def _waits(outcome: Outcome) -> Waits:
    """Return what the commits tell, up to the first hole."""
    log = outcome.log
    last = log.listing.last_whole(log.segments, log.first)
    if outcome.hole:
        last = min(last, log.segments.number(outcome.hole.segment) - 1)
    end = log.segments.start(last + 1)
    if end <= log.start:
        return waits((), log.listing, log.segments)
    return waits(log.reader.commits(log.frozen.directory, log.segments, log.start, end), log.listing, log.segments)


def _broken(scene: Scene, outcome: Outcome) -> str | None:
    """Return why nothing behind a point can be had, however soon it is archived."""
    if outcome.hole:
        return f"{outcome.hole.segment} {outcome.hole.detail}"
    if outcome.waited.ending is not Ending.ARCHIVED:
        return f"{outcome.waited.segment} {outcome.waited.words(scene.archive, None)}"
    return None
