"""A sequence is about to run out of values.

## What it detects

Sequences of which three quarters are used (nine tenths: an error). The limit is the lowest of three: the sequence's own
maximum, the type of a column that takes its values, and the type of the narrowest column that refers to such a key by
foreign keys, at any distance. So a bigint key counts as full when the integer column that refers to it is. Serial,
identity and any default with `nextval` are understood, descending sequences too. One that cycles is left alone, unless
it comes round in a column that is unique by itself.

## Why it matters

The next insert fails, and so does every one after it, in the one table that grows most. The remedy rewrites that table
while nobody can use it, which is a planned evening in time and a long outage too late.

## How to fix

Change the columns to bigint, those that refer to them too, with the statements of the finding: they rewrite the
tables. Of a large table do it without the outage: add a bigint column, keep it filled by a trigger, fill the rest in
batches, build its index concurrently, switch names in one transaction.

## What it does not see

Keys that take their values from elsewhere: from the application, or by `nextval('…'::text)`. Columns that hold such a
key without a foreign key. How fast it fills. A sequence that the role may not read is a skip with the GRANT, never "0 %
used". Where there are more sequences than a quarter of the server's lock table has room for, only those of the largest
tables are asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import Constraint, DataType, Index, Relation, Sequence, TableColumns
from dbops.checks.datatypes import BIGINT, INTEGER_LIMITS, INTEGER_NAMES, UNLIMITED
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import Fix
from dbops.checks.retyping import Place, declared, retype
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[Sequence, Relation, TableColumns, DataType, Constraint, Index],
)

# With a quarter left there is time to plan the change, with a tenth there is none to lose.
WARNING_PERCENT = 75
ERROR_PERCENT = 90

_NAMED_GRANTS = 20
_SEQUENCE_LOCKS = "SHARE ROW EXCLUSIVE on the sequence for an instant."
_STATES = {
    "no privilege": ("{count} of the sequences may not be read", None),
    "locked": ("another session alters {names}", "run the audit again when it has ended"),
    "unlogged": ("{names} cannot be read on a standby, being unlogged", "ask the primary"),
    "too many": (
        "a quarter of the server's lock table has no room for all, and only those of the largest tables were asked",
        "raise max_locks_per_transaction",
    ),
}


class Holder(NamedTuple):
    """A column that holds values of a sequence, and how far its type counts; `fed`: takes them, not refers to them."""

    table: str
    column: str
    place: Place
    limit: int
    fed: bool


class Use(NamedTuple):
    """How far a sequence is: what limits it (`by` None: itself), how much is used in percent, how many are left."""

    sequence: Sequence
    holders: tuple[Holder, ...]
    by: Holder | None
    end: int
    percent: int
    left: int


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each sequence that is near its end; then say which could not be asked."""
    sequences = catalog.rows(Sequence)
    for sequence in sequences:
        if sequence.last_value is not None:
            use = _use(catalog, sequence, sequence.last_value)
            if use.percent >= WARNING_PERCENT and not _may_cycle(catalog, use):
                yield _draft(catalog, use)
    unasked = [sequence for sequence in sequences if sequence.state != "read"]
    if unasked:
        raise _not_asked(catalog, unasked)


def _holders(catalog: Catalog, sequence: Sequence) -> tuple[Holder, ...]:
    """Return the columns that hold the sequence's values, a partition's as its parent's, ordered by name."""
    found: dict[Place, Holder] = {}
    rows = zip(sequence.tables, sequence.columns, sequence.limits, sequence.fed, strict=True)
    for table, number, limit, fed in rows:
        place = declared(catalog, Place(table, number))
        if place and (place not in found or fed):
            name = catalog.columns(place.table)[place.number].name
            found[place] = Holder(catalog.name_of(place.table), name, place, limit, bool(fed))
    return tuple(sorted(found.values(), key=lambda holder: (not holder.fed, holder.table, holder.column)))


