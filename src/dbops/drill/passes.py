"""The passes of a restore, without superuser unless that was asked for, in their order, each timed.

What `pg_restore` says on stderr is no ground for a verdict: with several workers its lines run into each other and its
count of errors is wrong. The server's own log is read instead (`ledger.py`); exit codes and unexplained error lines are
kept to be compared with it. The passes stop at nothing: a report should name every problem, not the first.
What this does not do: judge.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import psycopg

from dbops.connection.process import run
from dbops.drill.contents import use_list
from dbops.drill.rights import split_rights
from dbops.drill.room import guarding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dbops.connection.binaries import Binaries
    from dbops.connection.deadline import Deadline
    from dbops.connection.process import Completed
    from dbops.connection.target import Target
    from dbops.drill.contents import Contents, Entry
    from dbops.drill.copy import Copy
    from dbops.drill.options import DrillOptions
    from dbops.evidence.run import Run, StepRecorder
    from dbops.model import ExtensionInfo, Progress

_COMMON = ("--no-password", "--no-tablespaces", "--no-security-labels", "--no-subscriptions", "--verbose")
# Every statement of a schema is a transaction, and waiting for the disk after each took most of the time on 3,000
# tables. Nobody needs half a restore to survive a crash; the checkpoint at the end, which counts, makes it all durable.
_OPTIONS = "-c synchronous_commit=off"
_WORTH_WORKERS = 16 << 20
_MANY_ENTRIES = 300
_ERROR_LINE = re.compile(r"pg_restore: error: (.*)")


@dataclass(slots=True)
class Stopwatch:
    """The phases that count towards a recovery time, in milliseconds, in their order."""

    run: Run
    phases: dict[str, int] = field(default_factory=dict)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[StepRecorder]:
        """Make a step of the run whose time counts."""
        step = None
        try:
            with self.run.step(name) as step:
                yield step
        finally:
            if step:
                self.count(step)

    def count(self, step: StepRecorder) -> None:
        """Have the time of a step of the run count."""
        if step.duration_ms is not None:
            self.phases[step.name] = self.phases.get(step.name, 0) + step.duration_ms

    @property
    def total(self) -> int:
        """All of it, in milliseconds."""
        return sum(self.phases.values())


@dataclass(frozen=True, slots=True)
class Said:
    """How one run of pg_restore ended, and its error lines; a `trial` was made again in another way."""

    phase: str
    exit_code: int
    errors: tuple[str, ...]
    trial: bool = False


@dataclass(slots=True)
class Rebuild:
    """One archive on its way into a copy of about so many `bytes`; `directory` is private and goes away."""

    archive: Path
    contents: Contents
    copy: Copy
    tools: Binaries
    directory: Path
    deadline: Deadline
    watch: Stopwatch
    options: DrillOptions
    progress: Progress | None = None
    bytes: int = 0
    said: list[Said] = field(default_factory=list)

    def run(self, extensions: Sequence[ExtensionInfo], *, data: bool) -> None:
        """Restore everything there is to restore; `data` says whether the archive holds rows."""
        copy, contents = self.copy, self.contents
        self._restore("schemas", contents.schemas())
        with copy.as_superuser():  # one session for three things, since no text of the archive runs between them
            with self.watch.phase("restore/extensions"):
                for note in copy.create_extensions(extensions, self.options.extensions):
                    self.watch.run.note(note)
                if not self.options.as_superuser:
                    copy.lend_rights()
            if data:
                with self.watch.run.step("restore/amcheck"):
                    copy.install_amcheck()
                    copy.show_large_objects()
        main = contents.main()
        workers = self._workers(main)
        self._restore("pre-data", main, "--section=pre-data")
        if data:
            self._restore("data", main, "--section=data", *workers)
        self._restore("post-data", main, "--section=post-data", *workers)
        self._bring_rights_back(contents.rights())
        if data:
            self._compute_views(contents.materialized_views())
        with self.watch.phase("restore/hand over"):
            copy.hand_over()

    def _workers(self, entries: list[Entry]) -> tuple[str, ...]:
        """Return the argument for several workers, where there is work enough: each has to connect first."""
        little = self.bytes < _WORTH_WORKERS and len(entries) < _MANY_ENTRIES
        return (f"--jobs={self.options.jobs}",) if self.contents.parallel and not little else ()

    def _bring_rights_back(self, entries: list[Entry]) -> None:
        if self.options.as_superuser:
            self._restore("rights", entries)
            return
        with self.watch.phase("restore/rights"):
            self.copy.take_rights_back()
            self._restore_rights(entries)

    def _compute_views(self, entries: list[Entry]) -> None:
        """Refresh the materialized views as any pg_restore would; where that fails, again with row-level security on.

        The second attempt is what decides. The first shows whether the backup comes back without such care.
        """
        name = "materialized views"
        if entries and self._restore(name, entries) == 1:
            self.said[-1] = replace(self.said[-1], trial=True)
            self._restore(f"{name}, as their owners", entries, "--enable-row-security")

    def _restore(self, name: str, entries: list[Entry], *arguments: str) -> int:
        """Run pg_restore as who restores, for these entries; return its exit code."""
        if not entries:
            return 0
        phase = f"restore/{name}"
        total = sum(entry.kind == "TABLE DATA" for entry in entries) if name == "data" else None
        with self.watch.phase(phase) as step, self._shown(phase, total):
            completed = self._pg_restore(phase, entries, f"--dbname={self._who().conninfo()}", *arguments)
            step.exit_code = completed.exit_code
            if completed.exit_code not in {0, 1}:
                step.fail()
        return completed.exit_code

    def _who(self) -> Target:
        """Return where to restore to, and as whom."""
        copy = self.copy
        return copy.server.target(copy.database) if self.options.as_superuser else copy.restorer

    def _pg_restore(self, phase: str, entries: list[Entry], *arguments: str) -> Completed:
        output = self.directory / phase.replace("/", "-").replace(" ", "-")
        wanted = output.with_suffix(".use")
        wanted.write_text(use_list(entries), encoding="ascii")
        environment = self._who().program_environment(self.directory)
        look = guarding(self.copy.server.directory)
        look()  # a pass may be over before the first tick
        completed = run(
            self.tools.program("pg_restore"),
            [*arguments, f"--use-list={wanted}", *_COMMON, str(self.archive)],
            output=output,
            environment={**environment, "PGAPPNAME": f"dbops {phase}", "PGOPTIONS": _OPTIONS},
            deadline=self.deadline.left(),
            on_tick=look,
        )
        self.said.append(Said(phase, completed.exit_code, _error_lines(completed.stderr)))
        return completed

    def _restore_rights(self, entries: list[Entry]) -> None:
        """Run the text of grants ourselves, with SET ROLE for SET SESSION AUTHORIZATION, which needs a superuser."""
        if not entries:
            return
        text = self.directory / "rights.sql"
        completed = self._pg_restore("restore/rights", entries, f"--file={text}")
        completed.check()
        rights = split_rights(text.read_bytes())
        with self.copy.as_restorer() as connection:
            connection.execute(rights.preamble)
            for statement in rights.statements:
                # What fails stands in the server's log, with its statement; the next one is tried all the same.
                with contextlib.suppress(psycopg.Error):
                    connection.execute(statement)
                connection.execute("reset role")

    @contextlib.contextmanager
    def _shown(self, task: str, total: int | None) -> Iterator[None]:
        if self.progress:
            self.progress.start(task, total, "tables" if total else "")
        try:
            yield
        finally:
            if self.progress:
                self.progress.finish()


def _error_lines(stderr: Path) -> tuple[str, ...]:
    with stderr.open(encoding="utf-8", errors="replace") as lines:
        return tuple(found[1] for line in lines if (found := _ERROR_LINE.search(line)))
