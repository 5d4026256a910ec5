"""The part of a drill that the source sees: a base backup unless one is named, canaries where asked for, and a wait.

With canaries: A is committed after the backup's end, then the moment T is read from the server's clock, then B is
committed, then the segment is finished so that the archiver takes it. Without: nothing is written, and what is waited
for is the segment in which the base backup ended. What this does not do: recover.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.connection.session import read_only
from dbops.drill.pitr import answers
from dbops.drill.pitr.base import Taker, refuse_unfit
from dbops.drill.pitr.rows import finished_in, read_then, why_not
from dbops.drill.pitr.waiting import Ending, await_archived
from dbops.drill.rpo.directory import DRILL_LABEL
from dbops.errors import PrivilegeError, UnavailableError
from dbops.model import Scope
from dbops.quantities import counted

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from dbops.connection.session import Session
    from dbops.drill.pitr.base import BaseBackup
    from dbops.drill.pitr.rows import RowsThen
    from dbops.drill.pitr.scene import Scene
    from dbops.drill.pitr.source import Canary, Source
    from dbops.drill.pitr.waiting import Waited

_ARCHIVED_METHOD = "size in the archive's own listing; pg_stat_archiver is asked, and not believed"


@dataclass(frozen=True, slots=True)
class Sent:
    """The canaries, the moment between them, and the rows at that moment."""

    before: Canary
    moment: dt.datetime
    after: Canary
    rows: RowsThen | None


def take_base(scene: Scene) -> BaseBackup:
    """Take the base backup that is named, else make one, and verify it.

    Raises DamageError for one that does not verify, UnavailableError for one that does not fit, PrivilegeError.
    """
    source = scene.source
    taker = Taker(scene.programs.tools, scene.where.output, scene.deadline)
    directory = scene.options.base_backup or scene.where.base
    if scene.options.base_backup:
        refuse_unfit(directory, source.major)
        scene.run.note(f"the base backup is the one in {directory}")
    else:
        with scene.run.step("base backup"), scene.shown("base backup"):
            taker.take(scene.target, directory, f"{DRILL_LABEL} {scene.run.run_id}")
    ended = source.moment().at  # whenever it was complete, it is now
    with scene.watch.phase("verify base backup") as step, scene.shown("verify base backup"):
        files = taker.verify(directory)
        step.output = counted(files, "file")
    scene.add(answers.passed("base-backup", "pg_verifybackup", Scope(checked=files, total=files)))
    base = taker.understand(directory, ended, source.facts.limits, source.info.system_identifier or "")
    if base.timeline != source.segments.timeline:
        raise UnavailableError(
            f"the base backup is of timeline {base.timeline}, the server of {source.segments.timeline}: it was promoted"
            " in between",
            hint="take a new base backup after every promotion",
        )
    return base


def send(scene: Scene, base: BaseBackup) -> Sent:
    """Commit A, take the moment and what the tables hold then, commit B."""
    source, run_id = scene.source, scene.run.run_id
    with scene.run.step("canaries") as step:
        before = source.emit("A", run_id)
        with _snapshot(scene) as session:
            moment = _after(source, max(before.end.at, base.ended))
            after = source.emit("B", run_id)
            bucket = scene.run.clock.now().timetuple().tm_yday % 100  # every row's turn comes within a year
            rows = read_then(session, source.facts, bucket) if session else None
        step.output = f"transactions {before.xid} and {after.xid}"
    return Sent(before, moment, after, rows)


@contextlib.contextmanager
def _snapshot(scene: Scene) -> Iterator[Session | None]:
    """Open a session whose snapshot is of now, None where this role's rows say nothing."""
    if why_not(scene.source.facts):
        yield None
        return
    left = scene.deadline.left()
    with read_only(scene.target, statement_timeout=None, idle_timeout=None, deadline=left) as session:
        finished_in(session)  # the first statement takes the snapshot
        yield session


def _after(source: Source, earlier: dt.datetime) -> dt.datetime:
    """Return a moment of the server's clock that is after `earlier`, however coarse that clock is."""
    while (moment := source.moment().at) <= earlier:
        pass
    return moment


def await_archive(scene: Scene, base: BaseBackup, sent: Sent | None) -> Waited:
    """Wait until what must be archived is; with canaries that is the segment that holds the last of them."""
    source, segments = scene.source, scene.source.segments
    seconds = scene.options.archive_wait
    with scene.run.step("archive") as step, scene.shown("wait for the archiver"):
        segment = segments.name(segments.before(sent.after.end.lsn if sent else base.end))
        if sent and source.switching:
            segment = max(segment, source.switch(source.switching))
        elif sent:
            seconds += _without_switch(scene)
        waited = await_archived(source, scene.archive, segment, seconds, scene.deadline)
        said = waited.words(scene.archive, source.waiting())
        step.output = f"{segment} {said}"
    scene.add(
        answers.passed("wal-archived", _ARCHIVED_METHOD)
        if waited.ending is Ending.ARCHIVED
        else answers.failed("wal-archived", _ARCHIVED_METHOD, [(segment, said)], _MEND[waited.ending])
    )
    return waited


_MEND = {
    Ending.LYING: "let archive_command fail unless the segment is stored, and look whether it writes to this directory",
    Ending.FAILING: "the server's log says what the command answered; mended, it is tried again after a reload",
    Ending.SLOW: "see what the archiver waits for; allow more with [drill] archive_wait",
}


def _without_switch(scene: Scene) -> float:
    """Return how much longer to wait where the segment cannot be finished. Raises PrivilegeError for ever."""
    facts, user = scene.source.facts, scene.source.info.user
    if not facts.archive_timeout_seconds:
        raise PrivilegeError(
            f"the role {user} may not finish a segment, and archive_timeout is 0, so nothing else does",
            hint=f'as a superuser, in the database postgres: grant execute on function pg_switch_wal() to "{user}"',
        )
    scene.run.note("waited for archive_timeout: the role may not execute pg_switch_wal()")
    return float(facts.archive_timeout_seconds)
