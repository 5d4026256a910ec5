"""A table takes far more room than its rows.

## What it detects

Tables of 64 MiB and more of which, by estimate, two fifths and at least 32 MiB hold no row; a warning from half and a
gigabyte on. The estimate lays out a row of average width column by column, with headers and alignment, from the
planner's samples, and multiplies by the planner's count of rows. On tables just written it is right within a tenth;
with widths that vary much, and after many changes since the last ANALYZE, within a fifth or so.

## Why it matters

Every sequential scan reads the empty room, every backup of the files copies it, and the cache holds it in place of
rows. PostgreSQL fills it with new rows but gives it back to nobody.

## How to fix

Find out first why: see `dead-tuples`. Room that new rows will fill soon is no damage. Where it will not be filled,
`vacuum full` writes the table anew and locks it as long as that takes; pg_repack and pg_squeeze do it beside the
running application. The extension pgstattuple measures instead of estimating:
`select * from pgstattuple_approx('public.orders')`, which reads about as much of the table as vacuum would.

## What it does not see

Smaller tables; what is stored out of line (TOAST); indexes, which have a rule of their own. Values of dropped columns
are counted as empty room, since old rows still hold them. Tables never analyzed, or whose samples the role may not see,
are a skip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import Relation, TableWidths
from dbops.checks.names import qualified, quote
from dbops.checks.quantities import PAGE_BYTES
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.quantities import size
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.INFO, needs=[Relation, TableWidths])

MEBIBYTE = 1 << 20
# Twice the error of the estimate, so that a finding is hardly ever wrong about there being something.
INFO_PERCENT = 40
INFO_BYTES = 32 * MEBIBYTE
WARNING_PERCENT = 50
WARNING_BYTES = 1024 * MEBIBYTE

LOCKS = (
    "ACCESS EXCLUSIVE while the table and its indexes are written anew: reads and writes wait. Needs room for a second"
    " copy. Outside a transaction."
)

# How PostgreSQL lays out a page of rows: its header, a pointer for each row, the row's header, words of 8 bytes.
_PAGE_HEADER = 24
_POINTER = 4
_ROW_HEADER = 23
_WORD = 8
# A value of varying length up to this many bytes has a header of one byte, and no alignment.
_SHORT = 127
_MILLION = 1_000_000
_NAMED = 20


class Estimate(NamedTuple):
    """What a table takes and what its rows should, in bytes."""

    bytes: int
    needed: int

    @property
    def spare(self) -> int:
        """How much holds no row."""
        return max(0, self.bytes - self.needed)

    @property
    def percent(self) -> int:
        """How much of it holds no row."""
        return 100 * self.spare // self.bytes if self.bytes else 0


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each table with too much room; then say of which nothing can be told."""
    unknown: list[tuple[Relation, TableWidths]] = []
    for widths in catalog.rows(TableWidths):
        table = catalog.relations.get(widths.table)
        if table is None:
            continue
        if not _known(table, widths):
            unknown.append((table, widths))
            continue
        estimate = Estimate(table.pages * PAGE_BYTES, needed_pages(widths, table.rows) * PAGE_BYTES)
        if estimate.percent >= INFO_PERCENT and estimate.spare >= INFO_BYTES:
            yield _draft(table, widths, estimate)
    if unknown:
        raise _untold(catalog, unknown)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001
    """Every large table, and those of which the samples are known."""
    tables = [(catalog.relations.get(widths.table), widths) for widths in catalog.rows(TableWidths)]
    checked = sum(1 for table, widths in tables if table and _known(table, widths))
    return Scope(checked=checked, total=len(tables))


def _known(table: Relation, widths: TableWidths) -> bool:
    return widths.state == "visible" and table.rows >= 0 and (table.rows == 0 or -1 not in widths.widths)


def needed_pages(widths: TableWidths, rows: int) -> int:
    """Return how many pages so many rows of these widths fill."""
    usable = (PAGE_BYTES - _PAGE_HEADER) * widths.fillfactor // 100
    each = max(1, int(usable // (row_bytes(widths) + _POINTER)))
    return -(-rows // each)


def row_bytes(widths: TableWidths) -> float:
    """Return the average size of a row with header and padding, without its pointer.

    Where a column begins is known as long as all before it have one length and are never null; after that padding is
    half of what it may be.
    """
    nulls = widths.dropped or any(widths.null_millionths)
    bitmap = (len(widths.numbers) + widths.dropped + 7) // 8 if nulls else 0
    offset = float(_aligned(_ROW_HEADER + bitmap, _WORD))
    certain = True
    for length, alignment, width, null in zip(
        widths.lengths, widths.alignments, widths.widths, widths.null_millionths, strict=True
    ):
        there = 1 - null / _MILLION
        needed = 1 if length < 0 and width < _SHORT else alignment
        padding = _aligned(int(offset), needed) - offset if certain else (needed - 1) / 2
        offset += there * (padding + width)
        certain = certain and length > 0 and not null
    return _aligned(int(offset), _WORD) if certain else offset + (_WORD - 1) / 2


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _draft(table: Relation, widths: TableWidths, estimate: Estimate) -> Draft:
    name = qualified(table.schema, table.name)
    grave = estimate.percent >= WARNING_PERCENT and estimate.spare >= WARNING_BYTES and not widths.dropped
    said = (
        f"about {size(estimate.spare)} of {size(estimate.bytes)} hold no row, by estimate:"
        f" {table.rows:,} rows should take {size(estimate.needed)}, give or take a fifth"
    )
    if widths.dropped:
        said += "; the values of dropped columns count as empty room"
    return Draft(
        object=name,
        detail=said,
        severity=Severity.WARNING if grave else None,
        verify=statement("size_of_table", name),
        fix=Fix(f"vacuum (full, analyze) {name};", locks=LOCKS),
    )


def _untold(catalog: Catalog, unknown: Sequence[tuple[Relation, TableWidths]]) -> RuleSkippedError:
    """Return why nothing can be told of some tables, and what to do about it."""
    user = quote(catalog.server.user)
    reasons: list[str] = []
    remedies: list[str] = []
    for state, reason, remedy in (
        ("no privilege", "may not be read, so nor may their samples", f"grant select on {{}} to {user};"),
        ("row security", "show no samples, being under row-level security", f"alter role {user} bypassrls;"),
        ("visible", "were never analyzed", "analyze {};"),
    ):
        names = [qualified(table.schema, table.name) for table, widths in unknown if widths.state == state]
        if names:
            reasons.append(f"{len(names)} of the large tables {reason}")
            remedies.extend(remedy.format(", ".join(part)) for part in _parts(names, remedy))
    return RuleSkippedError("; ".join(reasons), hint="\n".join(remedies))


def _parts(names: list[str], remedy: str) -> Iterator[list[str]]:
    """Yield the names in statements of bearable length; once where the statement names none."""
    each = _NAMED if "{}" in remedy else len(names)
    yield from (names[start : start + each] for start in range(0, len(names), each))
