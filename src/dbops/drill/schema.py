"""`drill --depth schema`: does the schema of this database rebuild elsewhere? Safe anywhere, reads no rows.

A schema-only dump is taken from the target, its listing kept, the schema really rebuilt in a throw-away server, and the
two catalogs compared. It needs no backup, and says nothing about one: recovery objectives are *not measured*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.backup.archive import Archiver, warnings_of
from dbops.backup.inventory import read_inventory
from dbops.backup.roles import read_roles
from dbops.backup.source import as_source_info, read_extensions, read_source
from dbops.connection.binaries import find_client
from dbops.connection.deadline import Deadline
from dbops.connection.session import read_only
from dbops.connection.workspace import workspace
from dbops.drill.cast import Cast
from dbops.drill.compare import compare_extensions
from dbops.drill.ladder import tell_what_is_not_asked
from dbops.drill.needs import needs_of
from dbops.drill.objectives import rpo_not_measured, rto_not_measured
from dbops.drill.passes import Stopwatch
from dbops.drill.programs import choose_programs, major_of
from dbops.drill.recognise import Archive
from dbops.drill.rehearsal import Plan, Rehearsal, read_contents

if TYPE_CHECKING:
    from dbops.backup.inventory import Fact
    from dbops.connection.session import Session
    from dbops.connection.target import Target
    from dbops.drill.options import DrillOptions
    from dbops.evidence.run import Run
    from dbops.model import Progress

_REASON = "a schema drill restores no data; see dbops drill --depth restore"


def drill_schema(target: Target, run: Run, *, options: DrillOptions, progress: Progress | None = None) -> None:
    """Rebuild the schema of `target` in a throw-away server and tell `run` what came of it.

    Raises what connecting, dumping and starting a server raise; a schema that does not rebuild raises nothing, its
    checks fail.
    """
    deadline = Deadline.after(options.deadline)
    run.add_objective(rto_not_measured(options.rto, _REASON), rpo_not_measured(options.rpo, _REASON))
    run.not_tested("rows, sequences and large objects: a schema drill restores no data")
    if options.isolation:
        run.not_tested("whether tenants are kept apart: without rows there is nothing to try it on")
    tell_what_is_not_asked(run, options, "a schema drill restores no data")
    with workspace(run.note) as directory:
        rehearsal = Rehearsal(run, Stopwatch(run), directory, deadline, options, progress)
        with read_only(
            target, statement_timeout=None, lock_timeout=options.lock_wait, idle_timeout=None, deadline=deadline.left()
        ) as session:
            run.target = session.info()
            taken = _take(target, session, rehearsal)
        with rehearsal.rebuild(taken.plan) as rehearsed:
            with rehearsed.copy.read(deadline.left()) as session:
                rehearsal.add(compare_extensions(taken.plan.extensions, read_extensions(session)))
            rehearsal.compare_catalogs(taken.plan, rehearsed, taken.inventory)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What was taken from the target, in one snapshot."""

    plan: Plan
    inventory: list[Fact]


def _take(target: Target, session: Session, rehearsal: Rehearsal) -> _Taken:
    run, options = rehearsal.run, rehearsal.options
    with run.step("read catalog"):
        facts = read_source(session)
        source = as_source_info(session, facts)
        inventory = read_inventory(session)
        roles = read_roles(session, facts.owner)
        extensions = read_extensions(session)
    dumping = find_client(
        session.server_version,
        environ=options.environ,
        bindir=options.client_bindir,
        local=session.connection.info.host.startswith("/"),
    )
    run.add_tool(dumping.as_tool("pg_dump"))
    archive = rehearsal.directory / "schema.dump"
    with run.step("dump schema") as step:
        snapshot = session.fetch_all("select pg_catalog.pg_export_snapshot()")[0][0]
        completed = Archiver(dumping, rehearsal.directory, rehearsal.deadline).dump(
            target, archive, snapshot=snapshot, lock_wait_seconds=options.lock_wait, extra=("--schema-only",)
        )
        step.exit_code = completed.exit_code
        completed.check(hint="pg_dump locks every table, which takes SELECT on it: grant pg_read_all_data to the role")
        for warning in warnings_of(completed):
            run.note(f"pg_dump: {warning}")
    needs = needs_of(Archive(archive, "custom").contents(), extensions, source.provider)
    programs = choose_programs(major_of(source.version), dumping.major, options, needs)
    with run.step("list"):
        archiver = Archiver(programs.client, rehearsal.directory, rehearsal.deadline)
        contents = read_contents(archiver, archive, run.directory / "contents.list")
    plan = Plan(
        archive=archive,
        contents=contents,
        programs=programs,
        cast=Cast(roles),
        source=source,
        collate=facts.lc_collate,
        ctype=facts.lc_ctype,
        extensions=extensions,
        data=False,
    )
    return _Taken(plan, inventory)
