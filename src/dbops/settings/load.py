"""Put the sources together: each value from the source that ranks highest, and remember which one that was."""

from __future__ import annotations

import enum
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, PrivateAttr, SecretStr, ValidationError

from dbops.errors import ConfigurationError, UsageError
from dbops.model import Location
from dbops.secrets import remember_url
from dbops.settings.declared import Expectations
from dbops.settings.sources import ConfigFile, find_config, read_config, read_dotenv, remember_secrets_in
from dbops.settings.table import UNKNOWN_KEY, Table
from dbops.settings.tables import AuditTable, BackupTable, DrillTable, EvidenceTable, ObjectivesTable, TenancyTable

if typing.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbops.settings.lines import Where

# Flags and variables with a name of their own; the others are derived: DBOPS_OBJECTIVES_RPO is objectives.rpo.
_FLAGS: Mapping[str, str] = {
    "log_dir": "evidence.log_dir",
    "backup_dir": "backup.dir",
    "jobs": "backup.jobs",
    "fail_on": "audit.fail_on",
    "packs": "audit.packs",
    "select": "audit.select",
    "ignore": "audit.ignore",
    "depth": "drill.depth",
    "target_bindir": "drill.target_bindir",
    "key": "evidence.key",
    "trust": "evidence.trust",
}
_VARIABLES: Mapping[str, str] = {"DBOPS_LOG_DIR": "evidence.log_dir", "DBOPS_EVIDENCE_KEY_FILE": "evidence.key"}
_PATHS = frozenset({"evidence.log_dir", "evidence.key", "evidence.trust", "backup.dir", "drill.target_bindir"})
_LIST_SEPARATOR = ","
_MOST_ERRORS = 5


class _Rank(enum.IntEnum):
    """The precedence of sources; the smallest wins."""

    FLAG = 0
    DBOPS_VARIABLE = 1
    ENVIRONMENT = 2
    DOTENV = 3
    FILE = 4
    DEFAULT = 5


@dataclass(frozen=True, slots=True)
class _Sourced:
    """A value and where it came from."""

    value: Any
    rank: _Rank
    origin: str


@dataclass(frozen=True, slots=True)
class _Sources:
    """What a `Settings` was made of."""

    file: ConfigFile | None = None
    origins: Mapping[str, _Sourced] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    dotenv: Mapping[str, str] = field(default_factory=dict)


class Settings(Table):
    """Everything the user has decided, with defaults for the rest. Holds no password but inside `database_url`."""

    database_url: SecretStr | None = None
    service: str | None = None
    objectives: ObjectivesTable = ObjectivesTable()
    audit: AuditTable = AuditTable()
    expect: Expectations = Expectations()
    backup: BackupTable = BackupTable()
    drill: DrillTable = DrillTable()
    evidence: EvidenceTable = EvidenceTable()
    tenancy: TenancyTable | None = None
    targets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    _sources: _Sources = PrivateAttr(default_factory=_Sources)

    @property
    def log_dir(self) -> Path:
        """Where runs are kept: `[evidence] log_dir`."""
        return self.evidence.log_dir

    @property
    def backup_dir(self) -> Path:
        """Where backups are: `[backup] dir`."""
        return self.backup.dir

    @property
    def config_file(self) -> Path | None:
        """The configuration file that was read."""
        return self._sources.file.path if self._sources.file else None

    @property
    def sha256(self) -> str | None:
        """The digest of the configuration file."""
        return self._sources.file.sha256 if self._sources.file else None

    @property
    def environment(self) -> Mapping[str, str]:
        """The process's environment, as it was handed in."""
        return self._sources.environment

    @property
    def dotenv(self) -> Mapping[str, str]:
        """What of `.env` is ours."""
        return self._sources.dotenv

    def origin(self, name: str) -> str:
        """Return where a value came from: "--log-dir", "DBOPS_LOG_DIR", "dbops.toml:3", "default"."""
        sourced = self._sources.origins.get(_FLAGS.get(name, name))
        return sourced.origin if sourced else "default"

    def yields_to(self, name: str) -> Literal["nothing", "environment", "dotenv"]:
        """Return the lowest-ranking kind of `PG*` variable that wins over the source of `name`."""
        sourced = self._sources.origins.get(name)
        if sourced is None or sourced.rank < _Rank.DOTENV:
            return "nothing"
        return "environment" if sourced.rank is _Rank.DOTENV else "dotenv"

    def locate(self, table: str, position: int) -> Location | None:
        """Return the line of the header of the element at `position` (from 0) of an array: ("expect.index", 2)."""
        return self._location((*table.split("."), position))

    def locate_key(self, name: str) -> Location | None:
        """Return the line of a key, such as "audit.packs"; None when it is not from the file."""
        return self._location(tuple(name.split(".")))

    def _location(self, where: Where) -> Location | None:
        file = self._sources.file
        if file is None or not _present(file.values, where):
            return None
        return Location(file=file.shown, line=file.line(where))


