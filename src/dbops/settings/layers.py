"""The sources of settings as layers: for each setting a source names, the value and where exactly it stands."""

from __future__ import annotations

import difflib
import enum
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbops.errors import ConfigurationError, UsageError
from dbops.settings.sources import at_home
from dbops.settings.table import table_at

if typing.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbops.settings.sources import ConfigFile
    from dbops.settings.table import Table

# Flags and variables with a name of their own; the others are derived: DBOPS_OBJECTIVES_RPO is objectives.rpo.
FLAGS: Mapping[str, str] = {
    "log_dir": "evidence.log_dir",
    "backup_dir": "backup.dir",
    "jobs": "backup.jobs",
    "fail_on": "audit.fail_on",
    "packs": "audit.packs",
    "select": "audit.select",
    "ignore": "audit.ignore",
    "depth": "drill.depth",
    "target_bindir": "drill.target_bindir",
    "allow_extension": "drill.extensions",
    "wal_archive": "drill.wal_archive",
    "base_backup": "drill.base_backup",
    "canary": "drill.canary",
    "key": "evidence.key",
    "trust": "evidence.trust",
}
_VARIABLES: Mapping[str, str] = {
    "DBOPS_LOG_DIR": "evidence.log_dir",
    "DBOPS_EVIDENCE_KEY_FILE": "evidence.key",
    "DBOPS_PING_URL": "evidence.ping",
}
_PATHS = frozenset(
    {
        "evidence.log_dir", "evidence.key", "evidence.trust", "backup.dir", "backup.identity", "drill.target_bindir",
        "drill.wal_archive", "drill.base_backup", "drill.pgbackrest.config", "drill.barman.config",
    }
)  # fmt: skip
_LIST_SEPARATOR = ","


class Rank(enum.IntEnum):
    """The precedence of sources; the smallest wins."""

    FLAG = 0
    DBOPS_VARIABLE = 1
    ENVIRONMENT = 2
    DOTENV = 3
    FILE = 4
    DEFAULT = 5


@dataclass(frozen=True, slots=True)
class Sourced:
    """A value and where it came from."""

    value: Any
    rank: Rank
    origin: str


def from_file(file: ConfigFile | None, root: type[Table]) -> dict[str, Sourced]:
    """Return the settings of a configuration file, down to the fields of `root`; nothing without a file."""
    if file is None:
        return {}
    found: dict[str, Sourced] = {}
    for where, value in _settings_in(file.values, root):
        name = ".".join(where)
        if name in _PATHS and value == "":  # which would be the working directory, wherever that is
            raise ConfigurationError(f"{file.place(where)}: {name} is empty", hint="name it, or leave the line out")
        found[name] = Sourced(_absolute(name, value, file.base), Rank.FILE, file.place(where))
    return found


def _settings_in(values: Mapping[str, Any], table: type[Table]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what a file says, down to what is no table of ours any more; unknown keys too, for validation to refuse."""
    for key, value in values.items():
        inner = table_at(table, [key])
        if inner is not None and isinstance(value, dict) and value:
            yield from (((key, *where), leaf) for where, leaf in _settings_in(value, inner))
        else:
            yield (key,), value


def from_dotenv(dotenv: Mapping[str, str], cwd: Path, root: type[Table]) -> dict[str, Sourced]:
    """Return the settings of a `.env` file."""
    return {
        name: Sourced(one.value, Rank.DOTENV, f"{one.origin} in .env")
        for name, one in from_variables(dotenv, cwd, root).items()
    }


def from_variables(environ: Mapping[str, str], cwd: Path, root: type[Table]) -> dict[str, Sourced]:
    """Return the settings that variables name; an empty variable counts as unset."""
    known = variable_names(root)
    _refuse_misspelt(environ, known)
    found: dict[str, Sourced] = {}
    for variable, name in (("DATABASE_URL", "database_url"), ("PGSERVICE", "service")):
        if environ.get(variable):
            found[name] = Sourced(environ[variable], Rank.ENVIRONMENT, variable)
    for variable, (name, is_list) in known.items():
        if value := environ.get(variable):
            parts = [part.strip() for part in value.split(_LIST_SEPARATOR) if part.strip()]
            found[name] = Sourced(_absolute(name, parts if is_list else value, cwd), Rank.DBOPS_VARIABLE, variable)
    return found


def _refuse_misspelt(environ: Mapping[str, str], known: Mapping[str, object]) -> None:
    """Refuse DBOPS_LOGDIR; leave alone what only begins like ours, as what Kubernetes sets for a service `dbops`."""
    for variable in environ:
        if variable.startswith("DBOPS_") and variable not in known:
            close = difflib.get_close_matches(variable, known, n=1, cutoff=0.9)
            if close:
                raise ConfigurationError(
                    f"{variable} is no setting; did you mean {close[0]}?", hint="rename or unset it"
                )


def variable_names(root: type[Table]) -> dict[str, tuple[str, bool]]:
    """Return each variable of ours with the setting it sets, and whether that is a comma-separated list."""
    names = {f"DBOPS_{name.replace('.', '_').upper()}": (name, is_list) for name, is_list in _plain_fields(root)}
    return names | {variable: (name, False) for variable, name in _VARIABLES.items()}


def _plain_fields(table: type[Table], prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the dotted name of every field that one text can fill: no tables, and no arrays of them."""
    for key, info in table.model_fields.items():
        inner = table_at(table, [key])
        container = typing.get_origin(info.annotation)
        if inner is None and container is not dict:
            yield f"{prefix}{key}", container is tuple
        elif inner is not None and container is not tuple:
            yield from _plain_fields(inner, f"{prefix}{key}.")


def from_flags(flags: Mapping[str, Any], cwd: Path) -> dict[str, Sourced]:
    """Return the settings among the flags given."""
    found: dict[str, Sourced] = {}
    for flag, value in flags.items():
        name = FLAGS.get(flag, flag)
        if value is None or (flag not in FLAGS and flag not in {"database_url", "service"}):
            continue
        found[name] = Sourced(_absolute(name, value, cwd), Rank.FLAG, f"--{flag.replace('_', '-')}")
    return found


def _absolute(name: str, value: Any, base: Path) -> Any:
    """Return a path setting resolved against the place that named it; anything else as it is."""
    if name not in _PATHS or not value:
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_absolute(name, one, base) for one in value)
    return base / at_home(Path(value)) if isinstance(value, (str, Path)) else value


def settle_target(sourced: dict[str, Sourced]) -> None:
    """Leave one of connection string and service: the one that ranks higher, of equals the connection string."""
    url, service = sourced.get("database_url"), sourced.get("service")
    if url is None or service is None:
        return
    if url.rank == service.rank == Rank.FLAG:
        raise UsageError("--database-url and --service both name a database", hint="leave one of them out")
    del sourced["database_url" if service.rank < url.rank else "service"]
