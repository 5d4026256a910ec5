"""Are the pages and indexes of the copy sound? `pg_amcheck`, with `--heapallindexed` where rows are looked for.

The extension is created in pg_catalog before anything of the archive runs, and the reader may execute its functions, no
more: index expressions are code of the archive, and a superuser who checked them would run it. Every table is read
page by page, TOAST included, and every B-tree page by page; each row is looked for in those that `searched.py` chooses,
all of them where that is little. Indexes of other kinds, and the system's own catalogs, are not looked at: the scope
says how many.

Evidence holds no values: what pg_amcheck says of pages and index tuples names none; what else comes out of an index's
own code is told by its object alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING

from dbops.backup.background import Background
from dbops.connection.process import TICK, last_lines, run
from dbops.drill.compare import as_check, finding
from dbops.drill.searched import BTree, choose
from dbops.errors import DeadlineError
from dbops.model import Check, CheckStatus, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.connection.process import Completed
    from dbops.connection.target import Target
    from dbops.drill.copy import Copy
    from dbops.drill.programs import Programs
    from dbops.drill.rehearsal import Rehearsal
    from dbops.model import Finding

NAME = "amcheck"
_TITLE = "Every page is sound, and every row is in each B-tree index"
_TITLE_OF_SOME = "Every page is sound, and every row is in each B-tree index that was searched"
_METHOD = "pg_amcheck --heapallindexed, as a role without superuser"
_METHOD_FOR_SOME = "pg_amcheck as a role without superuser, with --heapallindexed for {} of {} B-tree indexes"
_DAMAGE_FOUND = 2
_SUBJECT = re.compile(r'(?P<kind>heap table|btree index) "(?P<name>.+?)"(?:, block \d+.*)?:')
_LOOKED_AT = re.compile(r"checking (?:heap table|btree index) ")
# What amcheck itself says carries one of these; an error of an index's own expression may quote a row.
_OF_DAMAGE = re.compile(r"ERROR: +(?P<state>XX00[12]): (?P<message>.+)")
_ERROR = re.compile(r"ERROR: +(?P<state>\w{5}):")


@dataclass(slots=True)
class Amcheck:
    """One look at a copy; may run in a thread of its own, `cancel` makes it end soon."""

    rehearsal: Rehearsal
    copy: Copy
    programs: Programs
    _cancelled: bool = field(default=False, init=False)

    def cancel(self) -> None:
        """Have `look` end: nobody waits for its answer any more."""
        self._cancelled = True

    def look(self) -> Check:
        """Return the check; it is skipped, with the remedy, where the copy or the programs have no amcheck."""
        if self.missing:
            return self._skipped(*self.missing)
        total, there = self._there()
        if not total:  # pg_amcheck takes that for a mistake
            return as_check(NAME, _TITLE, [], Scope(checked=0, total=0), "there is no table")
        searched = choose(there, self.rehearsal.options.index_rows, self.rehearsal.run.run_id)
        with self.rehearsal.run.step("check pages and indexes") as step:
            completed = self._look_at(searched, everything=searched == there)
            step.exit_code = max(one.exit_code for one in completed)
            scope = Scope(checked=min(sum(_looked_at(one.stderr) for one in completed), total), total=total)
            step.output = f"{scope.checked} of {scope.total} tables and indexes, {len(searched)} searched for each row"
        if searched == there:
            return self._judge(completed, scope, _TITLE, _METHOD)
        left = len(there) - len(searched)
        self.rehearsal.run.not_tested(
            f"whether every row is in {left} of {len(there)} B-tree indexes: each drill searches others"
        )
        return self._judge(completed, scope, _TITLE_OF_SOME, _METHOD_FOR_SOME.format(len(searched), len(there)))

    def _look_at(self, searched: list[BTree], *, everything: bool) -> list[Completed]:
        """Run pg_amcheck, where not all B-trees are searched twice at once: the longest takes one processor alone.

        What is searched for rows is read page by page on the way, so the other run leaves it out.
        """
        if everything:
            return [self._run(NAME, *_OF_USERS, _SEARCH)]
        search = partial(self._run, f"{NAME}-rows", _SEARCH, *(f"--index={one.pattern}" for one in searched))
        with Background(search, cancel=self.cancel) as searching:
            pages = self._run(NAME, *_OF_USERS, *(f"--exclude-index={one.pattern}" for one in searched))
            return [pages, searching.result()]

    @property
    def missing(self) -> tuple[str, str] | None:
        """Why nothing can be looked at, and the remedy; None where it can."""
        if self.copy.without_amcheck:
            return self.copy.without_amcheck, "install PostgreSQL's contrib modules for that version"
        if self._program is None:
            return (
                f"there is no pg_amcheck in {self.programs.server.directory}",
                "install the client programs of that version",
            )
        return None

    @property
    def _program(self) -> Path | None:
        both = (self.programs.server, self.programs.client)
        return next((one.program(_PROGRAM) for one in both if one.has(_PROGRAM)), None)

    def sees(self, target: Target) -> bool:
        """Tell whether the damage that `Copy.control_index` made is found, looked for as in the copy."""
        completed = self._run("control", _SEARCH, "--schema=dbops_amcheck", target=target)
        check = self._judge([completed], Scope(checked=0, total=0), _TITLE, _METHOD)
        return [one.object for one in check.findings] == ["btree index dbops_amcheck.by_key"]

    def _run(self, name: str, *arguments: str, target: Target | None = None) -> Completed:
        program, target = self._program, target or self.copy.reading
        if program is None:
            raise RuntimeError(_PROGRAM)  # a bug: `missing` has not been asked
        directory = self.rehearsal.directory / NAME
        directory.mkdir(mode=0o700, exist_ok=True)
        return run(
            program,
            [
                *arguments, "--no-password", "--verbose", f"--jobs={self.rehearsal.options.jobs}",
                target.conninfo(),
            ],
            output=directory / name,
            environment={**target.program_environment(directory), "PGAPPNAME": "dbops amcheck"},
            deadline=self.rehearsal.deadline.left(),
            on_tick=self._tick,
        )  # fmt: skip

    def _tick(self) -> None:
        if self._cancelled:
            raise DeadlineError(f"pg_amcheck was ended within {TICK} s: the drill had ended before it")

    def _there(self) -> tuple[int, list[BTree]]:
        """Return how many tables and indexes there are to look at, and the B-trees among them."""
        with self.copy.read() as session:
            rows = session.fetch_all(_sql("heaps") + _sql("btrees"))
            return int(session.fetch_all(_sql("heaps") + _sql("with_pages"))[0][0]), [BTree(*row) for row in rows]

    def _judge(self, completed: list[Completed], scope: Scope, title: str, method: str) -> Check:
        damage = list({one.fingerprint: one for ended in completed for one in _damage(ended.stdout)}.values())
        check = as_check(NAME, title, damage, scope, method)
        took = check.model_copy(update={"duration_ms": sum(one.duration_ms for one in completed)})
        strange = next((one for one in completed if one.exit_code != _expected(one)), None)
        if strange is None:
            return took
        said = last_lines(strange.stderr, 1) if strange.exit_code != _DAMAGE_FOUND else "it named no object"
        reason = f"pg_amcheck ended with {strange.exit_code}: {said}"
        if damage:
            return took.model_copy(update={"reason": reason})
        return took.model_copy(update={"status": CheckStatus.ERROR, "reason": reason})

    def _skipped(self, reason: str, remedy: str) -> Check:
        self.rehearsal.run.not_tested(f"pages and indexes of the copy: {reason}")
        return Check(
            check=NAME, title=_TITLE, status=CheckStatus.SKIP, reason=reason, remedy=remedy, method=_METHOD,
        )  # fmt: skip


_PROGRAM = "pg_amcheck"
_OF_USERS = ("--exclude-schema=pg_catalog", "--exclude-schema=information_schema")
_SEARCH = "--heapallindexed"


def _expected(completed: Completed) -> int:
    """Return the exit code that goes with what pg_amcheck printed."""
    return _DAMAGE_FOUND if any(_damage(completed.stdout)) else 0


def _looked_at(stderr: Path) -> int:
    with stderr.open(encoding="utf-8", errors="replace") as lines:
        return sum(bool(_LOOKED_AT.search(line)) for line in lines)


def _damage(said: Path) -> Iterator[Finding]:
    """Yield a finding for each damaged object, with the first thing that is wrong with it."""
    subject, told = "", set[str]()
    with said.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if found := _SUBJECT.match(line):
                subject = f"{found['kind']} {found['name'].partition('.')[2]}"
            elif subject and subject not in told and line.strip():
                told.add(subject)
                yield finding(NAME, subject, _words(line.strip()))


def _words(line: str) -> str:
    if found := _OF_DAMAGE.match(line):
        return found["message"]
    if line.startswith("ERROR:"):
        state = _ERROR.match(line)
        return f"it could not be checked: an error in its own expressions (SQLSTATE {state['state'] if state else '?'})"
    return line


def _sql(name: str) -> bytes:
    return resources.files(__package__ or "dbops.drill").joinpath("sql", f"{name}.sql").read_bytes()
