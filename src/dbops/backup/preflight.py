"""What would make a backup fail, or worse, come out incomplete: looked for before it starts, all of it at once.

An operator who mends one thing at two in the morning should not learn of the next one after the second run. Each
problem says what is wrong and what mends it. What this does not do: change anything, or raise at the first.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.backup.background import Background
from dbops.backup.digests import BUCKETS
from dbops.backup.source import SourceFacts, TableFacts, read_source, read_tables, unreadable_large_objects
from dbops.connection.binaries import find_client
from dbops.connection.places import temporary_directory
from dbops.errors import ProgramMissingError, UnavailableError
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.backup.options import BackupOptions
    from dbops.connection.binaries import Binaries
    from dbops.connection.session import Session
    from dbops.model import BackupManifest
    from dbops.storage.store import Store

# A message names this many objects; the rest is counted.
_NAMED = 5
_MIB = 1 << 20
# A compressed dump is seldom smaller than a tenth of its database: with less room than that it is certain to fail.
_BEST_COMPRESSION = 10
# The next dump may be larger than the last one by this much, in percent.
_GROWTH = 125


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and what mends it."""

    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class Ready:
    """What a backup that may begin starts from: `bucket` of keys is next, `last_bytes` is the size of the last dump."""

    facts: SourceFacts
    tables: tuple[TableFacts, ...]
    binaries: Binaries
    last_bytes: int | None
    bucket: int


def check(session: Session, store: Store, options: BackupOptions) -> Ready:
    """Return what the backup starts from. Raises UnavailableError with every problem there is."""
    # Asking programs for their versions starts a few; the server is asked meanwhile.
    with Background(lambda: _client(session, options), cancel=lambda: None) as finding:
        facts = read_source(session)
        tables = read_tables(session)
        problems = [*of_identity(session), *of_rights(session, facts, tables)]
        before = _last(store, session)
        last = sum(file.bytes for file in before.artifact.files) if before else None
        problems += _of_space(store.directory, last, facts.database_bytes, "--backup-dir")
        if options.recipients:
            problems += _of_space(temporary_directory(), last, facts.database_bytes, "TMPDIR")
        found = finding.result()
    binaries = None if isinstance(found, Problem) else found
    if isinstance(found, Problem):
        problems.append(found)
    if binaries and (lacking := options.form.missing(binaries)):
        problems.append(Problem(lacking, 'set codec = "gzip" in [backup], or name other programs with --client-bindir'))
    if options.form.jobs > 1 and options.form.format != "directory":
        problems.append(Problem("several jobs take the directory format", 'set format = "directory" in [backup]'))
    if problems or binaries is None:
        raise _all_at_once(session, problems)
    return Ready(facts, tables, binaries, last, _next_bucket(before))


def _client(session: Session, options: BackupOptions) -> Binaries | Problem:
    """Return the programs that dump, or why there are none."""
    try:
        return find_client(
            session.server_version,
            environ=options.environ,
            bindir=options.bindir,
            local=session.connection.info.host.startswith("/"),
        )
    except ProgramMissingError as error:
        return Problem(error.message, error.hint or "")


def of_identity(session: Session) -> Iterator[Problem]:
    """Yield why backups of this cluster could not be told from those of another."""
    if session.facts.system_identifier is None:
        yield Problem(
            "the server does not tell which cluster it is, so no backup of it could be found again",
            _grant(session, "grant execute on function pg_control_system(), pg_control_checkpoint() to {}"),
        )


def of_rights(session: Session, facts: SourceFacts, tables: tuple[TableFacts, ...]) -> Iterator[Problem]:
    """Yield what the session's role may not read, or would read only in part; `mend` is the statement to run."""
    unreadable = [one for one in tables if not one.readable and not one.of_extension]
    if unreadable:
        yield Problem(
            f"{session.facts.user} may not read {_some(unreadable)}",
            _grant(session, "grant pg_read_all_data to {}"),
        )
    filtered = [one for one in tables if one.filtered]
    if filtered:
        yield Problem(
            f"row-level security would hide rows of {_some(filtered)} from {session.facts.user}",
            _grant(session, "alter role {} bypassrls"),
        )
    closed = 0 if facts.superuser or not facts.large_objects else unreadable_large_objects(session)
    if closed:
        yield Problem(
            f"{session.facts.user} may not read {closed:,} of {counted(facts.large_objects, 'large object')}"
            " (pg_read_all_data does"
            " not cover them)",
            "back up as a superuser, or as a member of the roles that own them",
        )


def _of_space(directory: Path, last: int | None, database_bytes: int, named_by: str) -> Iterator[Problem]:
    needed = (last or 0) * _GROWTH // 100 or database_bytes // _BEST_COMPRESSION
    free = shutil.disk_usage(directory).free
    if free < needed + _MIB:
        known = "the last backup was that large" if last else "less than a tenth of the database never suffices"
        yield Problem(
            f"{directory} has {free // _MIB} MiB free and at least {needed // _MIB + 1} MiB are needed ({known})",
            f"free some space there, or name another directory with {named_by}",
        )


def _last(store: Store, session: Session) -> BackupManifest | None:
    known = session.facts.system_identifier
    history = store.history(known, session.facts.database) if known else ()
    return history[-1].manifest if history else None


def _next_bucket(before: BackupManifest | None) -> int:
    """Return the bucket after the last one, so that a hundred backups in a row read every row once."""
    last = before.settings.get("digestBucket", "") if before else ""
    return (int(last) + 1) % BUCKETS if last.isdecimal() else 0


def _some(tables: list[TableFacts]) -> str:
    names = ", ".join(f"{one.schema}.{one.name}" for one in tables[:_NAMED])
    more = len(tables) - _NAMED
    return (
        f"{counted(len(tables), 'table or sequence', 'tables or sequences')}"
        f" ({names}{f' and {more} more' if more > 0 else ''})"
    )


def _grant(session: Session, statement: str) -> str:
    return sql.SQL(statement).format(sql.Identifier(session.facts.user)).as_string(session.connection)


def _all_at_once(session: Session, problems: list[Problem]) -> UnavailableError:
    count = counted(len(problems), "problem")
    told = "; ".join(f"({number}) {problem.what}" for number, problem in enumerate(problems, start=1))
    mended = "; ".join(f"({number}) {problem.mend}" for number, problem in enumerate(problems, start=1))
    return UnavailableError(f"{session.facts.database} cannot be backed up, {count}: {told}", hint=mended)
