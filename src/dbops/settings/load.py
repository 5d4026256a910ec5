"""Put the sources together: each value from the source that ranks highest, and remember which one that was."""

from __future__ import annotations

import difflib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationError

from dbops.errors import ConfigurationError
from dbops.model import Location
from dbops.secrets import remember_url
from dbops.settings.declared import Expectations
from dbops.settings.layers import (
    FLAGS,
    Rank,
    Sourced,
    from_dotenv,
    from_file,
    from_flags,
    from_variables,
    settle_target,
)
from dbops.settings.sources import ConfigFile, at_home, find_config, read_config, read_dotenv, remember_secrets_in
from dbops.settings.table import Table, table_at
from dbops.settings.tables import AuditTable, BackupTable, DrillTable, EvidenceTable, ObjectivesTable, TenancyTable

if typing.TYPE_CHECKING:
    from collections.abc import Mapping

    from dbops.settings.lines import Where

_MOST_ERRORS = 5


@dataclass(frozen=True, slots=True)
class _Sources:
    """What a `Settings` was made of."""

    file: ConfigFile | None = None
    origins: Mapping[str, Sourced] = field(default_factory=dict)
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
        sourced = self._sources.origins.get(FLAGS.get(name, name))
        return sourced.origin if sourced else "default"

    def has_table(self, name: str) -> bool:
        """Tell whether the configuration file has the table `name`, even an empty one."""
        file = self._sources.file
        return file is not None and name in file.values

    def yields_to(self, name: str) -> Literal["nothing", "environment", "dotenv"]:
        """Return the lowest-ranking kind of `PG*` variable that wins over the source of `name`."""
        sourced = self._sources.origins.get(name)
        if sourced is None or sourced.rank < Rank.DOTENV:
            return "nothing"
        return "environment" if sourced.rank is Rank.DOTENV else "dotenv"

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
    cwd = cwd.absolute()
    remember_secrets_in(environ)
    remember_url(str(flags.get("database_url") or ""))
    file = _config(config or flags.get("config"), cwd, environ)
    dotenv = read_dotenv(_dotenv_path(cwd, file), environ)
    base = file.base if file else cwd
    sourced: dict[str, Sourced] = {
        "evidence.log_dir": Sourced(base / "logs", Rank.DEFAULT, "default"),
        "backup.dir": Sourced(base / "backups", Rank.DEFAULT, "default"),
    }
    tree: dict[str, Any] = {}
    for layer in (
        from_file(file, Settings),
        from_dotenv(dotenv, cwd, Settings),
        from_variables(environ, cwd, Settings),
        from_flags(flags, cwd),
    ):
        sourced.update(layer)
    settle_target(sourced)
    for name, one in sorted(sourced.items()):
        _put(tree, name.split("."), one.value)
    settings = _validated(tree, file, sourced)
    settings._sources = _Sources(file, sourced, dict(environ), dotenv)  # noqa: SLF001  (its own module)
    _check_unique_ids(settings)
    return settings


def _config(named: Path | str | None, cwd: Path, environ: Mapping[str, str]) -> ConfigFile | None:
    named = named or environ.get("DBOPS_CONFIG") or None
    path = cwd / at_home(Path(named)) if named else find_config(cwd)
    return read_config(path, cwd) if path else None


def _dotenv_path(cwd: Path, file: ConfigFile | None) -> Path:
    """Return the `.env` of the working directory, else the one beside the configuration."""
    here = cwd / ".env"
    return here if here.exists() or file is None else file.base / ".env"


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner: Any = tree.setdefault(part, {})
        if not isinstance(inner, dict):  # `objectives = 5`: left as it is, for validation to refuse
            return
        tree = inner
    tree[path[-1]] = value


def _validated(tree: Mapping[str, Any], file: ConfigFile | None, sourced: Mapping[str, Sourced]) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        # Without input and without the cause: a value in the wrong place may be a password.
        details = error.errors(include_input=False, include_url=False)
    details.sort(key=lambda detail: file.line(detail["loc"]) if file else 0)
    messages = [_complaint(detail, file, sourced) for detail in details[:_MOST_ERRORS]]
    if len(details) > _MOST_ERRORS:
        messages.append(f"and {len(details) - _MOST_ERRORS} more")
    raise ConfigurationError(
        "\n".join(messages), hint="correct it where it stands; `dbops init` writes a configuration that is valid"
    )


def _complaint(detail: Mapping[str, Any], file: ConfigFile | None, sourced: Mapping[str, Sourced]) -> str:
    """Return "dbops.toml:12: objectives.rpo …" for one error of pydantic."""
    where: Where = tuple(detail["loc"])
    name = ".".join(str(part) for part in where if isinstance(part, str))
    if detail["type"] == "extra_forbidden":
        words = f"unknown key; {_known_instead(where)}"
    else:
        words = detail["msg"].removeprefix("Value error, ")
        words = words.replace("Input should be", "must be").replace("Tuple", "list")
    one = _source_of(where, sourced)
    place = file.place(where) if file and (one is None or one.rank is Rank.FILE) else one.origin if one else "settings"
    return f"{place}: {name}: {words[0].lower()}{words[1:]}"


def _known_instead(where: Where) -> str:
    table = table_at(Settings, where[:-1])
    known = sorted(table.model_fields) if table else []
    close = difflib.get_close_matches(str(where[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def _source_of(where: Where, sourced: Mapping[str, Sourced]) -> Sourced | None:
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
