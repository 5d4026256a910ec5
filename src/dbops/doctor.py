"""What dbops needs in order to work here, looked at before it matters: programs, versions, rights, space, directories.

Every item passes, fails, or says why it could not be looked at, with what to type. Rules, in order: what the machine
offers first, then the database; a database that does not answer ends only the items that need it; nothing is changed
(a throw-away server is started and ended, as a drill would). What it does not do: judge the schema (`audit.py`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from dbops.backup.preflight import of_identity, of_rights
from dbops.backup.source import read_source, read_tables
from dbops.connection.binaries import find_client, find_server, format_version, outdated
from dbops.connection.places import temporary_directory
from dbops.connection.server import ScratchServer
from dbops.connection.session import read_only
from dbops.errors import DbopsError, UnavailableError
from dbops.evidence.keys import find_signer
from dbops.files import directory_notes, secure_directory
from dbops.model import Check, CheckStatus, Finding, Severity, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from dbops.backup.source import SourceFacts
    from dbops.connection.session import Session
    from dbops.connection.target import Target
    from dbops.evidence.run import Run
    from dbops.model import TargetInfo

# A clock that is further off than this makes recovery points and chained records hard to compare.
_SKEW_SECONDS = 5
_MIB = 1 << 20
# Evidence is small, but a full disk loses it.
_LITTLE_SPACE = 100 * _MIB


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is looked at besides the database."""

    log_dir: Path
    backup_dir: Path
    config_file: Path | None
    environ: Mapping[str, str]
    key: Path | None = None
    client_bindir: Path | None = None
    target_bindir: Path | None = None


def examine(target: Target | None, around: Surroundings, run: Run) -> None:
    """Add a check to `run` for everything dbops needs; `target` None: nothing that needs a database is looked at."""
    run.add_checks(*_machine(around))
    if target is None:
        run.add_checks(*_skipped("no database is named", "dbops doctor --database-url postgresql://user@host/database"))
        run.add_checks(*_server_programs(None, around))
        return
    found: list[Check] = []
    major = None
    try:
        with read_only(target) as session:
            major = session.server_version // 10000
            run.target = session.info()
            for check in _database(session, run.target, around):
                found.append(check)  # noqa: PERF402  (what was found before an error counts)
    except DbopsError as error:
        found.append(_could_not("database", error.message, error.hint))
    answered = {check.check for check in found}
    run.add_checks(*found, *_skipped("the database did not answer", None, but=answered))
    run.add_checks(*_server_programs(major, around))


def _passed(name: str, title: str) -> Check:
    return Check(check=name, status=CheckStatus.PASS, title=title)


def _could_not(name: str, reason: str, remedy: str | None) -> Check:
    return Check(check=name, status=CheckStatus.ERROR, reason=reason, remedy=remedy)


def _wrong(  # noqa: PLR0913  (a finding has these parts)
    name: str, severity: Severity, where: str, what: str, *, why: str, fix: str | None = None
) -> Check:
    """Return a check with one finding about `where`; a warning does not make the run fail."""
    finding = Finding(
        rule=name,
        severity=severity,
        object=where,
        detail=what,
        why=why,
        fix=fix,
        fingerprint=hashlib.sha256(f"{name}\0{where}".encode()).hexdigest(),
    )
    return Check(check=name, status=CheckStatus.FAIL, findings=(finding,))


_NEEDS_DATABASE = (
    *("database", "server-version", "tls", "client-programs", "clock", "restore-space"),
    *("backup-rights", "audit-rights"),
)


def _skipped(reason: str, remedy: str | None, *, but: Collection[str] = ()) -> Iterator[Check]:
    for name in _NEEDS_DATABASE:
        if name not in but:
            yield Check(check=name, status=CheckStatus.SKIP, reason=reason, remedy=remedy)


def _machine(around: Surroundings) -> Iterator[Check]:
    yield _passed("python", f"{platform.python_version()} ({sys.executable})")
    yield _driver()
    file = around.config_file
    yield _passed("configuration", str(file) if file else "no dbops.toml: defaults apply (dbops init writes one)")
    for name, directory in (("log-directory", around.log_dir), ("backup-directory", around.backup_dir)):
        yield _directory(name, directory)
    yield _evidence_key(around)
    yield _space(around)


def _driver() -> Check:
    import psycopg

    library = format_version(psycopg.pq.version())
    return _passed("driver", f"psycopg {psycopg.__version__} ({psycopg.pq.__impl__}), libpq {library}")


