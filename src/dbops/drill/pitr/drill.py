"""`drill --depth pitr`: a base backup and the archived log brought back to a moment, and to the last archived commit.

The order: base backup, verified; canaries A, then the moment T, then B, where they are asked for; the segment finished
and waited for; the archive listed and frozen; holes looked for; recovered to T and, from the backup again, to its
newest record; holes made on purpose, which must be found; the archive compared with what it was; the objectives.
Without canaries nothing is written: what is archived already is recovered, and no moment is proven. What this does not
do: promote, keep the base backup, or write anything where the source could see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.connection.deadline import Deadline
from dbops.drill.ladder import tell_what_is_not_asked
from dbops.drill.objectives import rto_not_measured
from dbops.drill.passes import Stopwatch
from dbops.drill.pitr import answers, recovering, sending
from dbops.drill.pitr.archive import changed, freeze, list_archive
from dbops.drill.pitr.holes import Log, Reader
from dbops.drill.pitr.measuring import RTO_SCENARIO, Outcome, measure
from dbops.drill.pitr.place import place
from dbops.drill.pitr.scene import Scene, choose_programs
from dbops.drill.pitr.source import open_source
from dbops.drill.pitr.wal import format_lsn, timeline_of_history
from dbops.drill.rpo.copies import Kind
from dbops.drill.rpo.dumps import of_dumps
from dbops.drill.rpo.wal import NAME
from dbops.errors import DamageError, DbopsError, UsageError
from dbops.files import write_new
from dbops.model import CheckStatus, Scope, Verdict
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbops.connection.target import Target
    from dbops.drill.options import DrillOptions
    from dbops.drill.pitr.archive import Listing
    from dbops.drill.pitr.base import BaseBackup
    from dbops.drill.pitr.wal import Segments
    from dbops.drill.rpo.copies import SurvivingCopy
    from dbops.evidence.run import Run
    from dbops.model import BackupManifest, Check, Progress


def drill_pitr(
    target: Target,
    run: Run,
    *,
    options: DrillOptions,
    history: Sequence[BackupManifest] = (),
    progress: Progress | None = None,
) -> None:
    """Recover `target` to a moment in throw-away servers and tell `run` what came of it.

    `history` are the published dumps of this database, for the objectives. Raises UsageError without an archive,
    UnavailableError and its children where the drill cannot be carried out, DamageError for a base backup that does not
    verify. What could not be recovered raises nothing, its checks fail.
    """
    if options.wal_archive is None:
        raise UsageError("depth pitr needs the directory that WAL is archived to", hint="name it: --wal-archive DIR")
    run.restorability = Verdict.INCONCLUSIVE
    tell_what_is_not_asked(
        run, options, "a drill to a moment reads its copy while that is paused; --depth restore asks them"
    )
    deadline = Deadline.after(options.deadline)
    dumps = [*of_dumps(history, run.clock.now()), *_others(options.copies or ())]
    try:
        with place() as where, open_source(target, deadline.left(), takes_base=options.base_backup is None) as source:
            run.target = source.info
            scene = Scene(
                run=run,
                watch=Stopwatch(run),
                options=options,
                target=target,
                source=source,
                archive=options.wal_archive,
                where=where,
                programs=choose_programs(source, where, options, run),
                deadline=deadline,
                progress=progress,
            )
            measure(scene, _drill(scene), dumps)
    except DbopsError as error:
        if isinstance(error, DamageError):
            run.restorability = Verdict.FAIL
        run.add_objective(rto_not_measured(options.rto, "the recovery did not come to its end", RTO_SCENARIO))
        raise


def _drill(scene: Scene) -> Outcome:
    source, run, canary = scene.source, scene.run, scene.options.canary
    _say(scene)
    before = list_archive(scene.archive)
    base = sending.take_base(scene)
    sent = sending.send(scene, base) if canary else None
    waited = sending.await_archive(scene, base, sent)
    claimed = source.archiver().last_archived
    listing = list_archive(scene.archive)
    # Committed after the listing, so it cannot be in it: a recovery must lack it, and the loss measured must not be 0.
    late = source.emit("after the archive was listed", run.run_id) if canary else None
    moment = source.moment()
    log = _freeze(scene, listing, base)
    required = _required(log, waited.segment, claimed)
    hole = recovering.look_for_holes(scene, log, required)
    scene.add(recovering.look_at_timelines(listing, base.timeline))
    newest = None if hole else recovering.newest_record(scene, log, required)
    recovered = None
    if newest is not None:
        if sent:
            recovering.recover_to_time(scene, base, log, sent)
        has = [sent.before, sent.after] if sent else []
        recovered = recovering.recover_to_tip(scene, base, log, newest, has=has, lacks=[late] if late else [])
        scene.add(recovering.find_known_holes(scene, log, newest))
    scene.add(_untouched([before, listing], list_archive(scene.archive), log.segments, log.first))
    run.restorability = _restorability(scene, recovered=recovered is not None)
    return Outcome(base, log, moment, waited, hole, recovered)


def _others(copies: Sequence[SurvivingCopy]) -> list[SurvivingCopy]:
    """Return the copies that this drill does not measure itself: it asks the replicas again, and reads the archive."""
    return [one for one in copies if one.kind is not Kind.REPLICA and one.name != NAME]


def _restorability(scene: Scene, *, recovered: bool) -> Verdict:
    if scene.ended(CheckStatus.FAIL):
        return Verdict.FAIL
    return Verdict.PASS if recovered and not scene.ended(CheckStatus.ERROR) else Verdict.INCONCLUSIVE


def _say(scene: Scene) -> None:
    """Say what is written to the server, and what this drill leaves out."""
    run = scene.run
    if scene.options.canary:
        run.note(
            "canaries: three commits of one log message each are sent to the server (pg_logical_emit_message, prefix"
            " dbops), and a segment is finished early where the role may; no table is written"
        )
    else:
        made = "" if scene.options.base_backup else "; its base backup makes a checkpoint, as every one does"
        run.note(f"nothing is written to the server: no canaries{made}")
        run.not_tested("recovery to a time: that takes commits that are known, which --canary sends")
    run.not_tested("opening the recovered copy for writes: it is read while it is paused, and never promoted")


def _freeze(scene: Scene, listing: Listing, base: BaseBackup) -> Log:
    source = scene.source
    segments = source.segments
    first = segments.name(segments.holding(base.start))
    with scene.run.step("freeze the archive") as step:
        wanted = [name for name in sorted(listing.entries) if _is_needed(name, segments, first)]
        if listing.device != scene.where.directory.stat().st_dev:  # then it is copied, not linked
            scene.where.check_room(sum(listing.entries[name].bytes for name in wanted), "the archived log")
        frozen = freeze(listing, wanted, scene.where.frozen("frozen"), scene.where.user)
        step.output = f"{counted(len(frozen.entries), 'file')} from {first} on"
    _keep_list(scene, frozen, base)
    reader = Reader(scene.programs.tools, scene.where.output, scene.deadline)
    return Log(listing, frozen, segments, base.start, int(source.info.system_identifier or 0), reader)


def _keep_list(scene: Scene, frozen: Listing, base: BaseBackup) -> None:
    """Keep with the report what the recoveries started from: the base backup's range, and every file of the archive."""
    lines = [
        f"# base backup {format_lsn(base.start)} to {format_lsn(base.end)}, timeline {base.timeline}",
        *(f"{one.name}\t{one.bytes}" for _, one in sorted(frozen.entries.items())),
    ]
    write_new(scene.run.directory / "archive.list", "".join(f"{line}\n" for line in lines).encode())


def _is_needed(name: str, segments: Segments, first: str) -> bool:
    return (segments.mine(name) and name >= first) or timeline_of_history(name) is not None


def _required(log: Log, segment: str, claimed: str | None) -> int:
    """Return the number of the newest segment that must be there: waited for, claimed, or there already."""
    segments = log.segments
    whole = {name for name, one in log.listing.entries.items() if segments.mine(name) and one.bytes == segments.size}
    last = (claimed or "")[:24]  # it may be the label of a backup
    return max(segments.number(name) for name in {segment, *whole, *([last] if segments.mine(last) else [])})


def _untouched(earlier: Sequence[Listing], now: Listing, segments: Segments, first: int) -> Check:
    name, method = "archive-untouched", "names, sizes, times and inodes, before and after"
    wrong = dict.fromkeys(text for listing in earlier for text in changed(listing, now, segments, first))
    if wrong:
        return answers.failed(name, method, [(str(now.directory), text) for text in wrong])
    number = len(earlier[-1].entries)
    return answers.passed(name, method, Scope(checked=number, total=number))
