"""What a failed connection or statement means, and what to type next: libpq's and the server's words, classified.

libpq tells no SQLSTATE for a connection that did not come about, so its English words are matched; a server that speaks
another language still gets its own words quoted, with everything that was tried. All text is redacted here. The rules:
the first pattern that matches speaks, refusals by a server stand before network trouble (of several hosts, the one that
answered is the interesting one), and every error names what was tried and where each value came from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from dbops.errors import (
    ConnectionFailedError,
    DbopsError,
    DeadlineError,
    PrivilegeError,
    UnavailableError,
    UsageError,
)
from dbops.secrets import redact

if TYPE_CHECKING:
    from dbops.connection.target import Target

# SQLSTATE of a lock that was not to be had in time.
LOCK_NOT_AVAILABLE = "55P03"

_PASSWORD_HINT = (
    "check the password at its source; libpq takes it from the connection string, PGPASSWORD, or a line"  # noqa: S105
    " host:port:database:user:password in a passfile (~/.pgpass, mode 0600)"
)
_HBA_HINT = (
    "add a line for this user, database and address to the server's pg_hba.conf and run `select pg_reload_conf()`"
)
_CLIENT_LIMIT_HINT = "try again when others have ended, or raise the limit; see pg_stat_activity for who is connected"


# What libpq and psycopg put before the words that matter; host and port are said by us.
_PREFIX = re.compile(
    r"connection (?:failed|is bad): "
    r'|connection to server (?:at "[^"]*"(?: \([^)]*\))?, port \d+|on socket "[^"]*") failed: '
)


@dataclass(frozen=True, slots=True)
class _Refusal:
    pattern: re.Pattern[str]
    meaning: str
    hint: str
    error: type[DbopsError] = ConnectionFailedError


def _refusal(pattern: str, meaning: str, hint: str, error: type[DbopsError] = ConnectionFailedError) -> _Refusal:
    return _Refusal(re.compile(pattern, re.IGNORECASE), meaning, hint, error)


# Braces are filled with the target's values.
_CONNECT = (
    _refusal("password authentication failed", "the password was not accepted", _PASSWORD_HINT),
    _refusal("no password supplied", "the server wants a password and none was found", _PASSWORD_HINT),
    _refusal(
        "(?:peer|ident) authentication failed",
        "the server trusts the operating system's user name, and it is not {user!r}",
        "run dbops as that system user, name another database user, or connect by host name with a password",
    ),
    _refusal(
        "no pg_hba.conf entry .*no encryption",
        "the server does not allow this connection without TLS",
        "add sslmode=require (better verify-full with sslrootcert) to the connection string, or set PGSSLMODE;"
        " if it is set already: " + _HBA_HINT,
    ),
    _refusal("no pg_hba.conf entry|pg_hba.conf rejects", "the server's pg_hba.conf does not allow it", _HBA_HINT),
    _refusal(
        "connection requires a valid client certificate",
        "the server wants a client certificate",
        "name it by sslcert and sslkey in the connection string, or PGSSLCERT and PGSSLKEY",
    ),
    _refusal(
        'database ".*" does not exist',
        "there is no database {database!r} on this server",
        "name another at the end of the connection string or in PGDATABASE; `psql -l` lists them",
    ),
    _refusal(
        'database ".*" is not currently accepting connections',
        "the database {database!r} does not take connections",
        "allow them: alter database … allow_connections true",
    ),
    _refusal(
        "permission denied for database",
        "the user {user!r} may not connect to the database {database!r}",
        'as its owner: grant connect on database "{database}" to "{user}"',
        PrivilegeError,
    ),
    _refusal(
        'role ".*" does not exist',
        "the server has no user {user!r}",
        "name another user in the connection string or in PGUSER, or create it: create role … login",
    ),
    _refusal(
        'role ".*" is not permitted to log in',
        "the user {user!r} may not log in",
        'as a superuser: alter role "{user}" login',
    ),
    _refusal(
        "too many clients|remaining connection slots|too many connections for|no more connections allowed",
        "the server has no free connection",
        _CLIENT_LIMIT_HINT,
    ),
    _refusal(
        "database system is (?:starting up|in recovery mode|not yet accepting)",
        "the server is still starting up",
        "wait until it accepts connections (`pg_isready`), then try again",
    ),
    _refusal("database system is shutting down", "the server is shutting down", "start it again, then try again"),
    _refusal(
        "unsupported startup parameter",
        "a pooler refuses a start-up parameter",
        "remove `options` from the connection string, or unset PGOPTIONS; or connect past the pooler",
    ),
    _refusal(
        "server does not support SSL",
        "the server does not speak TLS, and sslmode asks for it",
        "connect past the pooler, or turn ssl on at the server; sslmode=prefer goes without where that is safe",
    ),
    _refusal(
        "certificate verify failed|root certificate file .* does not exist|does not match host name|sslrootcert",
        "the server's TLS certificate could not be verified",
        "name the CA that signed it by sslrootcert=FILE (or PGSSLROOTCERT), and the host by the name it is issued to",
    ),
    _refusal(
        "invalid .* value|invalid integer value|invalid connection option|weak sslmode",
        "a connection parameter has a value that libpq does not take",
        "correct it where it came from",
        UsageError,
    ),
    _refusal(
        "could not translate host name|name or service not known|nodename nor servname",
        "the host name is not known",
        "check its spelling, and that this machine can resolve it (`getent hosts`)",
    ),
    _refusal(
        "invalid response to SSL negotiation|expected authentication request|unsupported frontend protocol",
        "what answers there is not PostgreSQL",
        "check host and port; PostgreSQL's own is 5432",
    ),
    _refusal(
        "server closed the connection unexpectedly|connection reset by peer",
        "the server took the connection and dropped it",
        "its log says why; check that PostgreSQL, and not something else, listens there",
    ),
    _refusal(
        "connection refused",
        "nothing listens there",
        "start the server, or correct host and port; from inside a container localhost is the container",
    ),
    _refusal(
        "no such file or directory",
        "no server has its socket there",
        "start the server, or name its host or socket directory (`show unix_socket_directories`)",
    ),
    _refusal(
        "permission denied",
        "this system user may not use the server's socket",
        "connect by host name, or run dbops as a user that may enter the socket's directory",
    ),
    _refusal(
        "timeout expired|timed out",
        "there was no answer in time",
        "check host, port and firewall; a server that hangs looks the same",
    ),
    _refusal(
        "unreachable|no route to host", "there is no way to that host", "check the network, the VPN, the firewall"
    ),
    _refusal(
        "session is (?:not )?read-only|server is (?:not )?in hot standby",
        "no server tried is of the kind that target_session_attrs asks for",
        "correct it, or name another host",
    ),
)


def connection_error(error: psycopg.Error, target: Target) -> DbopsError:
    """Return our error for a connection to `target` that did not come about."""
    words = _PREFIX.sub("", _one_line(str(error)))
    tried = f"tried {target.provenance()}"
    for refusal in _CONNECT:
        if refusal.pattern.search(words):
            names = {"user": target.user, "database": target.database}
            quoted = {key: name.replace('"', '""') for key, name in names.items()}
            return refusal.error(
                f"cannot connect to {', '.join(target.addresses())}: {refusal.meaning.format(**names)}; {tried}"
                f" ({redact(words)})",
                hint=_with_passfile_note(refusal.hint.format(**quoted), target),
            )
    return ConnectionFailedError(
        f"cannot connect to {', '.join(target.addresses())}: {redact(words)}; {tried}",
        hint="correct the value at its source, or ask whoever runs the server; `dbops doctor` looks closer",
    )


def statement_error(error: psycopg.Error, target: Target, blocked_by: str | None = None) -> DbopsError:
    """Return our error for a statement that failed in a session with `target`; `blocked_by` says who had the lock."""
    words = redact(_one_line(str(error)))
    where = target.describe()
    state = error.sqlstate or ""
    if state == "42501":
        return PrivilegeError(
            f"{where}: {words}", hint=f'grant it to "{target.user}", or connect as a user that has it; see dbops doctor'
        )
    if state == "57014":
        return DeadlineError(f"{where}: {words}", hint="give it longer: --timeout")
    if state == LOCK_NOT_AVAILABLE:
        holder = redact(_one_line(blocked_by)) if blocked_by else "another session holds the lock (see pg_locks)"
        return UnavailableError(f"{where}: {words}", hint=f"{holder}; try again when it has ended")
    if state.startswith(("08", "57P")) or (not state and isinstance(error, psycopg.OperationalError)):
        return ConnectionFailedError(
            f"the connection to {where} was lost: {words}", hint="the server's log says why; then try again"
        )
    answer = f"PostgreSQL answered {state}: {words}" if state else words
    return UnavailableError(f"{where}: {answer}", hint="the server's log has the statement")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _with_passfile_note(hint: str, target: Target) -> str:
    """Add that libpq ignores a passfile others can read: it says so only on stderr, once, in passing."""
    passfile = target.parameters.get("passfile")
    if not passfile or target.password is not None or hint != _PASSWORD_HINT:
        return hint
    try:
        mode = Path(passfile).stat().st_mode
    except OSError as problem:
        return f"{hint}; the passfile {passfile} cannot be read: {problem.strerror}"
    return f"{hint}; {passfile} is ignored because others may read it: chmod 0600 {passfile}" if mode & 0o077 else hint
