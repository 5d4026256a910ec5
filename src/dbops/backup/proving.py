"""A finished dump, read back in every way there is without a server: listed, its schema rebuilt, all of it decoded.

What a program said is kept before it is judged: an exit code of 0 with words that nobody knows is a failure. What this
does not do: hash (`storage`), or restore (a drill).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.backup.archive import warnings_of
from dbops.backup.background import Background, Ending
from dbops.backup.growing import size_of
from dbops.backup.reading import read_whole
from dbops.connection.process import Completed
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dbops.backup.archive import Archiver
    from dbops.backup.following import Following
    from dbops.evidence.run import Run, StepRecorder


@dataclass(frozen=True, slots=True)
class Proving:
    """Reads a dump back; `timed` makes a step, `pages` is how large each table is, by oid."""

    archiver: Archiver
    run: Run
    timed: Callable[[str], AbstractContextManager[StepRecorder]]
    pages: Mapping[int, int]

    def prove(self, dump: Path, listing: Path, following: Following | None) -> None:
        """Write the listing and raise unless all of the dump can be read; `following` has read it as it grew."""
        ending = Ending("the archive could not be listed")
        with (
            Background(lambda: self._rebuild_schema(dump, ending), cancel=ending.ask) as rebuilding,
            Background(lambda: following.proof() if following else "", cancel=ending.ask) as proving,
        ):
            with self.timed("list") as step:
                judge(self.archiver.contents(dump, listing), step, self.run)
            rebuilding.result()
            self._prove_whole(dump, listing, proving)

    def _rebuild_schema(self, dump: Path, ending: Ending) -> None:
        with self.timed("rebuild schema (dry run)") as step:
            judge(self.archiver.rebuild_schema(dump, on_tick=ending.look), step, self.run)

    def _prove_whole(self, dump: Path, listing: Path, proving: Background[Completed | str]) -> None:
        with self.timed("read whole archive") as step:
            proof = proving.result()
            if isinstance(proof, Completed):
                judge(proof, step, self.run)
                step.output = "it was decoded while it was written, and has not changed since"
                return
            if proof:
                step.output = f"once more, from the file: {proof}"
            for completed in read_whole(self.archiver, dump, listing, self.pages, size_of(dump)):
                judge(completed, step, self.run)


def judge(completed: Completed, step: StepRecorder, run: Run) -> None:
    """Record how a program ended, keep what it said, and raise unless both are as they should be."""
    step.exit_code = completed.exit_code
    said = redact(completed.stderr.read_text(encoding="utf-8", errors="replace"))
    if said.strip():
        (run.directory / completed.stderr.name).write_text(said, encoding="utf-8")
    completed.check(hint=_hint(said))
    for warning in warnings_of(completed):
        run.note(f"{completed.program.name}: {warning}")


def _hint(said: str) -> str | None:
    """Return what mends the failures of pg_dump that are seen most."""
    if "invalid snapshot identifier" in said:
        return "the snapshot could not be shared: connect past the pooler, directly to the server"
    # pg_dump keeps to its --lock-wait-timeout with the server's statement_timeout, and that is what it then speaks of.
    if "lock timeout" in said or "could not obtain lock" in said or ("timeout" in said and "LOCK TABLE" in said):
        return "a table was locked for longer than dbops waits; look at pg_locks, then run the command again"
    # A pg_dump whose last bytes find no room may end with 0: it takes the file for one that cannot be gone back in.
    if "end of file" in said:
        return "the dump is cut off: look whether the backup directory was full, then run the command again"
    if "No space left" in said:
        return "free some space in the backup directory, then run the command again"
    return None
