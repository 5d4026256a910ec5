"""Where the database is: the one value that sessions and client programs connect with.

A `Target` is complete (service, `PG*` variables and defaults are resolved into it) and holds the password apart from
everything that is printed. The rules:

1. A target has to be named; nothing here guesses a database (a silent default in a cron job would be a false green).
2. The password is never part of `conninfo()`, `describe()`, `repr()` or an environment: programs get a passfile.
3. Every parameter knows where it came from, so that an error can say so.

What it does not do: connect (`session.py`), or parse connection strings (`dsn.py`).
"""

from __future__ import annotations

import getpass
import os
import re
import secrets as random_tokens
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Self, assert_never

from dbops import __version__
from dbops.connection.dsn import DEFAULT_PORT, KEYWORDS, is_port, is_utf8, nearest, parse_dsn, split_secrets
from dbops.connection.service_file import read_service
from dbops.errors import NoTargetError, UsageError
from dbops.secrets import remember, say_aloud

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from dbops.settings import Settings

CONNECT_TIMEOUT_SECONDS = "10"
_NAME_ONE = (
    "name one: --database-url postgresql://user@host:5432/database, or DATABASE_URL, or --service, or PGHOST and"
    " PGDATABASE, or database_url in dbops.toml; to see dbops at work without a database: dbops demo"
)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")
_NAMING = ("PGHOST", "PGHOSTADDR", "PGDATABASE")
# Where servers put their socket; psycopg's wheel and the distributions disagree, so the one that exists is taken.
_SOCKET_DIRECTORIES = ("/var/run/postgresql", "/run/postgresql", "/tmp")  # noqa: S108


@dataclass(frozen=True, slots=True)
class Target:
    """A database to connect to: libpq `parameters` without secrets, and the secrets where nothing prints them.

    `origins` says for each parameter where its value came from ("--database-url", "PGHOST", "default").
    """

    parameters: Mapping[str, str]
    password: str | None = field(default=None, repr=False)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False)
    other_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_parameters(
        cls, parameters: Mapping[str, str], *, password: str | None = None, origins: Mapping[str, str] | None = None
    ) -> Self:
        """Return a target from libpq keywords; secrets among them are split out and remembered for redaction."""
        taken_apart = split_secrets(parameters)
        hidden = dict(taken_apart.secrets)
        found = hidden.pop("password", None)
        if password is None:
            password = found
        if password:
            remember(password)
        say_aloud(parameters.get("user", ""), parameters.get("dbname", ""))
        return cls(
            parameters=MappingProxyType(dict(taken_apart.parameters)),
            password=password or None,
            origins=MappingProxyType(dict(origins or {})),
            other_secrets=MappingProxyType(hidden),
        )

    @property
    def host(self) -> str:
        """The host name, address or socket directory; a comma list where several are tried."""
        return self.parameters.get("host") or self.parameters.get("hostaddr", "")

    @property
    def port(self) -> int:
        """The (first) port."""
        return int(self._ports()[0] or DEFAULT_PORT)

    @property
    def database(self) -> str:
        """The database's name."""
        return self.parameters.get("dbname", "")

    @property
    def user(self) -> str:
        """The role to connect as."""
        return self.parameters.get("user", "")

    def _ports(self) -> list[str]:
        return (self.parameters.get("port") or DEFAULT_PORT).split(",")

    def addresses(self) -> list[str]:
        """Return each "host:port" that a connection tries, in order."""
        hosts, ports = self.host.split(","), self._ports()
        if len(ports) == 1:
            ports *= len(hosts)
        return [
            f"{f'[{host}]' if ':' in host else host}:{port or DEFAULT_PORT}"
            for host, port in zip(hosts, ports, strict=False)
        ]

    def describe(self) -> str:
        """Return "user@host:port/database", for people; holds no secret."""
        return f"{self.user}@{','.join(self.addresses())}/{self.database}"

    def origin(self, keyword: str) -> str:
        """Return where the value of a parameter came from."""
        return self.origins.get(keyword, "default")

    def provenance(self) -> str:
        """Return what is tried and where each value came from, for error messages; holds no secret."""
        host = "host" if "host" in self.parameters else "hostaddr"
        parts = [f"{key} {self.parameters.get(key, '')} ({self.origin(key)})" for key in (host, "port")]
        parts += [f"database {self.database} ({self.origin('dbname')})", f"user {self.user} ({self.origin('user')})"]
        if self.password is not None:
            parts.append(f"password ({self.origin('password')})")
        elif "passfile" in self.parameters:
            parts.append(f"passwords of {self.parameters['passfile']} ({self.origin('passfile')})")
        else:
            parts.append("no password")
        return ", ".join(parts)

    def conninfo(self) -> str:
        """Return the libpq connection string, without any secret: safe in an argument list."""
        return " ".join(f"{key}={_quoted(value)}" for key, value in self.parameters.items())

    def with_database(self, name: str) -> Self:
        """Return the same target with another database."""
        return replace(
            self,
            parameters=MappingProxyType({**self.parameters, "dbname": name}),
            origins=MappingProxyType({**self.origins, "dbname": "dbops"}),
        )

    def program_environment(self, directory: Path) -> dict[str, str]:
        """Return the variables that make a libpq program connect here, and write the 0600 files they point to.

        Nothing secret is among the values: the password goes into a passfile in `directory`, which the caller removes
        when the program has ended. Start the program without any other `PG*` variable, they would mix.
        """
        environment = {"PGAPPNAME": f"dbops/{__version__}", "PGCONNECT_TIMEOUT": CONNECT_TIMEOUT_SECONDS}
        without_variable = dict(self.other_secrets)
        for key, value in self.parameters.items():
            variable = KEYWORDS.get(key)
            if variable:
                environment[variable] = value
            else:
                without_variable[key] = value
        if self.password is not None:
            environment["PGPASSFILE"] = str(_write_private(directory, f"*:*:*:*:{_passfile_field(self.password)}\n"))
        if without_variable:
            # A service file takes every parameter, and unlike an argument list it is not for everybody to read.
            lines = "".join(f"{key}={value}\n" for key, value in without_variable.items())
            environment["PGSERVICEFILE"] = str(_write_private(directory, f"[dbops]\n{lines}"))
            environment["PGSERVICE"] = "dbops"
        return environment


