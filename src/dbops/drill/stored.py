"""The schema of one stored backup, rebuilt in a throw-away server and compared: no rows, no source, minutes at most.

What this does not do: restore data (`restore.py`), or decide which backup (`dbops backup verify` does).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.backup.source import read_extensions
from dbops.connection.deadline import Deadline
from dbops.connection.workspace import workspace
from dbops.drill.compare import compare_extensions
from dbops.drill.passes import Stopwatch
from dbops.drill.rehearsal import Rehearsal
from dbops.drill.restore import inventory_of, plan_of
from dbops.model import Verdict
from dbops.storage.stored import StoredBackup, verify_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbops.backup.verify import Looked
    from dbops.drill.options import DrillOptions
    from dbops.evidence.run import Run
    from dbops.model import Progress
    from dbops.storage.stored import Unusable


def rebuild_stored_schemas(
    wanted: Iterable[StoredBackup | Unusable],
    looked: Iterable[Looked],
    run: Run,
    *,
    options: DrillOptions,
    progress: Progress | None = None,
) -> None:
    """Rebuild the schema of every backup that was found whole, each as a part of the run with a report of its own."""
    whole = {one.path for one in looked if one.verdict is Verdict.PASS}
    for stored in wanted:
        if isinstance(stored, StoredBackup) and stored.path in whole:
            with run.step(f"rebuild schema {stored.manifest.id}") as step:
                with run.part("backup verify --rebuild-schema", "backup") as part:
                    rebuild_stored_schema(stored, part, options=options, progress=progress)
                step.exit_code = part.report.exit_code
                if part.report.verdict is Verdict.FAIL:
                    step.fail()
                elif part.report.verdict is Verdict.INCONCLUSIVE:
                    step.inconclusive()
                run.attach(part.report, part.report_path)


def rebuild_stored_schema(
    stored: StoredBackup, run: Run, *, options: DrillOptions, progress: Progress | None = None
) -> None:
    """Rebuild what a backup says of its schema and add the checks to `run`.

    Raises DamageError before any parser touches a file that is not what was published.
    """
    deadline = Deadline.after(options.deadline)
    run.not_tested("rows, sequences and large objects: only the schema was rebuilt")
    with workspace() as directory:
        rehearsal = Rehearsal(run, Stopwatch(run), directory, deadline, options, progress)
        with rehearsal.watch.phase("verify hash"):
            verify_hashes(stored)
        plan = plan_of(stored, rehearsal, data=False)
        with rehearsal.rebuild(plan) as rehearsed:
            with rehearsed.copy.read(deadline.left()) as session:
                rehearsal.add(compare_extensions(plan.extensions, read_extensions(session)))
            rehearsal.compare_catalogs(plan, rehearsed, inventory_of(stored))
