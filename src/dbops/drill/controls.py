"""What a negative control has come to, and the parts of it that need nothing of the copy's database.

They go on beside the ladder, on tables of our own in the maintenance database of the copy's server, which nothing of
the archive can reach. The rules:

1. A small archive, cut off, must fail to be read.
2. An index on a function that has come to say something else lacks every row of its table: `pg_amcheck`, run and read
   as for the copy, must say so.

What this does not do: change the copy (`control.py`), or show that a damaged page is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from dbops.backup.archive import Archiver
from dbops.backup.background import Background
from dbops.drill.amcheck import Amcheck
from dbops.model import Check, CheckStatus, Scope

if TYPE_CHECKING:
    from dbops.drill.copy import Copy
    from dbops.drill.rehearsal import Plan, Rehearsal, Rehearsed

NAME = "negative-control"
_LOCK_SECONDS = 10
_ROWS_IN_MINI_ARCHIVE = 2000


@dataclass(slots=True)
class Controls:
    """What has been controlled so far, by the name of the detector: whether it fired, or why it could not be asked."""

    fired: dict[str, bool] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def as_check(self, duration_ms: int) -> Check:
        """Return the check: it passes where every detector that could be asked has fired."""
        silent = [name for name, fired in self.fired.items() if not fired]
        reasons = [f"did not see a change that was made: {name}" for name in silent]
        reasons += [f"{name} could not be controlled: {why}" for name, why in self.broken.items()]
        reasons += [f"{name} not controlled: {why}" for name, why in self.absent.items()]
        names = ", ".join(name for name, fired in self.fired.items() if fired)
        return Check(
            check=NAME,
            title="Every comparison sees a difference that was made on purpose",
            status=CheckStatus.ERROR if silent or self.broken else CheckStatus.PASS,
            reason="; ".join(reasons) or None,
            remedy="do not rely on this drill; please report it" if silent or self.broken else None,
            method=f"one change each on the copy, rolled back, and a truncated archive; fired: {names or 'none'}",
            scope=Scope(checked=sum(self.fired.values()), total=len(self.fired) + len(self.broken) + len(self.absent)),
            duration_ms=duration_ms,
        )


# What takes down in the controls how it went.
Told = Callable[[Controls], None]


def controls_beside(rehearsal: Rehearsal, rehearsed: Rehearsed, plan: Plan) -> Background[Told]:
    """Return these parts of the control: they need nothing of the copy's database, and mostly wait."""
    amcheck = Amcheck(rehearsal, rehearsed.copy, plan.programs)

    def work() -> Told:
        parts = (_archive(rehearsal, rehearsed.copy, plan), _amcheck(amcheck))
        return partial(_tell, parts)

    return Background(work, cancel=amcheck.cancel)


def _tell(parts: tuple[Told, ...], controls: Controls) -> None:
    for part in parts:
        part(controls)


def _amcheck(amcheck: Amcheck) -> Told:
    """Have an index that lacks rows looked at."""
    name = "pages and indexes"
    if amcheck.missing:
        why = amcheck.missing[0]
        return lambda controls: controls.absent.update({name: why})
    with amcheck.copy.control_index() as target:
        fired = amcheck.sees(target)
    return lambda controls: controls.fired.update({name: fired})


def _archive(rehearsal: Rehearsal, copy: Copy, plan: Plan) -> Told:
    """Make a small archive of a table of our own, cut it off, and return what takes down whether reading it failed."""
    name = "reading a truncated archive"
    tools = next((one for one in (plan.programs.client, plan.programs.server) if one.has("pg_dump")), None)
    if tools is None or tools.major < copy.server.binaries.major:
        return lambda controls: controls.absent.update({name: "there is no pg_dump to make one with"})
    directory = rehearsal.directory / "control"
    directory.mkdir(mode=0o700, exist_ok=True)
    archiver = Archiver(tools, directory, rehearsal.deadline)
    whole, cut = directory / "whole.dump", directory / "cut.dump"
    whole.touch(mode=0o600)
    with copy.control_table(_ROWS_IN_MINI_ARCHIVE) as target:
        archiver.dump(target, whole, lock_wait_seconds=_LOCK_SECONDS, extra=("--no-comments",)).check()
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    reader = Archiver(plan.programs.client, directory, rehearsal.deadline)
    if reader.read_whole(whole).exit_code != 0:
        return lambda controls: controls.broken.update({name: "the whole one could not be read either"})
    fired = reader.read_whole(cut).exit_code != 0
    return lambda controls: controls.fired.update({name: fired})