def _use(catalog: Catalog, sequence: Sequence, position: int) -> Use:
    holders = _holders(catalog, sequence)
    by = min((holder for holder in holders if holder.limit), key=lambda holder: holder.limit, default=None)
    low = max(sequence.minimum, -by.limit - 1) if by else sequence.minimum
    high = min(sequence.maximum, by.limit) if by else sequence.maximum
    end, done = (high, position - low) if sequence.increment > 0 else (low, high - position)
    own = end == (sequence.maximum if sequence.increment > 0 else sequence.minimum)
    percent = 100 * done // (high - low) if high > low else 100
    left = max(0, abs(end - position) // abs(sequence.increment)) if done < high - low else 0
    return Use(sequence, holders, None if own else by, end, percent, left)


def _may_cycle(catalog: Catalog, use: Use) -> bool:
    """Return whether coming round does no harm: the sequence may, and no column that takes its values is a key."""
    if not use.sequence.cycles or use.by:
        return False
    return not any(
        index.is_unique and index.columns[: index.key_count] == (holder.place.number,)
        for holder in use.holders
        if holder.fed
        for index in catalog.indexes_of(holder.place.table)
    )


def _draft(catalog: Catalog, use: Use) -> Draft:
    sequence = use.sequence
    name = qualified(sequence.schema, sequence.name)
    fed = min(
        (holder for holder in use.holders if holder.fed),
        key=lambda one: one.limit or INTEGER_LIMITS[BIGINT],
        default=None,
    )
    severity = Severity.ERROR if use.percent >= ERROR_PERCENT and not sequence.cycles else Severity.WARNING
    return Draft(
        object=fed.table if fed else name,
        detail=f"{_said(fed, name)}, which is at {sequence.last_value:,} of {use.end:,}: {use.percent} % used,"
        f" {use.left:,} left; {_limit_said(use)}",
        signature=(fed.column,) if fed else (),
        severity=severity,
        verify=statement("position_of_sequence", name),
        fix=_fix(catalog, use, name),
    )


def _said(fed: Holder | None, name: str) -> str:
    return f"{quote(fed.column)} takes its values from {name}" if fed else f"nothing but code takes values from {name}"


def _limit_said(use: Use) -> str:
    if use.by is None:
        cycle = ", where it begins again and meets its old values" if use.sequence.cycles else ""
        return f"the limit is the sequence's own{cycle}"
    type_name = next(name for oid, name in INTEGER_NAMES.items() if INTEGER_LIMITS[oid] == use.by.limit)
    where = f"{use.by.table}.{quote(use.by.column)} ({type_name})"
    return f"the limit is that of {where}" + ("" if use.by.fed else ", which refers to it")


def _fix(catalog: Catalog, use: Use, name: str) -> Fix | None:
    """Return what lifts every limit to bigint's; None where a column cannot be changed, or nothing is left to lift."""
    narrow = [holder.place for holder in use.holders if 0 < holder.limit < INTEGER_LIMITS[BIGINT]]
    columns = retype(catalog, narrow, BIGINT, UNLIMITED) if narrow else Fix("", "", "")
    sequence = _sequence_fix(use.sequence, name)
    if columns is None or not (columns.sql or sequence):
        return None
    if sequence is None:
        return columns
    return Fix(
        "\n".join(filter(None, [columns.sql, sequence.sql])),
        "\n".join(filter(None, [sequence.undo, columns.undo])),
        " ".join(filter(None, [columns.locks, sequence.locks])),
    )


def _sequence_fix(sequence: Sequence, name: str) -> Fix | None:
    """Return what makes a sequence count as far as bigint does, None if it does."""
    upwards = sequence.increment > 0
    now = sequence.maximum if upwards else -sequence.minimum - 1
    if now >= INTEGER_LIMITS[BIGINT]:
        return None
    bound = "maxvalue" if upwards else "minvalue"
    back = f"as {INTEGER_NAMES[sequence.type]} {bound} {sequence.maximum if upwards else sequence.minimum}"
    return Fix(
        f"alter sequence {name} as bigint no {bound};",
        f"alter sequence {name} {back};",
        _SEQUENCE_LOCKS,
    )


def _not_asked(catalog: Catalog, unasked: list[Sequence]) -> RuleSkippedError:
    """Return why some sequences were not asked, and what lets them be."""
    reasons: list[str] = []
    remedies: list[str] = []
    for state, (reason, remedy) in _STATES.items():
        names = [qualified(one.schema, one.name) for one in unasked if one.state == state]
        if names:
            reasons.append(reason.format(count=len(names), names=", ".join(names)))
            remedies.append(remedy or _grant(catalog, [one for one in unasked if one.state == state]))
    return RuleSkippedError("; ".join(reasons), hint="\n".join(remedies))


def _grant(catalog: Catalog, sequences: list[Sequence]) -> str:
    user = quote(catalog.server.user)
    if len(sequences) <= _NAMED_GRANTS:
        names = ", ".join(qualified(sequence.schema, sequence.name) for sequence in sequences)
        return f"grant select on sequence {names} to {user};"
    schemas = dict.fromkeys(sequence.schema for sequence in sequences)
    return f"grant select on all sequences in schema {', '.join(map(quote, schemas))} to {user};"
