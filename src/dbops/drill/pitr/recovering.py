"""The part of a drill that the source does not see: holes looked for, two recoveries, holes made on purpose.

What this does not do: reach the source, but for what its base backup and its frozen archive hold.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dbops.drill.pitr import answers, control
from dbops.drill.pitr.recovery import Goal, NotReachedError, RecoveredServer
from dbops.drill.pitr.rows import compare_then, not_compared, why_not
from dbops.drill.pitr.wal import format_lsn
from dbops.model import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbops.drill.pitr.archive import Listing
    from dbops.drill.pitr.base import BaseBackup
    from dbops.drill.pitr.holes import Hole, Log
    from dbops.drill.pitr.scene import Scene
    from dbops.drill.pitr.sending import Sent
    from dbops.drill.pitr.snapshots import Finished
    from dbops.drill.pitr.source import Canary
    from dbops.model import Check


def look_for_holes(scene: Scene, log: Log, required: int) -> Hole | None:
    """Return the first hole up to the segment `required`, and add the check."""
    method = "names, sizes, first pages, then every record with pg_waldump"
    with scene.run.step("look for holes") as step:
        hole = log.find_hole(log.segments.start(required + 1))
        step.output = f"{hole.segment} {hole.detail}" if hole else f"none up to {log.segments.name(required)}"
    total = required - log.first + 1
    if hole is None:
        scene.add(answers.passed("wal-complete", method, Scope(checked=total, total=total)))
        return None
    remedy = "take a new base backup at once, what is behind the hole is lost until then; then find out why"
    wrong = [(hole.segment, hole.detail)]
    scene.add(answers.failed("wal-complete", f"{method}; found by: {hole.question}", wrong, remedy))
    return hole


def newest_record(scene: Scene, log: Log, required: int) -> int | None:
    """Return where the newest record begins that is archived whole."""
    with scene.run.step("find the newest record") as step:
        end = log.segments.start(required + 1)
        newest = log.reader.last_record(log.frozen.directory, log.segments, log.start, end)
        step.output = format_lsn(newest) if newest else "none"
    return newest


def _server(scene: Scene, base: BaseBackup, log: Log, goal: Goal, *, durable: bool) -> RecoveredServer:
    return RecoveredServer(
        scene.programs.servers, base, log.frozen.directory, goal, scene.target, scene.deadline, durable=durable
    )


def recover_to_time(scene: Scene, base: BaseBackup, log: Log, sent: Sent) -> None:
    """Recover to the moment between the canaries, and compare the rows with those of that moment."""
    goal = Goal.to_time(sent.moment, base)
    name, method = "recovered-to-time", f"paused at {goal.words}; pg_xact_status of A and B"
    try:
        with (
            scene.run.step("recover to a time"),
            scene.shown("recover to a time"),
            _server(scene, base, log, goal, durable=False) as copy,
        ):
            copy.await_paused()
            wrong = _expected(copy, has=[sent.before], lacks=[sent.after])
            if sent.rows:
                compared = compare_then(sent.rows, copy.reader, scene.deadline.left())
            else:
                compared = not_compared(why_not(scene.source.facts) or "they were not read")
    except NotReachedError as error:
        scene.add(answers.failed(name, method, [(goal.words, error.message)], error.hint))
        return
    both = Scope(checked=2, total=2)
    scene.add(answers.failed(name, method, wrong) if wrong else answers.passed(name, method, both), *compared)


def recover_to_tip(  # noqa: PLR0913  (the last two by name)
    scene: Scene, base: BaseBackup, log: Log, newest: int, *, has: Sequence[Canary], lacks: Sequence[Canary]
) -> Finished | None:
    """Recover to the newest archived record; return which transactions are finished there, None where it failed."""
    goal = Goal.to_position(newest)
    name, method = "recovered-to-tip", f"paused at {goal.words}, the newest archived record"
    try:
        with scene.shown("recover to the newest record"), contextlib.ExitStack() as stack:
            with scene.watch.phase("recover to the newest record"):
                copy = stack.enter_context(_server(scene, base, log, goal, durable=True))
                copy.await_paused()
            with scene.watch.phase("first query"):
                replayed, finished = copy.replayed()
            wrong = _expected(copy, has=has, lacks=lacks)
    except NotReachedError as error:
        scene.add(answers.failed(name, method, [(goal.words, error.message)], error.hint))
        return None
    if replayed < newest:
        wrong.append((goal.words, f"replay came to {format_lsn(replayed)} only"))
    number = len(has) + len(lacks)
    scope = Scope(checked=number, total=number) if number else None
    scene.add(answers.failed(name, method, wrong) if wrong else answers.passed(name, method, scope))
    return finished


def _expected(copy: RecoveredServer, has: Sequence[Canary], lacks: Sequence[Canary]) -> list[tuple[str, str]]:
    """Return what is not as it must be, as object and detail."""
    missing = [one for one in has if not copy.has(one.xid)]
    surplus = [one for one in lacks if copy.has(one.xid)]
    return [
        *((f"canary {one.name}", f"transaction {one.xid} is not there and must be") for one in missing),
        *((f"canary {one.name}", f"transaction {one.xid} is there and must not be") for one in surplus),
    ]


def find_known_holes(scene: Scene, log: Log, newest: int) -> Check:
    """Return the check that holes made on purpose are found."""
    with scene.run.step("known holes") as step:
        missed, tried = control.holes_missed(log, newest, scene.where)
        step.output = f"{tried - len(missed)} of {tried} found"
    method = "the newest segment removed, cut short, its newest record overwritten; in copies of the frozen archive"
    if missed:
        return answers.undecided("wal-control", f"not found: {', '.join(missed)}")
    return answers.passed("wal-control", method, Scope(checked=tried, total=tried))


def look_at_timelines(listing: Listing, timeline: int) -> Check:
    """Return the check that nobody who was promoted archives here."""
    later = listing.later_timelines(timeline)
    method = "names in the archive"
    if not later:
        return answers.passed("wal-timeline", method)
    detail = f"is of a later timeline than the server's, which is {timeline}"
    remedy = "find out which server was promoted and archives here, stop it, and move its files away"
    return answers.failed("wal-timeline", method, [(name, detail) for name in later], remedy)
