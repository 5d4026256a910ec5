"""Find and read what settings come from: `dbops.toml` and `.env`. Nothing read here is quoted in an error.

The configuration says which programs run (`target_bindir`) and which SQL. So a file that was merely found on the way
up, in a directory where everybody may put one, is taken only from ourselves.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbops.errors import ConfigurationError
from dbops.secrets import redact, remember, remember_url
from dbops.settings.lines import Where, lines_of, nearest_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CONFIG_NAME = "dbops.toml"
# What is longer is no configuration: /dev/zero, or a dump in its place, would fill the memory.
_MOST_BYTES = 1 << 20
_OURS = re.compile(r"(?:DBOPS_|PG)[A-Z0-9_]+|DATABASE_URL")
_SECRET_KEY = re.compile(
    r"passw(?:or)?d|passphrase|passwd|secret|api_?key|private_?key|credential|\btoken", re.IGNORECASE
)
_HOLDS_PASSWORD = re.compile(r"://[^/?@]*:[^/?]*@|(?:\A|[?&\s])(?:ssl)?password\s*=|://.*:.*@", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_WHERE_PASSWORDS_GO = (
    "leave the password out of the file: put it into DATABASE_URL or PGPASSWORD, a libpq service file, or ~/.pgpass"
)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file as read; `shown` is its name for people, `lines` tells where in it a key stands.

    Relative paths start at `base`: where the file lies, or, for what is no file (/dev/null, a pipe), where we are.
    """

    path: Path
    base: Path
    shown: str
    values: Mapping[str, Any]
    lines: Mapping[Where, int]
    sha256: str

    def line(self, where: Where) -> int:
        """Return the line of a key, or of what is around it."""
        return nearest_line(self.lines, where) or 1

    def place(self, where: Where) -> str:
        """Return "dbops.toml:12"."""
        return f"{self.shown}:{self.line(where)}"


def at_home(path: Path) -> Path:
    """Return a path with the home directory that its `~` stands for; ConfigurationError where nobody knows it."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigurationError(
            f"{path}: which directory {path.parts[0]} is, is not known here", hint="write the path out"
        ) from None


def find_config(cwd: Path) -> Path | None:
    """Return the nearest dbops.toml from `cwd` upward; the search ends with the directory that holds a `.git`."""
    for directory in (cwd, *cwd.parents):
        candidate = directory / CONFIG_NAME
        if _exists(candidate):
            _check_ours(candidate)
            return candidate
        if _exists(directory / ".git"):
            return None
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # a directory on the way that we may not even look into
        return False


def _check_ours(path: Path) -> None:
    anyone_may_create = path.parent.stat().st_mode & stat.S_IWOTH
    status = path.stat()
    foreign = status.st_uid not in {os.geteuid(), 0}
    if (anyone_may_create and foreign) or status.st_mode & stat.S_IWOTH:
        raise ConfigurationError(
            f"{path} was found on the way up, and not only you can have written it; it could make dbops run anything",
            hint=f"look at it, then name it with --config {path}, or run dbops elsewhere",
        )


def read_config(path: Path, cwd: Path) -> ConfigFile:
    """Return the file, read and checked for secrets; ConfigurationError names the file and, where known, the line."""
    shown = str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the configuration {shown} cannot be read: {error.strerror}", hint="correct --config, or its permissions"
        ) from None
    if len(data) > _MOST_BYTES:
        raise ConfigurationError(f"{shown} is no configuration: it is longer than 1 MiB", hint="correct --config")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{shown}:{line} is not UTF-8", hint="save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, shown, text) from None
    except RecursionError:
        raise ConfigurationError(f"{shown} is nested too deeply", hint="tables of tables go two levels deep") from None
    base = path.parent if path.is_file() else cwd
    config = ConfigFile(path, base, shown, values, lines_of(text), hashlib.sha256(data).hexdigest())
    for where, value in _leaves(values):
        _refuse_secret(config, where, value)
    return config


def _not_toml(error: tomllib.TOMLDecodeError, shown: str, text: str) -> ConfigurationError:
    message = str(error)
    at = re.search(r"\(at line (\d+), column (\d+)\)|\(at end of document\)", message)
    line = at[1] if at and at[1] else str(text.count("\n") + 1)
    what = redact(message[: at.start()] if at else message).strip()
    return ConfigurationError(
        f"{shown}:{line} is not TOML: {what}", hint="strings need quotes, and each key its own line"
    )


def _leaves(value: Any, where: Where = ()) -> Iterator[tuple[Where, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*where, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _leaves(inner, (*where, position))
    else:
        yield where, value


def _refuse_secret(file: ConfigFile, where: Where, value: Any) -> None:
    names = [part for part in where if isinstance(part, str)]
    if not isinstance(value, str) or not names:
        return
    if names[-1] == "database_url" and _HOLDS_PASSWORD.search(value):
        remember_url(value)
        raise ConfigurationError(f"{file.place(where)}: database_url holds a password", hint=_WHERE_PASSWORDS_GO)
    if _SECRET_KEY.search(names[-1]):
        remember(value)
        raise ConfigurationError(
            f"{file.place(where)}: {names[-1]!r} looks like a secret, and dbops.toml is no place for one",
            hint=_WHERE_PASSWORDS_GO,
        )


def read_dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a `.env` file that are ours: `DBOPS_*`, `DATABASE_URL`, `PG*`.

    Quotes, `export`, comments and `${NAME:-default}` are understood as other tools do. A missing file is empty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{path} cannot be read: {reason}", hint="correct it, or move it away") from None
    known = dict(environ)
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _ASSIGNMENT.fullmatch(line):
            value = _dotenv_value(match["value"], known)
            known.setdefault(match["name"], value)  # as in a shell that has sourced it, the environment wins
            found[match["name"]] = value
    ours = {name: value for name, value in found.items() if _OURS.fullmatch(name) and value}
    remember_secrets_in(ours)
    return ours


def remember_secrets_in(environ: Mapping[str, str]) -> None:
    """Remember for redaction every password that variables of ours hold."""
    remember(environ.get("PGPASSWORD", ""))
    for name in ("DATABASE_URL", "DBOPS_DATABASE_URL"):
        remember_url(environ.get(name, ""))


def _dotenv_value(raw: str, known: Mapping[str, str]) -> str:
    if quoted := re.fullmatch(r"'([^']*)'\s*(?:#.*)?", raw):
        return quoted[1]
    if quoted := re.fullmatch(r'"((?:\\.|[^"\\])*)"\s*(?:#.*)?', raw):
        value = re.sub(r"\\([\\\"$])", r"\1", quoted[1])
    else:
        value = re.split(r"\s#", raw, maxsplit=1)[0].strip()
    return _REFERENCE.sub(lambda match: known.get(match["name"]) or match["default"] or "", value)
