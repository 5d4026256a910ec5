"""What all kinds of drill do: rebuild an archive in a copy, read the log, compare the catalog.

What this does not do: say where the archive comes from (`schema.py`, `restore.py`), or what it shows.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbops.backup.archive import Archiver, warnings_of
from dbops.backup.inventory import read_inventory
from dbops.connection.process import last_lines
from dbops.drill.ahead import server_for
from dbops.drill.compare import check_errors, check_plain
from dbops.drill.contents import Contents, parse_listing
from dbops.drill.copy import open_copy
from dbops.drill.ledger import log_position, read_ledger
from dbops.drill.passes import Rebuild
from dbops.drill.programs import major_of
from dbops.drill.restore_differs import compare_catalog
from dbops.drill.room import require_room
from dbops.drill.watch import watched
from dbops.errors import DamageError, EvidenceNotKeptError, UnavailableError
from dbops.evidence.judge import check_fails
from dbops.model import CheckStatus, Severity, Verdict
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dbops.backup.inventory import Fact
    from dbops.connection.deadline import Deadline
    from dbops.drill.ahead import ServerAhead
    from dbops.drill.cast import Cast
    from dbops.drill.copy import Copy
    from dbops.drill.ledger import Ledger
    from dbops.drill.options import DrillOptions
    from dbops.drill.passes import Stopwatch
    from dbops.drill.programs import Programs
    from dbops.evidence.run import Run
    from dbops.model import Check, ExtensionInfo, Progress, SourceInfo


# Bytes; with less than this left beside the listing, a pg_restore that ended badly is not held against the archive.
_ROOM_FOR_A_LISTING = 1 << 20


def read_contents(archiver: Archiver, archive: Path, listing: Path) -> Contents:
    """Keep what `pg_restore --list` says of an archive in `listing` and return it.

    Raises DamageError; EvidenceNotKeptError where there was no room for the listing, which says nothing of the archive.
    """
    completed = archiver.contents(archive, listing)
    if completed.exit_code != 0:
        said = last_lines(completed.stderr)
        if os.strerror(errno.ENOSPC) in said or shutil.disk_usage(listing.parent).free < _ROOM_FOR_A_LISTING:
            raise EvidenceNotKeptError(
                f"cannot write {listing}: there is no room for it", hint="free some space on that file system"
            )
        raise DamageError(
            f"pg_restore cannot read {archive.name}: it ended with {completed.exit_code}: {said or 'it said nothing'}",
            hint="do not restore from this archive; take a new one with: dbops backup",
        )
    warnings_of(completed)
    return parse_listing(listing.read_text(encoding="utf-8", errors="replace"))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a rehearsal starts from.

    `data` says whether rows are restored, `copy_bytes` how large the copy gets.
    """

    archive: Path
    contents: Contents
    programs: Programs
    cast: Cast
    source: SourceInfo
    collate: str
    ctype: str
    extensions: Sequence[ExtensionInfo]
    data: bool
    copy_bytes: int = 0

    @property
    def same_major(self) -> bool:
        """Whether the copy has the source's major version."""
        return self.programs.server.major == major_of(self.source.version)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A rebuilt copy, and what went wrong while it was built."""

    copy: Copy
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One drill's surroundings; `ahead` is the server that is being made meanwhile."""

    run: Run
    watch: Stopwatch
    directory: Path
    deadline: Deadline
    options: DrillOptions
    progress: Progress | None
    checks: list[Check] = field(default_factory=list)
    ahead: ServerAhead | None = None

    def add(self, *checks: Check) -> None:
        """Add results of checks to the run."""
        self.checks.extend(checks)
        self.run.add_checks(*checks)

    @property
    def failed(self) -> bool:
        """Whether a check so far has failed, by more than a warning."""
        return any(check_fails(check, Severity.ERROR) for check in self.checks)

    @property
    def verdict(self) -> Verdict:
        """What the checks so far say of the copy: one that could not tell leaves it open."""
        if self.failed:
            return Verdict.FAIL
        open_question = any(check.status is CheckStatus.ERROR for check in self.checks)
        return Verdict.INCONCLUSIVE if open_question else Verdict.PASS

    @contextlib.contextmanager
    def rebuild(self, plan: Plan) -> Iterator[Rehearsed]:
        """Rebuild the archive in a server of its own, gone when the block ends; say what that leaves out."""
        run = self.run
        for note in plan.programs.as_notes(major_of(plan.source.version)):
            run.note(note)
        require_room(plan.copy_bytes)
        with contextlib.ExitStack() as stack:
            ready = self.ahead.take(plan.programs.server, self.watch) if self.ahead else None
            with self.watch.phase("provision"):
                server = ready or stack.enter_context(server_for(plan.programs.server))
                copy = stack.enter_context(open_copy(server, plan.cast, plan.source.database))
                stack.enter_context(watched(copy.server, self.deadline))
                if self.options.as_superuser:
                    self._admit_superuser(copy)
                copy.prepare(plan.source, plan.collate, plan.ctype)
                run.add_tool(copy.server.binaries.as_tool("postgres"), plan.programs.client.as_tool("pg_restore"))
                since = log_position(copy)
            rebuild = Rebuild(
                archive=plan.archive,
                contents=replace(plan.contents, mighty=self.options.as_superuser),
                copy=copy,
                tools=plan.programs.client,
                directory=self.directory,
                deadline=self.deadline,
                watch=self.watch,
                options=self.options,
                progress=self.progress,
                bytes=plan.copy_bytes,
            )
            rebuild.run(plan.extensions, data=plan.data)
            with run.step("read the server's log"):
                ledger = read_ledger(copy, rebuild.said, since=since)
            ledger.refuse_to_judge()
            self.add(check_errors(ledger))
            if plan.data:
                self.add(check_plain(ledger, len(plan.contents.materialized_views())))
            self._tell_what_is_missing(plan, copy, ledger)
            yield Rehearsed(copy, ledger)

    def _admit_superuser(self, copy: Copy) -> None:
        """Put on record that the archive is given the server, and by it a user of this machine; not the network too."""
        user = copy.server.run_as.name if copy.server.run_as else "who runs dbops"
        if not copy.server.isolated:
            raise UnavailableError(
                "--as-superuser takes a network namespace for the scratch server, and none can be had here",
                hint="leave it out; or run the drill where user namespaces are allowed, in a virtual machine, say",
            )
        self.run.note(
            f"--as-superuser: text of the archive ran as superuser of the copy, and could do on this machine whatever"
            f" {user} may, without a network"
        )

    def _tell_what_is_missing(self, plan: Plan, copy: Copy, ledger: Ledger) -> None:
        contents = replace(plan.contents, mighty=self.options.as_superuser)
        for what, number in contents.left_out().items():
            self.run.not_tested(
                f"{counted(number, 'entry of the archive is', 'entries of the archive are')} not restored: {what}"
            )
        for text in (*ledger.not_restored(), *copy.substituted):
            self.run.not_tested(text)
        if members := plan.cast.left_out():
            self.run.not_tested(f"memberships that are not recreated: {', '.join(members)}")
        self.run.not_tested(
            "what a role may do to the cluster (LOGIN, SUPERUSER, CREATEROLE, …), passwords, stored settings of roles"
            " and databases, rights on the database itself, tablespaces"
        )
        if not copy.server.isolated:
            self.run.note(
                "no network namespace could be had here: code in the archive could have opened connections from this"
                " machine (it ran without superuser all the same)"
            )

    def compare_catalogs(self, plan: Plan, rehearsed: Rehearsed, recorded: Sequence[Fact]) -> None:
        """Add the check that the copy has what its source had."""
        with self.run.step("compare catalog"), rehearsed.copy.read(self.deadline.left()) as session:
            check, explained = compare_catalog(
                recorded,
                read_inventory(session),
                rehearsed.ledger,
                same_major=plan.same_major,
                data=plan.data,
            )
        self.add(check)
        for text in explained:
            self.run.not_tested(text)
