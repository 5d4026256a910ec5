"""A plan of fixes as two scripts for psql: what mends, and what undoes it.

The rules, in order: psql stops at the first error; nothing is in a transaction, since CONCURRENTLY cannot be; a
statement that blocks readers or writers gives up soon if it has to wait, for behind it everybody waits, while one that
blocks nobody waits as long as it takes, for giving up would leave an invalid index; what a database calls its things
stays inside comments. Everything that is dropped is in the other script, ready to be made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.checks.catalog import Collation, Constraint, EqualityFamilies, Index, OperatorClass, Relation, TableColumns
from dbops.checks.ddl import Name, Verb, read
from dbops.checks.fixes import plan
from dbops.checks.quantities import PAGE_BYTES
from dbops.checks.surplus import with_parts
from dbops.files import write_atomically
from dbops.quantities import counted, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dbops.checks.catalog import Catalog
    from dbops.checks.fixes import Plan, Step
    from dbops.checks.policy import Policy
    from dbops.model import Check

# What the plan looks at beside the findings, whatever rules were selected.
NEEDED = frozenset({Relation, TableColumns, Index, Constraint, OperatorClass, Collation, EqualityFamilies})
# How long a lock that makes others wait may be waited for.
LOCK_TIMEOUT = "5s"
_SETTINGS = ("client_encoding = 'UTF8'", "standard_conforming_strings = on", "statement_timeout = 0")
_WIDTH = 118


@dataclass(frozen=True, slots=True)
class FixScript:
    """The script, the one that undoes it, and how many findings it mends and leaves.

    `statements` are those of the script one by one, for a connection in autocommit.
    """

    text: str
    undo: str
    statements: tuple[str, ...]
    mended: int
    left: int


def fix_script(catalog: Catalog, policy: Policy, checks: Iterable[Check]) -> FixScript:
    """Return the script that mends the findings of an audit of this very catalog."""
    made = plan(catalog, policy, checks)
    return FixScript(
        text=_lines(_header(catalog, made), _body(catalog, made), _footer(made)),
        undo=_lines(_undo_header(catalog), _undo_body(made)),
        statements=tuple(text for step in made.steps for text in _timed(step)),
        mended=made.mended,
        left=len(made.left),
    )


def write_fixes(script: FixScript, path: Path) -> Path:
    """Write a script to a file and the one that undoes it beside it; return the second one's path.

    Raises EvidenceNotKeptError where that is not possible.
    """
    undo = path.with_name(f"{path.stem}.undo{path.suffix}")
    write_atomically(path.absolute(), script.text.encode())
    write_atomically(undo.absolute(), script.undo.encode())
    return undo


def _lines(*parts: Iterable[str]) -> str:
    return "\n".join(line for part in parts for line in part) + "\n"


def _comment(text: str, indent: str = "") -> Iterator[str]:
    """Yield a text as comment lines; a line break in it cannot end the comment, since each line is one of its own."""
    for line in text.splitlines() or [""]:
        row = ""
        for word in "".join(c if c.isprintable() else "?" for c in line).split(" "):
            if row and len(indent) + len(row) + len(word) >= _WIDTH - len("-- "):
                yield f"-- {indent}{row}"
                row = "  " + word
            else:
                row = f"{row} {word}" if row else word
        yield f"-- {indent}{row}".rstrip()


def _settings() -> Iterator[str]:
    yield "\\set ON_ERROR_STOP on"
    yield from (f"set {setting};" for setting in _SETTINGS)


def _header(catalog: Catalog, made: Plan) -> Iterator[str]:
    major = catalog.server.version // 10_000
    yield from _comment(
        f"Mends {made.mended} of {counted(made.mended + len(made.left), 'finding')} of an audit of the database"
        f" {catalog.server.database} (PostgreSQL {major})."
    )
    yield from _comment(
        "Read it, then run it with psql -X -f, never with --single-transaction: CONCURRENTLY refuses a transaction. It"
        " stops at the first error; then audit again, which writes what is left to do. What it does, the script"
        " beside it (.undo) takes back."
    )
    yield from _settings()


def _footer(made: Plan) -> Iterator[str]:
    yield ""
    yield "reset lock_timeout;"
    yield "reset statement_timeout;"
    if made.seen_to:
        yield ""
        yield from _comment("Mended by the steps above too:")
        for left in made.seen_to:
            yield from _comment(f"{left.finding.rule} {left.finding.object}: {left.why}", "  ")
    if made.left:
        yield ""
        yield from _comment("Not mended here:")
        for left in made.left:
            yield from _comment(f"{left.finding.rule} {left.finding.object}: {left.why}", "  ")


def _body(catalog: Catalog, made: Plan) -> Iterator[str]:
    for number, step in enumerate(made.steps, 1):
        yield ""
        yield from _about(catalog, step, number, len(made.steps))
        yield from (f"{text};" for text in _timed(step))
    if not made.steps:
        yield ""
        yield from _comment("There is nothing to do.")


def _timed(step: Step) -> Iterator[str]:
    """Yield a step's statements, with how long each may wait for its lock where that changes."""
    timeout = ""
    for statement in step.statements:
        wanted = "0" if statement.concurrently else LOCK_TIMEOUT
        if wanted != timeout:
            yield f"set lock_timeout = '{wanted}'"
            timeout = wanted
        yield statement.text


