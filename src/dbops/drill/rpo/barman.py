"""A Barman server as a copy, by its JSON and the files it names.

Rules, in order:

1. Barman ends with 0 and says OK over a setting it could not read: a `_WARNING` or `_ERROR` in any answer leaves the
   copy doubted, and so does any check that is not OK.
2. Only a backup that is DONE counts; one that waits for its log cannot be restored yet.
3. `list-files` tells what Barman's own list holds, not what is on disk: a file that is not there is a gap.

Run it as Barman's user. What this does not do: restore, or write to Barman's home.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbops.connection.process import last_lines, run
from dbops.connection.workspace import workspace
from dbops.drill.rpo.repository import Position, Repository, of_repository, segments_in, unread
from dbops.errors import DbopsError, ProgramFailedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbops.drill.rpo.copies import SurvivingCopy

_SECONDS = 60.0
_NOT_GOOD = ("_WARNING", "_ERROR", "_EXCEPTION")


@dataclass(frozen=True, slots=True)
class Barman:
    """Which server of Barman's, and Barman's configuration (None: its own)."""

    server: str
    config: Path | None = None


@dataclass(slots=True)
class _Asking:
    """Asks one program in JSON, and keeps what it warns of."""

    program: Path
    chosen: Barman
    warned: list[str]

    def ask(self, command: str, *arguments: str) -> Any:
        """Return an answer. Its exit code is not looked at: `check` ends with 1 for what it says in JSON."""
        config = [f"--config={self.chosen.config}"] if self.chosen.config else []
        with workspace() as folder:
            completed = run(
                self.program,
                [*config, "--format=json", command, *arguments],
                output=folder / "barman",
                deadline=_SECONDS,
            )
            text = completed.stdout.read_text(encoding="utf-8", errors="replace")
            try:
                answer = json.loads(text)
            except ValueError as error:
                said = last_lines(completed.stderr) or text[-200:]
                raise ProgramFailedError(f"barman {command} did not answer in JSON: {said}") from error
        for kind in _NOT_GOOD:
            self.warned += [str(one) for one in answer.get(kind, ())]
        return answer

    def about(self, command: str, *arguments: str) -> Any:
        """Return the part of an answer that is about the server. Raises UnavailableError where there is none."""
        answer = self.ask(command, self.chosen.server, *arguments)
        if self.chosen.server not in answer:
            raise UnavailableError(f"barman {command}: {'; '.join(self.warned) or 'it says nothing of that server'}")
        return answer[self.chosen.server]


def of_barman(chosen: Barman, position: Position, environ: Mapping[str, str]) -> SurvivingCopy:
    """Return Barman's copy; one that cannot be asked is doubted, with the reason."""
    name = f"Barman server {chosen.server}"
    program = shutil.which("barman", path=environ.get("PATH"))
    if program is None:
        return unread(name, "barman is not installed here")
    try:
        repository = _read(name, _Asking(Path(program), chosen, []), position)
    except (DbopsError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = error.message if isinstance(error, DbopsError) else f"its answer was not understood ({error!r})"
        return unread(name, f"{said}; run dbops as Barman's user")
    return of_repository(repository, position)


def _read(name: str, barman: _Asking, position: Position) -> Repository:
    server = barman.about("show-server")
    known = str(server.get("postgres_systemid") or server.get("streaming_systemid") or "")
    if known != position.system_identifier:
        words = "it is of another cluster" if known.isdecimal() else "it does not reach the server, to say which it is"
        return Repository(name, None, {}, broken=words, remedy="name the Barman server of this cluster")
    checks = barman.about("check")
    backups = [one for one in barman.about("list-backups") if one["status"] == "DONE"]
    newest = max(backups, key=lambda one: int(one["end_time_timestamp"]), default=None)
    first = None
    stored: dict[str, dt.datetime] = {}
    if newest:
        first = barman.about("show-backup", newest["backup_id"])["base_backup_information"]["begin_wal"]
        listed = barman.ask("list-files", "--target", "wal", barman.chosen.server, newest["backup_id"])
        stored = _on_disk(listed.get("_INFO", ()), Path(server["wals_directory"]))
    wrong = [
        f"{check}: {one['hint']}" if one["hint"] else check for check, one in checks.items() if one["status"] != "OK"
    ]
    return Repository(
        name,
        first,
        stored,
        doubt=_doubt(barman.warned, wrong),
        inputs={"backup": newest["backup_id"] if newest else None, "backups": len(backups)},
    )


def _on_disk(paths: Sequence[str], wals: Path) -> dict[str, dt.datetime]:
    """Return the files of a list that are there, and when they came; OSError where that cannot be told."""
    list(wals.iterdir())  # a directory that may not be entered would make every file look missing
    found = {}
    for path in map(Path, paths):
        if path.is_file():
            found[path.name] = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
    return segments_in(found)


def _doubt(warned: Sequence[str], wrong: Sequence[str]) -> str | None:
    said = [
        *(f"barman warns: {text.strip()}" for text in dict.fromkeys(warned)),
        *(f"barman check: {one}" for one in wrong),
    ]
    return "; ".join(said) or None