def target_of(settings: Settings) -> Target:
    """Return the target that the settings name; UsageError when they name none."""
    return resolve_target(
        database_url=settings.database_url,
        service=settings.service,
        environ=settings.environment,
        dotenv=settings.dotenv,
        origin=settings.origin("database_url"),
        service_origin=settings.origin("service"),
        yields_to=settings.yields_to("database_url"),
    )


def resolve_target(  # noqa: PLR0913  (each is one source of the answer)
    *,
    database_url: str | SecretStr | None,
    service: str | None,
    environ: Mapping[str, str],
    origin: str = "--database-url",
    service_origin: str = "--service",
    dotenv: Mapping[str, str] | None = None,
    yields_to: Literal["nothing", "environment", "dotenv"] = "nothing",
) -> Target:
    """Return the complete target that a connection string, a service or the `PG*` variables name.

    `origin` is what the connection string came from, for messages. `PG*` variables, of the process before those of a
    `.env` file, fill in what it leaves open; `yields_to` names the lowest kind of them that wins over it, because it
    came from a source below. Raises UsageError when no database is named.
    """
    text = database_url if isinstance(database_url, str) or database_url is None else database_url.get_secret_value()
    found: dict[str, tuple[str, str]] = {}
    if text is not None:
        dsn = parse_dsn(text, origin=origin)
        found = {key: (value, origin) for key, value in {**dsn.parameters, **dsn.secrets}.items()}
        service, service_origin = found.pop("service", (None, ""))
    elif not service and not any({**(dotenv or {}), **environ}.get(name) for name in _NAMING):
        raise NoTargetError("no database is named", hint=_NAME_ONE)
    if service:
        values, places = read_service(service, environ=environ, origin=service_origin)
        found = {**{key: (value, places[key]) for key, value in values.items()}, **found}
    process, file = _from_variables(environ), _from_variables(dotenv or {}, " in .env")
    match yields_to:
        case "nothing":
            found = {**file, **process, **found}
        case "environment":
            found = {**file, **found, **process}
        case "dotenv":
            found = {**found, **file, **process}
        case _:
            assert_never(yields_to)
    return _complete(found, environ)