def _about(catalog: Catalog, step: Step, number: int, total: int) -> Iterator[str]:
    finding = step.finding
    title = f"{finding.severity}, {finding.rule}: {finding.object}" if finding else "in consequence"
    yield from _comment(f"{number} of {total}: {title}")
    yield from _comment(step.why, "  ")
    if sizes := _sizes(catalog, step):
        yield from _comment(f"size: {sizes}", "  ")
    if step.locks:
        yield from _comment(f"locks: {step.locks}", "  ")


def _sizes(catalog: Catalog, step: Step) -> str:
    """Return how large the tables are that are read, and the indexes that are built anew or dropped."""
    made = {s.table for s in step.statements if s.verb is Verb.CREATE and s.table}
    tables = {table: _table_size(catalog, table) for table in made if _parent(catalog, table) not in made}
    verbs = {Verb.DROP, Verb.REBUILD}
    indexes = {s.index: _index_size(catalog, s.index) for s in step.statements if s.verb in verbs and s.index}
    return ", ".join(f"{name} {said}" for name, said in sorted((tables | indexes).items()) if said)


def _parent(catalog: Catalog, name: Name) -> Name | None:
    """Return the table that a partition is one of."""
    relation = catalog.relation_named(*name)
    parent = catalog.relations.get(relation.parent or 0) if relation else None
    return Name(parent.schema, parent.name) if parent else None


def _table_size(catalog: Catalog, name: Name) -> str | None:
    relation = catalog.relation_named(*name)
    if relation is None:
        return None
    leaves = catalog.leaves(relation.oid)
    rows = sum(max(leaf.rows, 0) for leaf in leaves)
    return f"{size(PAGE_BYTES * sum(leaf.pages for leaf in leaves))} in about {counted(rows, 'row')}"


def _index_size(catalog: Catalog, name: Name) -> str | None:
    for index in catalog.indexes.values():
        if index.name == name.name and catalog.relations[index.table].schema == name.schema:
            return size(PAGE_BYTES * sum(part.pages for part in with_parts(catalog, index)))
    return None


def _undo_header(catalog: Catalog) -> Iterator[str]:
    yield from _comment(
        f"Undoes the script beside it, last step first: the archive of what it drops from {catalog.server.database}."
        " A step without a way back (an index built anew) is not in it."
    )
    yield from _settings()


def _undo_body(made: Plan) -> Iterator[str]:
    done: set[str] = set()
    for number, step in reversed([*enumerate(made.steps, 1)]):
        due = [text for text in step.undo if text not in done]
        done.update(text for text in due if read(text).verb is not Verb.OTHER)  # COMMIT is said more than once
        if due:
            yield ""
            yield from _comment(
                f"{number} of {len(made.steps)}: {step.finding.rule if step.finding else 'in consequence'}"
            )
            yield from (f"{text};" for text in due)
