"""Read a libpq service file (`~/.pg_service.conf`): which parameters one named service stands for.

Read here rather than left to libpq, because the libpq inside psycopg's wheel and the one of the installed client
programs look in different system directories; this way both get the same answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dbops.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SYSTEM_DIRECTORIES = ("/etc/postgresql-common", "/etc/sysconfig/pgsql", "/etc")


def read_service(name: str, *, environ: Mapping[str, str], origin: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parameters of service `name`, and for each the file and line it stands on.

    The first file that defines the service wins, as in libpq: PGSERVICEFILE, else `~/.pg_service.conf`, then the
    system's. Raises UsageError when none does, ConfigurationError for a file that cannot be read.
    """
    tried = list(_candidates(environ))
    for path in tried:
        found = None if _out_of_reach(path, environ) else _section(path, name)
        if found is not None:
            values = {key: value for key, (value, _) in found.items()}
            return values, {key: f"service {name} ({path}:{line})" for key, (_, line) in found.items()}
    looked = ", ".join(map(str, tried)) or "no file"
    raise UsageError(
        f"there is no service {name!r} (named by {origin}); looked in {looked}",
        hint=f"add a section [{name}] with host=, port=, dbname=, user= to ~/.pg_service.conf, or use --database-url",
    )


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if named := environ.get("PGSERVICEFILE"):
        yield Path(named)
    elif home := environ.get("HOME"):
        yield Path(home, ".pg_service.conf")
    directories = (environ["PGSYSCONFDIR"],) if environ.get("PGSYSCONFDIR") else _SYSTEM_DIRECTORIES
    for directory in directories:
        yield Path(directory, "pg_service.conf")


def _out_of_reach(path: Path, environ: Mapping[str, str]) -> bool:
    """Tell whether a file that nobody named lies where this user may not look: to libpq too there is none then."""
    if str(path) == environ.get("PGSERVICEFILE"):
        return False
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _section(path: Path, name: str) -> dict[str, tuple[str, int]] | None:
    """Return keyword -> (value, line number) of one section, or None where file or section do not exist."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(
            f"the service file {path} cannot be read: {reason}",
            hint=f"see `ls -l {path}`, or name another by PGSERVICEFILE",
        ) from None
    found: dict[str, tuple[str, int]] | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if found is not None:
                break
            found = {} if line == f"[{name}]" else None
        elif found is not None:
            key, equals, value = line.partition("=")
            if not equals or line.startswith("ldap"):
                # The line itself may be half of a password: never quoted.
                raise ConfigurationError(
                    f"{path}:{number} (service {name}) is not keyword=value",
                    hint="one parameter a line, as in host=db.example; LDAP look-ups are not supported",
                )
            found.setdefault(key.strip(), (value.strip(), number))
    return found