def load_settings(
    flags: Mapping[str, Any], *, cwd: Path, environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """Return the settings; `flags` are those given, by name, and names that are no setting are the command's own.

    Raises ConfigurationError for files and variables, UsageError for flags; messages name the source, never a value.
    """
    remember_secrets_in(environ)
    remember_url(str(flags.get("database_url") or ""))
    file = _config(config or flags.get("config"), cwd, environ)
    dotenv = read_dotenv(_dotenv_path(cwd, file), environ)
    base = file.path.parent if file else cwd
    sourced: dict[str, _Sourced] = {
        "evidence.log_dir": _Sourced(base / "logs", _Rank.DEFAULT, "default"),
        "backup.dir": _Sourced(base / "backups", _Rank.DEFAULT, "default"),
    }
    tree: dict[str, Any] = {}
    for layer in (_from_file(file), _from_dotenv(dotenv, cwd), _from_variables(environ, cwd), _from_flags(flags, cwd)):
        sourced.update(layer)
    _settle_target(sourced)
    for name, one in sorted(sourced.items()):
        _put(tree, name.split("."), one.value)
    settings = _validated(tree, file, sourced)
    settings._sources = _Sources(file, sourced, dict(environ), dotenv)  # noqa: SLF001  (its own module)
    _check_unique_ids(settings)
    return settings


def _config(named: Path | str | None, cwd: Path, environ: Mapping[str, str]) -> ConfigFile | None:
    named = named or environ.get("DBOPS_CONFIG") or None
    path = cwd / Path(named).expanduser() if named else find_config(cwd)
    return read_config(path, cwd) if path else None


def _dotenv_path(cwd: Path, file: ConfigFile | None) -> Path:
    """Return the `.env` of the working directory, else the one beside the configuration."""
    here = cwd / ".env"
    return here if here.exists() or file is None else file.path.parent / ".env"


def _from_file(file: ConfigFile | None) -> dict[str, _Sourced]:
    if file is None:
        return {}
    found: dict[str, _Sourced] = {}
    for where, value in _settings_in(file.values, Settings):
        name = ".".join(where)
        found[name] = _Sourced(_absolute(name, value, file.path.parent), _Rank.FILE, file.place(where))
    return found


def _settings_in(values: Mapping[str, Any], table: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what a file says, down to what is no table of ours any more; unknown keys too, for validation to refuse."""
    for key, value in values.items():
        inner = _table_of(table, key)
        if inner is not None and isinstance(value, dict) and value:
            yield from (((key, *where), leaf) for where, leaf in _settings_in(value, inner))
        else:
            yield (key,), value


def _table_of(table: type[BaseModel], key: str) -> type[BaseModel] | None:
    """Return the table that the field `key` holds, None where it holds a value or an array."""
    annotation = table.model_fields[key].annotation if key in table.model_fields else None
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Table):
            return candidate
    return None


def _from_dotenv(dotenv: Mapping[str, str], cwd: Path) -> dict[str, _Sourced]:
    return {
        name: _Sourced(one.value, _Rank.DOTENV, f"{one.origin} in .env")
        for name, one in _from_variables(dotenv, cwd).items()
    }


def _from_variables(environ: Mapping[str, str], cwd: Path) -> dict[str, _Sourced]:
    """Return the settings that variables name; an empty variable counts as unset."""
    found: dict[str, _Sourced] = {}
    for variable, name in (("DATABASE_URL", "database_url"), ("PGSERVICE", "service")):
        if environ.get(variable):
            found[name] = _Sourced(environ[variable], _Rank.ENVIRONMENT, variable)
    for variable, (name, is_list) in variable_names().items():
        if value := environ.get(variable):
            parts = [part.strip() for part in value.split(_LIST_SEPARATOR) if part.strip()]
            found[name] = _Sourced(_absolute(name, parts if is_list else value, cwd), _Rank.DBOPS_VARIABLE, variable)
    return found


def variable_names() -> dict[str, tuple[str, bool]]:
    """Return each variable of ours with the setting it sets, and whether that is a comma-separated list."""
    names = {f"DBOPS_{name.replace('.', '_').upper()}": (name, is_list) for name, is_list in _plain_fields(Settings)}
    return names | {variable: (name, False) for variable, name in _VARIABLES.items()}


def _plain_fields(table: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the dotted name of every field that one text can fill: no tables, and no arrays of them."""
    for key, info in table.model_fields.items():
        inner = _table_of(table, key)
        arguments = typing.get_args(info.annotation)
        if inner is not None and typing.get_origin(info.annotation) is not tuple:
            yield from _plain_fields(inner, f"{prefix}{key}.")
        elif inner is None and typing.get_origin(info.annotation) is not dict:
            yield f"{prefix}{key}", bool(arguments) and typing.get_origin(info.annotation) is tuple


def _from_flags(flags: Mapping[str, Any], cwd: Path) -> dict[str, _Sourced]:
    found: dict[str, _Sourced] = {}
    for flag, value in flags.items():
        name = _FLAGS.get(flag, flag)
        if value is None or (flag not in _FLAGS and flag not in {"database_url", "service"}):
            continue
        found[name] = _Sourced(_absolute(name, value, cwd), _Rank.FLAG, f"--{flag.replace('_', '-')}")
    return found


def _absolute(name: str, value: Any, base: Path) -> Any:
    """Return a path setting resolved against the place that named it; anything else as it is."""
    if name not in _PATHS or not value:
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_absolute(name, one, base) for one in value)
    return base / Path(value).expanduser() if isinstance(value, (str, Path)) else value


def _settle_target(sourced: dict[str, _Sourced]) -> None:
    """Leave one of connection string and service: the one that ranks higher, of equals the connection string."""
    url, service = sourced.get("database_url"), sourced.get("service")
    if url is None or service is None:
        return
    if url.rank == service.rank == _Rank.FLAG:
        raise UsageError("--database-url and --service both name a database", hint="leave one of them out")
    del sourced["database_url" if service.rank < url.rank else "service"]


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


def _validated(tree: Mapping[str, Any], file: ConfigFile | None, sourced: Mapping[str, _Sourced]) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        # Without input and without the cause: a value in the wrong place may be a password.
        details = error.errors(include_input=False, include_url=False)
    messages = [_complaint(detail, file, sourced) for detail in details[:_MOST_ERRORS]]
    if len(details) > _MOST_ERRORS:
        messages.append(f"and {len(details) - _MOST_ERRORS} more")
    raise ConfigurationError(
        "\n".join(messages), hint="correct it where it stands; `dbops init` writes a configuration that is valid"
    )


def _complaint(detail: Mapping[str, Any], file: ConfigFile | None, sourced: Mapping[str, _Sourced]) -> str:
    """Return "dbops.toml:12: objectives.rpo …" for one error of pydantic."""
    context = detail.get("ctx", {})
    where: Where = (*detail["loc"], context["key"]) if detail["type"] == UNKNOWN_KEY else tuple(detail["loc"])
    name = ".".join(str(part) for part in where if isinstance(part, str))
    words = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be").replace("Tuple", "list")
    one = _source_of(where, sourced)
    place = file.place(where) if file and (one is None or one.rank is _Rank.FILE) else one.origin if one else "settings"
    return f"{place}: {name}: {words[0].lower()}{words[1:]}"


def _source_of(where: Where, sourced: Mapping[str, _Sourced]) -> _Sourced | None:
    parts = [str(part) for part in where]
    for length in range(len(parts), 0, -1):
        if one := sourced.get(".".join(parts[:length])):
            return one
    return None


def _check_unique_ids(settings: Settings) -> None:
    seen: dict[str, Where] = {}
    for kind in type(settings.expect).model_fields:
        for position, one in enumerate(getattr(settings.expect, kind)):
            where: Where = ("expect", kind, position)
            if one.id in seen:
                file = settings._sources.file  # noqa: SLF001  (its own module)
                places = [file.place(at) if file else "settings" for at in (seen[one.id], where)]
                raise ConfigurationError(
                    f"two expectations have the id {one.id!r}: {places[0]} and {places[1]}",
                    hint="give each an id of its own; findings and waivers go by it",
                )
            seen[one.id] = where


def _present(values: Any, where: Where) -> bool:
    for part in where:
        if isinstance(part, int):
            if not isinstance(values, list) or part >= len(values):
                return False
        elif not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True