def _directory(name: str, directory: Path) -> Check:
    """Look at a directory without creating it: where it is missing, at the one it would be created in."""
    why = "what is kept there could be changed or removed by others, or not be kept at all"
    if not os.path.lexists(directory):
        above = _existing(directory)
        if os.access(above, os.W_OK | os.X_OK):
            return _passed(name, f"{directory} will be created")
        fix = "name another directory, or let this user write there"
        return _wrong(name, Severity.ERROR, str(directory), f"{above} cannot be written to", why=why, fix=fix)
    try:
        secure_directory(directory)  # it is there, so nothing is created
    except DbopsError as error:
        return _wrong(name, Severity.ERROR, str(directory), error.message, why=why, fix=error.hint)
    return _passed(name, "; ".join((str(directory), *directory_notes(directory))))


def _evidence_key(around: Surroundings) -> Check:
    """Look at the key that reports are signed with; one that cannot be used has refused the run already."""
    signer = find_signer(around.key, around.log_dir)
    if signer is None:
        return _passed("evidence-key", "none: reports are not signed (dbops evidence keygen makes one)")
    return _passed("evidence-key", f"reports are signed with {signer.keyid[:16]}")


def _existing(directory: Path) -> Path:
    """Return the directory, or the nearest one above it that is there."""
    return next(one for one in (directory.absolute(), *directory.absolute().parents) if one.is_dir())


def _temporary() -> Path | None:
    with contextlib.suppress(UnavailableError):
        return temporary_directory()
    return None


def _space(around: Surroundings) -> Check:
    temporary = _temporary()
    if temporary is None:
        why = "passfiles, what programs print, and throw-away servers go there"
        what = "no temporary directory is writable here"
        return _wrong("disk-space", Severity.ERROR, "this machine", what, why=why, fix="name one with TMPDIR")
    places = {"evidence": around.log_dir, "backups": around.backup_dir, "drills": temporary}
    free = {what: shutil.disk_usage(_existing(place)).free for what, place in places.items()}
    told = ", ".join(f"{amount // _MIB} MiB for {what}" for what, amount in free.items())
    if min(free.values()) < _LITTLE_SPACE:
        why = "a full disk loses the evidence of a run, and leaves a backup unpublished"
        return _wrong(
            "disk-space", Severity.ERROR, "this machine", f"little is free: {told}", why=why, fix="free some space"
        )
    return _passed("disk-space", f"free: {told}")


def _database(session: Session, info: TargetInfo, around: Surroundings) -> Iterator[Check]:
    """Yield what takes a session; an item that a refusal ends says so, the rest goes on."""
    yield _passed("database", f"{info.user}@{info.host}:{info.port}/{info.database} answers")
    version = session.server_version
    why = "published fixes are missing, some of them for data loss and security"
    yield _dated("server-version", "the server", version, told=format_version(version), why=why)
    yield _tls(session, info)
    yield _client(session, around)
    facts = read_source(session)
    yield _clock(facts)
    yield _room_for_restore(facts)
    yield _backup_rights(session, facts)
    yield _audit_rights(session)


def _dated(name: str, program: str, version: int, *, told: str, why: str) -> Check:
    """Pass with `told`, or warn that published fixes are missing."""
    behind = outdated(version)
    if behind is None:
        return _passed(name, told)
    return _wrong(name, Severity.WARNING, program, f"{told}: {behind}", why=why, fix="update it to the current minor")


def _tls(session: Session, info: TargetInfo) -> Check:
    tls = info.tls or "unknown"
    address = session.connection.info.hostaddr
    local = info.host.startswith(("/", "@")) or address.startswith("127.") or address == "::1"
    if local or ("verified" in tls and "not verified" not in tls):
        return _passed("tls", tls if info.host.startswith(("/", "@")) else f"{tls}, to {address}")
    why = "whoever sits between could read every row, or pose as the server and be handed the password"
    fix = "add ?sslmode=verify-full&sslrootcert=system (or the path of the server's CA) to the connection string"
    return _wrong("tls", Severity.WARNING, info.host, f"TLS of this connection: {tls}", why=why, fix=fix)


