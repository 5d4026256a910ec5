"""The verify ladder of a restore drill: what is held against what the backup recorded, rung by rung.

The order: the first answer of the copy (that is when it could take over, so it is timed); then its pages and indexes,
and beside that the rows of every table, sequences, large objects, materialized views, extensions; the catalog; what the
application asks; and at last whether the detectors used above would have seen a difference. Every rung says how much of
what there is it looked at. Nothing here runs as superuser. What this does not do: restore, or judge the whole.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.backup.background import Background
from dbops.backup.counting import read_sequences
from dbops.backup.digests import PAGE, coverage, read_rows, same_readings
from dbops.backup.large_objects import LargeObjects, same_large_objects
from dbops.backup.source import read_extensions, read_materialized_views, read_tables
from dbops.drill.amcheck import Amcheck
from dbops.drill.compare import (
    compare_counts,
    compare_digests,
    compare_extensions,
    compare_large_objects,
    compare_materialized_views,
    compare_sequences,
)
from dbops.drill.control import control
from dbops.drill.controls import controls_beside
from dbops.drill.probes import Outcome, ask
from dbops.drill.probes import judge as judge_probes
from dbops.drill.settle import sessions, share_out
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbops.backup.digests import Reading
    from dbops.backup.inventory import Fact
    from dbops.drill.options import DrillOptions
    from dbops.drill.rehearsal import Plan, Rehearsal, Rehearsed
    from dbops.evidence.run import Run
    from dbops.model import BackupManifest, Check, TableCount


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the backup says of its source."""

    manifest: BackupManifest
    inventory: list[Fact]


def tell_what_is_not_asked(run: Run, options: DrillOptions, why: str) -> None:
    """Say what was asked for and a drill of another kind does not do: silence would look as if it had passed."""
    if options.probes:
        run.not_tested(f"the {counted(len(options.probes), 'declared probe')}: {why}")
    if options.fixes:
        run.not_tested(f"the fixes of the audit: {why}")


def first_answer(rehearsal: Rehearsal, rehearsed: Rehearsed, manifest: BackupManifest) -> None:
    """Ask the copy what the application would, or else read a row; until it answers, the time counts as recovery."""
    if not rehearsal.options.probes:
        with rehearsal.watch.phase("first query"):
            _read_one_row(rehearsed, manifest)
        return
    outcomes: list[Outcome] = []
    asked = ask(rehearsed.copy, rehearsal.options.probes, manifest.snapshot_at, rehearsal.deadline.left())
    with contextlib.closing(asked):
        with rehearsal.watch.phase("first probe") as step:
            outcomes += _until_one_holds(asked)
            if not outcomes[-1].holds:
                step.inconclusive()
        with rehearsal.run.step("other probes"):
            outcomes += asked
    rehearsal.add(judge_probes(outcomes))


def _until_one_holds(asked: Iterable[Outcome]) -> Iterator[Outcome]:
    for outcome in asked:
        yield outcome
        if outcome.holds:
            return


def climb(rehearsal: Rehearsal, rehearsed: Rehearsed, plan: Plan, recorded: Recorded) -> None:
    """Add the checks of every rung to the run."""
    amcheck = Amcheck(rehearsal, rehearsed.copy, plan.programs)
    beside = controls_beside(rehearsal, rehearsed, plan)
    with Background(amcheck.look, cancel=amcheck.cancel) as looking, beside:
        rehearsal.add(*_compare(rehearsal, rehearsed, recorded.manifest))
        rehearsal.compare_catalogs(plan, rehearsed, recorded.inventory)
        rehearsal.add(looking.result())
        # Only now: what it changes, if only for a moment, nobody else may be looking at.
        rehearsal.add(control(rehearsal, rehearsed, plan, beside))
    _tell_what_was_not_read(rehearsal, recorded.manifest)


def _read_one_row(rehearsed: Rehearsed, manifest: BackupManifest) -> None:
    """Read one row of the largest table."""
    tables = sorted(manifest.tables, key=lambda one: one.rows or 0, reverse=True)
    with rehearsed.copy.read() as session:
        there = {(one.schema, one.name) for one in read_tables(session)}
        found = next((one for one in tables if (one.schema_, one.name) in there), None)
        if found is None:
            session.fetch_all("select 1")
        else:
            name = sql.Identifier(found.schema_, found.name)
            session.fetch_all(sql.SQL("select exists (select from only {} limit 1)").format(name))


def _compare(rehearsal: Rehearsal, rehearsed: Rehearsed, manifest: BackupManifest) -> list[Check]:
    run = rehearsal.run
    with rehearsed.copy.read(rehearsal.deadline.left()) as session:
        tables = read_tables(session)
        with run.step("compare rows") as step:
            found = _read_rows(
                rehearsal, rehearsed, same_readings(manifest.tables, (one for one in tables if one.kind == "r"))
            )
            read = coverage(found)
            step.output = (
                f"{read.checked:,} of {counted(read.total, 'row')} of {counted(len(found), 'table')} in digests"
            )
        with run.step("compare sequences"):
            sequences = read_sequences(session, tables)
        with run.step("compare large objects"):
            large_objects = same_large_objects(session, manifest.large_object_digest)
        with run.step("compare materialized views"):
            views = read_rows(session, same_readings(manifest.materialized_views, read_materialized_views(session)))
        extensions = read_extensions(session)
    return [
        compare_counts(manifest.tables, found),
        compare_digests(manifest.tables, found),
        compare_sequences(manifest.sequences, sequences),
        compare_large_objects(LargeObjects(manifest.large_objects, manifest.large_object_digest), large_objects),
        compare_materialized_views(manifest.materialized_views, views),
        compare_extensions(manifest.extensions, extensions),
    ]


def _read_rows(rehearsal: Rehearsal, rehearsed: Rehearsed, readings: list[Reading]) -> list[TableCount]:
    """Return what the rows are, read in as many sessions as there are jobs: nobody writes to the copy meanwhile."""
    number = sessions(rehearsal.options.jobs, sum(one.table.pages for one in readings) * PAGE)
    shares = share_out(sorted(readings, key=lambda one: -one.table.pages), number, lambda one: one.table.pages)
    found: list[TableCount] = []

    def read(share: list[Reading]) -> list[TableCount]:
        with rehearsed.copy.read(rehearsal.deadline.left()) as session:
            return read_rows(session, share)

    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(Background(partial(read, share), cancel=lambda: None)) for share in shares[1:]]
        found += read(shares[0])
        for other in others:
            found += other.result()
    return found


def _tell_what_was_not_read(rehearsal: Rehearsal, manifest: BackupManifest) -> None:
    run, read = rehearsal.run, coverage(manifest.tables)
    if read.checked < read.total:
        run.not_tested(
            f"the values of {read.total - read.checked:,} of {counted(read.total, 'row')}: only their number"
            " was compared"
        )
    if manifest.large_objects and not manifest.large_object_digest:
        run.not_tested(f"what is in {counted(manifest.large_objects, 'large object')}")
    views = int(manifest.settings.get("materializedViews", "0")) - len(manifest.materialized_views)
    if views > 0:
        run.not_tested(
            f"the rows of {counted(views, 'materialized view')}: not populated at the source, or not read there"
        )
