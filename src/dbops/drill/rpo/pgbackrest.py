"""A pgBackRest repository as a copy, by `info` and `repo-ls` in JSON.

Rules, in order:

1. An exit code of 0 says nothing: an unknown stanza is 0 with a status in the JSON, and so is one without a backup. The
   status of the stanza and of each repository is read.
2. Only a backup without error counts, of the cluster that is connected to.
3. Holes are found in the repository's listing; `info` knows the lowest and the highest segment only, `verify` ends with
   0 over both a hole and a corrupt backup.
4. `archive-push-queue-max` drops segments and calls them archived: where it is set, the archive is doubted.

Run it as the owner of the repository. What this does not do: restore, verify, or write to the repository.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbops.connection.process import ask
from dbops.drill.rpo.repository import Position, Repository, of_repository, segments_in, unread
from dbops.errors import DbopsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbops.drill.rpo.copies import SurvivingCopy

_SECONDS = 60.0
_DROPS = re.compile(r"^\s*archive-push-queue-max\s*=", re.MULTILINE)
_DROPPED = (
    "archive-push-queue-max is set: segments are dropped when they queue up, and counted as archived; leave it out, or"
    " watch the listing for gaps"
)


@dataclass(frozen=True, slots=True)
class PgBackRest:
    """Which repository: the stanza, and the configuration that archive_command names (None: pgBackRest's own)."""

    stanza: str
    config: Path | None = None


def of_pgbackrest(chosen: PgBackRest, position: Position, environ: Mapping[str, str]) -> SurvivingCopy:
    """Return the repository as a copy; one that cannot be asked is doubted, with the reason."""
    name = f"pgBackRest stanza {chosen.stanza}"
    program = shutil.which("pgbackrest", path=environ.get("PATH"))
    if program is None:
        return unread(name, "pgbackrest is not installed here")
    try:
        repository = _read(name, Path(program), chosen, position)
    except (DbopsError, ValueError, KeyError, TypeError, IndexError) as error:
        said = error.message if isinstance(error, DbopsError) else f"its answer was not understood ({error!r})"
        return unread(name, f"{said}; run dbops as the owner of the repository")
    return of_repository(repository, position)


def _read(name: str, program: Path, chosen: PgBackRest, position: Position) -> Repository:
    common = [f"--stanza={chosen.stanza}", "--log-level-file=off", "--output=json"]
    if chosen.config:
        common.append(f"--config={chosen.config}")
    stanzas = json.loads(ask(program, "info", *common, deadline=_SECONDS))
    if not stanzas:
        return Repository(name, None, {}, broken="there is no such stanza", remedy="pgbackrest stanza-create")
    (info,) = stanzas
    if wrong := _wrong_status(info):
        return Repository(name, None, {}, broken=wrong)
    here = [one for one in info["db"] if str(one["system-id"]) == position.system_identifier]
    if not here:
        return Repository(name, None, {}, broken="it is of another cluster", remedy="name this cluster's stanza")
    database = max(one["id"] for one in here)
    good = [one for one in info["backup"] if not one["error"] and one["database"]["id"] == database]
    archives = [one["id"] for one in info["archive"] if one["database"]["id"] == database]
    stored: dict[str, dt.datetime] = {}
    for archive in archives:
        stored |= _listed(program, f"archive/{chosen.stanza}/{archive}", common)
    newest = max(good, key=lambda one: one["timestamp"]["stop"], default=None)
    return Repository(
        name,
        newest["archive"]["start"] if newest else None,
        stored,
        doubt=_DROPPED if _drops(chosen.config) else None,
        inputs={"backup": newest["label"] if newest else None, "backups": len(good)},
    )


def _wrong_status(info: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the stanza, or with every repository it has; an exit code would not say."""
    if info["status"]["code"] == 0:
        return None
    said = [f"repository {one['key']}: {one['status']['message']}" for one in info["repo"] if one["status"]["code"]]
    return f"{info['status']['message']} ({'; '.join(said)})" if said else str(info["status"]["message"])


def _listed(program: Path, path: str, common: list[str]) -> dict[str, dt.datetime]:
    listing = json.loads(ask(program, "repo-ls", path, "--recurse", *common, deadline=_SECONDS))
    return segments_in(
        {
            name.rpartition("/")[2]: dt.datetime.fromtimestamp(one["time"], dt.UTC)
            for name, one in listing.items()
            if one["type"] == "file"
        }
    )


def _drops(config: Path | None) -> bool:
    path = config or Path("/etc/pgbackrest/pgbackrest.conf")
    try:
        return _DROPS.search(path.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return False
