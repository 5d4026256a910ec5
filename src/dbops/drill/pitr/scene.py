"""What every step of a drill to a moment needs: the source, the place to work in, the programs, the report."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbops.connection.binaries import find_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.connection.binaries import Binaries
    from dbops.connection.deadline import Deadline
    from dbops.connection.target import Target
    from dbops.drill.options import DrillOptions
    from dbops.drill.passes import Stopwatch
    from dbops.drill.pitr.place import Place
    from dbops.drill.pitr.source import Source
    from dbops.evidence.run import Run
    from dbops.model import Check, CheckStatus, Progress

# Beside two copies of the cluster: the log, and what a server needs to breathe.
_SPARE = 512 << 20


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of the source's major: `tools` to run, `servers` to start as the scratch server's user."""

    tools: Binaries
    servers: Binaries


@dataclass(frozen=True, slots=True)
class Scene:
    """One drill's surroundings; `watch` times what counts towards a recovery time."""

    run: Run
    watch: Stopwatch
    options: DrillOptions
    target: Target
    source: Source
    archive: Path
    where: Place
    programs: Programs
    deadline: Deadline
    progress: Progress | None
    checks: list[Check] = field(default_factory=list)

    def add(self, *checks: Check) -> None:
        """Add results of checks to the run."""
        self.checks.extend(checks)
        self.run.add_checks(*checks)

    def ended(self, status: CheckStatus) -> bool:
        """Tell whether a check so far has ended so."""
        return any(check.status is status for check in self.checks)

    @contextlib.contextmanager
    def shown(self, task: str) -> Iterator[None]:
        """Tell whoever watches that a task of unknown length goes on."""
        if self.progress:
            self.progress.start(task)
        try:
            yield
        finally:
            if self.progress:
                self.progress.finish()


def choose_programs(source: Source, where: Place, options: DrillOptions, run: Run) -> Programs:
    """Return the programs of the source's own major, and make sure that there is room for what they make.

    Raises ProgramMissingError, UnavailableError.
    """
    tools = find_server(source.major, environ=options.environ, bindir=options.target_bindir)
    run.add_tool(*(tools.as_tool(name) for name in ("postgres", "pg_basebackup", "pg_verifybackup", "pg_waldump")))
    run.note(f"recovered with PostgreSQL {tools.major}: {tools.origin}")
    size = source.facts.cluster_bytes or source.facts.database_bytes
    where.check_room(2 * size + _SPARE, "a base backup with a copy of it")
    return Programs(tools, where.reachable(tools))