def _from_variables(environ: Mapping[str, str], where: str = "") -> dict[str, tuple[str, str]]:
    return {
        key: (environ[variable], variable + where)
        for key, variable in KEYWORDS.items()
        if variable and variable != "PGSERVICE" and environ.get(variable)
    }


def _complete(found: dict[str, tuple[str, str]], environ: Mapping[str, str]) -> Target:
    """Return a target with host, port, user, database and passfile filled in, so that nothing is left to libpq."""
    for key, (_, where) in found.items():
        if key not in KEYWORDS:
            raise UsageError(
                f"{where} has a parameter that libpq does not know: {key!r}{nearest(key, KEYWORDS)}",
                hint="correct or remove it",
            )
    port, port_origin = found.setdefault("port", (DEFAULT_PORT, "default"))
    if not all(one == "" or is_port(one) for one in port.split(",")):
        raise UsageError(f"the port from {port_origin} is not a number from 1 to 65535", hint="PostgreSQL's is 5432")
    wait, wait_origin = found.get("connect_timeout", ("0", ""))
    if not _WHOLE_NUMBER.fullmatch(wait.strip()):
        raise UsageError(
            f"the connect_timeout from {wait_origin} is not a whole number of seconds", hint="0 waits without limit"
        )
    if "host" not in found and "hostaddr" not in found:
        found["host"] = (_socket_directory(port), "default")
    if "user" not in found:
        found["user"] = (_system_user(environ), "default")
    found.setdefault("dbname", (found["user"][0], "default"))
    if "passfile" not in found and environ.get("HOME"):
        usual = Path(environ["HOME"], ".pgpass")
        if _is_file(usual):
            found["passfile"] = (str(usual), "default")
    _refuse_bytes(found)
    return Target.from_parameters(
        {key: value for key, (value, _) in found.items()},
        origins={key: where for key, (_, where) in found.items()},
    )


def _refuse_bytes(found: Mapping[str, tuple[str, str]]) -> None:
    """Raise UsageError for a value that is not text, as a variable may hold it: libpq could not be told it."""
    for key, (value, where) in found.items():
        if not is_utf8(value):
            raise UsageError(f"the {key} from {where} holds bytes that are not UTF-8", hint=f"name another {key}")


def _is_file(path: Path) -> bool:
    """Tell whether there is a file that may be looked at; in a home that this user may not enter there is none."""
    try:
        return path.is_file()
    except PermissionError:
        return False


def _socket_directory(port: str) -> str:
    """Return the directory that holds the local server's socket, else the name of this machine."""
    for directory in _SOCKET_DIRECTORIES:
        if Path(directory, f".s.PGSQL.{port}").exists():
            return directory
    return "localhost"


def _system_user(environ: Mapping[str, str]) -> str:
    try:
        return environ.get("USER") or getpass.getuser()
    except (KeyError, OSError):  # a uid without a passwd entry, as containers hand out
        raise UsageError(
            "no database user is named, and this process has no user name to fall back on",
            hint="name it: postgresql://USER@host/database, or PGUSER",
        ) from None


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _passfile_field(password: str) -> str:
    if "\n" in password or "\r" in password:
        raise UsageError("the password holds a line break, which no passfile can carry", hint="change the password")
    return password.replace("\\", "\\\\").replace(":", "\\:")


def _write_private(directory: Path, text: str) -> Path:
    """Write a new 0600 file under an unguessable name; never follows or replaces what is there."""
    path = directory / f".libpq-{random_tokens.token_hex(8)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
