"""`drill --artifact`: an archive from anywhere, restored with its data; nothing is known of it but what it says itself.

The order: recognise it by its bytes, hash it, read its table of contents, choose programs that can take it, restore it
as every backup is restored (no text of it runs as superuser), and hold the copy against that table of contents. No
database is needed. What this does not do: say that the rows are those of the source. Nothing was recorded beside the
archive, and the report says what that leaves untested.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.backup.archive import Archiver
from dbops.backup.source import read_tables
from dbops.connection.deadline import Deadline
from dbops.connection.workspace import workspace
from dbops.drill.amcheck import Amcheck
from dbops.drill.cast import Cast
from dbops.drill.control import control
from dbops.drill.controls import controls_beside
from dbops.drill.ladder import tell_what_is_not_asked
from dbops.drill.needs import database_of, extensions_of, needs_of
from dbops.drill.objectives import rpo_not_measured, rto_measured, rto_not_measured
from dbops.drill.passes import Stopwatch
from dbops.drill.present import check_contents, check_rows, check_views, read_present
from dbops.drill.programs import choose_programs, major_of
from dbops.drill.recognise import recognise
from dbops.drill.recovery import in_context
from dbops.drill.rehearsal import Plan, Rehearsal, read_contents
from dbops.drill.settle import settle
from dbops.drill.strangers import strangers
from dbops.errors import DamageError, DbopsError, UnavailableError
from dbops.files import sha256_of
from dbops.model import Verdict
from dbops.storage.stored import DUMP, DUMP_DIRECTORY, FILE, MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.backup.toc import Toc
    from dbops.drill.options import DrillOptions
    from dbops.drill.recognise import Archive
    from dbops.drill.rehearsal import Rehearsed
    from dbops.evidence.run import Run
    from dbops.model import Progress

_SCENARIO = "restore of this archive"
_RPO_REASON = "an archive does not say when it was taken by a clock that is known, nor what came after it"
# How much larger than its archive a copy is, at least: text in COPY format, with indexes to come.
_EXPANSION = {"none": 1, "gzip": 3, "lz4": 2, "zstd": 3}


def drill_artifact(
    path: Path, run: Run, *, options: DrillOptions, data: bool, progress: Progress | None = None
) -> None:
    """Restore the archive at `path` and tell `run` what came of it; `data` False: its schema alone.

    Raises UsageError for what is no archive, DamageError for a damaged one, UnavailableError where there is no place to
    restore it to, DeadlineError; a restore that went wrong raises nothing, its checks fail.
    """
    run.restorability = Verdict.INCONCLUSIVE
    run.add_objective(rpo_not_measured(options.rpo, _RPO_REASON))
    tell_what_is_not_asked(run, options, "an archive from elsewhere need not be of the database that they are about")
    deadline = Deadline.after(options.deadline)
    try:
        with workspace(run.note) as directory:
            rehearsal = Rehearsal(run, Stopwatch(run), directory, deadline, options, progress)
            _drill(path, rehearsal, data=data)
    except DbopsError as error:
        if isinstance(error, DamageError):
            run.restorability = Verdict.FAIL
        run.add_objective(rto_not_measured(options.rto, "the restore did not come to its end", _SCENARIO))
        raise


@dataclass(frozen=True, slots=True)
class _Signature:
    """What a file looks like from outside; it changes when somebody writes it."""

    inode: int
    size: int
    changed: int


def _signatures(archive: Archive) -> list[_Signature]:
    found = (path.stat() for path in archive.files())
    return [_Signature(one.st_ino, one.st_size, one.st_mtime_ns) for one in found]


def _drill(path: Path, rehearsal: Rehearsal, *, data: bool) -> None:
    run, watch = rehearsal.run, rehearsal.watch
    archive = recognise(path)
    before = _signatures(archive)
    with watch.phase("hash"):
        _keep_hashes(archive, run)
    with watch.phase("read contents"):
        archive.check_whole()
        toc = archive.contents()
        _introduce(archive, toc, run)
        _refuse_rows_alone(toc)
        plan = _plan(archive, toc, rehearsal, data=data)
    with rehearsal.rebuild(plan) as rehearsed:
        _question(rehearsed, toc, rehearsal)
        with run.step("compare contents"), rehearsed.copy.read(rehearsal.deadline.left()) as session:
            found = read_present(session, toc, data=data)
        rehearsal.add(check_contents(toc, found, rehearsed.ledger), *found.checks)
        if data:
            rehearsal.add(check_rows(toc, found, rehearsed.ledger), check_views(toc, found, rehearsed.ledger))
            with controls_beside(rehearsal, rehearsed, plan) as beside:
                rehearsal.add(Amcheck(rehearsal, rehearsed.copy, plan.programs).look())
                rehearsal.add(control(rehearsal, rehearsed, plan, beside))
    if _signatures(archive) != before:
        raise UnavailableError(
            f"{archive.path} was written to while it was drilled", hint="wait until it is finished, then drill it again"
        )
    _judge(rehearsal, rehearsed, toc, data=data)


def _keep_hashes(archive: Archive, run: Run) -> None:
    """Keep in the evidence which bytes were drilled."""
    files = []
    for path in archive.files():
        digest, size = sha256_of(path)
        files.append({"path": path.name, "bytes": size, "sha256": digest})
    document = {"path": str(archive.path), "format": archive.form, "files": files}
    (run.directory / "archive.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if len(files) == 1:
        run.note(f"SHA-256 of the archive: {files[0]['sha256']}")


def _introduce(archive: Archive, toc: Toc, run: Run) -> None:
    header = toc.header
    run.note(
        f"{archive.path}: {archive.form} format, {_codec(header.codec)}, of database {header.database!r} of PostgreSQL"
        f" {header.server_version}, made by pg_dump {header.dump_version} at {header.taken} by its own clock"
    )
    matched = FILE.fullmatch(archive.path.name)
    if matched and matched["suffix"] in {DUMP, DUMP_DIRECTORY}:
        manifest = archive.path.with_name(archive.path.name.removesuffix(matched["suffix"]) + MANIFEST)
        if manifest.exists():
            run.note(
                f"dbops made this backup and recorded its source beside it: dbops drill --id {matched['run']} compares"
                " with that, and shows more"
            )


def _refuse_rows_alone(toc: Toc) -> None:
    """Refuse an archive that says itself that it does not restore alone."""
    if any(toc.of_kind("TABLE DATA")) and not any(toc.of_kind("TABLE")):
        raise UnavailableError(
            "the archive holds rows and none of the tables that they belong to: it restores into a database that is"
            " there already, and into nothing else",
            hint="make it without --data-only, or drill the archive that holds the schema",
        )


def _codec(codec: str) -> str:
    return "not compressed" if codec == "none" else f"compressed with {codec}"


def _plan(archive: Archive, toc: Toc, rehearsal: Rehearsal, *, data: bool) -> Plan:
    header, database = toc.header, database_of(toc)
    extensions = extensions_of(toc)
    needs = needs_of(toc, extensions, database.source.provider)
    programs = choose_programs(major_of(header.server_version), major_of(header.dump_version), rehearsal.options, needs)
    archiver = Archiver(programs.client, rehearsal.directory, rehearsal.deadline)
    contents = read_contents(archiver, archive.path, rehearsal.run.directory / "contents.list")
    return Plan(
        archive=archive.path,
        contents=contents,
        programs=programs,
        cast=Cast(strangers(toc)),
        source=database.source,
        collate=database.collate,
        ctype=database.ctype,
        extensions=extensions,
        data=data,
        copy_bytes=archive.bytes() * _EXPANSION[header.codec] if data else 0,
    )


def _question(rehearsed: Rehearsed, toc: Toc, rehearsal: Rehearsal) -> None:
    """Make the copy ready as an operator would, and ask it its first question."""
    left = rehearsal.deadline.left()
    settle(rehearsal, rehearsed.copy)
    with rehearsal.watch.phase("first query"), rehearsed.copy.read(left) as session:
        there = {(one.schema, one.name) for one in read_tables(session)}
        named = ((item.schema, item.name) for item in toc.of_kind("TABLE DATA"))
        found = next((one for one in named if one in there), None)
        session.fetch_all(
            sql.SQL("select exists (select from only {} limit 1)").format(sql.Identifier(*found))
            if found
            else "select 1"
        )


def _judge(rehearsal: Rehearsal, rehearsed: Rehearsed, toc: Toc, *, data: bool) -> None:
    run, options = rehearsal.run, rehearsal.options
    for text in _untested(toc, data=data):
        run.not_tested(text)
    run.restorability = rehearsal.verdict
    if reason := _unmeasured(rehearsal, rehearsed, data=data):
        run.add_objective(rto_not_measured(options.rto, reason, _SCENARIO))
    else:
        measured = rto_measured(rehearsal.watch.phases, options.allowances, options.rto, _SCENARIO)
        run.add_objective(in_context(measured, run, rehearsed.copy))


def _unmeasured(rehearsal: Rehearsal, rehearsed: Rehearsed, *, data: bool) -> str | None:
    """Return why this drill measured no recovery time, None where it did."""
    if rehearsal.failed:
        return "the archive does not restore whole"
    if rehearsal.verdict is Verdict.INCONCLUSIVE:
        return "it is not known whether the archive restores whole"
    if not data:
        return "only the schema was restored"
    return None if rehearsed.copy.durable else "the copy's server did not write durably (fsync)"


def _untested(toc: Toc, *, data: bool) -> list[str]:
    if not data:
        return ["rows, sequences and large objects: only the schema was restored"]
    said = [
        "whether the rows are those of the source: nothing was recorded when the archive was made; dbops backup does",
        "whether anything of the source is missing from the archive (pg_dump can be told to leave things out)",
        (
            "what its roles may do: an archive names them and no more; on the copy all may read, so that row-level"
            " security and rights say nothing here"
        ),
    ]
    if any(toc.of_kind("TABLE")) and not any(toc.of_kind("TABLE DATA")):
        said.append("rows: the archive holds none, only a schema")
    if toc.header.codec != "gzip":
        codec = "is not compressed" if toc.header.codec == "none" else f"is compressed with {toc.header.codec}"
        said.append(f"whether bytes were changed since it was made: it {codec}, so its rows carry no checksum")
    return said