def _client(session: Session, around: Surroundings) -> Check:
    try:
        found = find_client(
            session.server_version,
            environ=around.environ,
            bindir=around.client_bindir,
            local=session.connection.info.host.startswith("/"),
        )
    except DbopsError as error:
        why = "a backup and a drill of the schema need pg_dump and pg_restore of the server's major version or newer"
        return _wrong("client-programs", Severity.ERROR, "pg_dump", error.message, why=why, fix=error.hint)
    told = f"pg_dump {format_version(found.version)} ({found.origin})"
    why = "published fixes are missing; without some of them a crafted dump runs commands"
    return _dated("client-programs", "pg_dump", found.version, told=told, why=why)


def _clock(facts: SourceFacts) -> Check:
    skew = (utc_now() - facts.snapshot_at).total_seconds()
    if abs(skew) <= _SKEW_SECONDS:
        return _passed("clock", f"this machine and the server agree within {_SKEW_SECONDS} s")
    why = "recovery points and the order of records are compared across machines"
    what = f"this machine's clock differs from the server's by {skew:.0f} s"
    return _wrong("clock", Severity.WARNING, "this machine", what, why=why, fix="set both clocks by NTP")


def _room_for_restore(facts: SourceFacts) -> Check:
    directory = _temporary()
    if directory is None:
        reason = "no temporary directory is writable here"
        return Check(check="restore-space", status=CheckStatus.SKIP, reason=reason, remedy="name one with TMPDIR")
    free, needed = shutil.disk_usage(directory).free // _MIB, facts.database_bytes // _MIB
    told = f"{free} MiB free in {directory}, the database has {needed} MiB"
    if free > needed:
        return _passed("restore-space", told)
    why = "a restore drill needs about as much room as the database"
    return _wrong(
        "restore-space", Severity.WARNING, str(directory), told, why=why, fix="name a larger directory with TMPDIR"
    )


def _backup_rights(session: Session, facts: SourceFacts) -> Check:
    problems = [*of_identity(session), *of_rights(session, facts, read_tables(session))]
    if not problems:
        return _passed("backup-rights", f"{session.facts.user} may read everything a backup holds")
    what = "; ".join(problem.what for problem in problems)
    fix = "\n".join(_as_statement(problem.mend) for problem in problems)
    why = "a dump without these rights fails, or worse, is not whole"
    return _wrong("backup-rights", Severity.ERROR, session.facts.user, what, why=why, fix=fix)


def _as_statement(mend: str) -> str:
    return f"{mend};" if mend.startswith(("grant ", "alter ")) else mend


def _audit_rights(session: Session) -> Check:
    sql = resources.files("dbops").joinpath("doctor.sql").read_bytes()
    superuser, monitors = session.fetch_all(sql)[0]
    user = session.facts.user
    if superuser:
        why = "an audit needs CONNECT and pg_monitor; a superuser's session can do harm that a read-only one cannot"
        return _wrong("audit-rights", Severity.WARNING, user, "the session is a superuser's", why=why)
    if not monitors:
        why = "without pg_monitor the rules that read statistics are skipped"
        return Check(
            check="audit-rights",
            status=CheckStatus.SKIP,
            reason=f"{user} is no member of pg_monitor: {why}",
            remedy=f"grant pg_monitor to {_identifier(session, user)};",
        )
    return _passed("audit-rights", f"{user} sees the catalogs and the statistics")


def _identifier(session: Session, name: str) -> str:
    from psycopg import sql

    return sql.Identifier(name).as_string(session.connection)


def _server_programs(major: int | None, around: Surroundings) -> Iterator[Check]:
    """Yield whether a drill finds a server to restore into, and whether that server starts here."""
    try:
        found = find_server(major, environ=around.environ, bindir=around.target_bindir)
    except DbopsError as error:
        why = "a drill restores into a throw-away server of the same major version"
        yield _wrong("server-programs", Severity.ERROR, "postgres", error.message, why=why, fix=error.hint)
        return
    told = f"postgres {format_version(found.version)} ({found.origin})"
    why = "a restored copy runs on these programs, with the faults they have"
    yield _dated("server-programs", "postgres", found.version, told=told, why=why)
    yield _starts(lambda: ScratchServer(found))


def _starts(server: Callable[[], contextlib.AbstractContextManager[ScratchServer]]) -> Check:
    try:
        with server():
            return _passed("throw-away-server", f"starts here (as {_owner()})")
    except DbopsError as error:
        why = "without one no backup can be restored here"
        return _wrong("throw-away-server", Severity.ERROR, "postgres", error.message, why=why, fix=error.hint)


def _owner() -> str:
    return "an unprivileged user, since this is root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
