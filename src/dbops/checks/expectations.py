"""Declared critical indexes against the snapshot: matched by structure, never by name.

For each expectation there is one `Match`. Outcomes, the first that holds: the table or a column is unknown; an index is
there (`ok`, or `longer` where a prefix is enough); one is there but invalid, or still being built; the declared name
belongs to something else (a decoy: CREATE INDEX IF NOT EXISTS looks at the name alone); none is there. What it does not
do: prove that one predicate implies another; predicates and expressions are compared in one form (`expressions.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dbops.checks.catalog import Catalog, Index, IndexBuild, OperatorClass, Relation
from dbops.checks.declarations import UnknownNameError, canonical_name, is_busy, unknown_column
from dbops.checks.names import parse_qualified, qualified, quote
from dbops.checks.structure import Key, keys, shape
from dbops.checks.typed import Use, is_same, server_form
from dbops.checks.wanted import Wanted, WantedKey, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.policy import Declared, Policy
    from dbops.settings import ExpectedIndex

# Whether an expression as typed (fourth) is the one that the server prints (fifth).
Same: TypeAlias = Callable[[Catalog, Relation, Use, str, str], bool]

_NEAREST = 2


class Outcome(enum.StrEnum):
    """How an expectation fares."""

    OK = "ok"
    LONGER = "satisfied by a longer index"
    INVALID = "invalid"
    BUILDING = "being built"
    DECOY = "decoy"
    MISSING = "missing"
    UNKNOWN = "names what does not exist"
    BUSY = "not looked at"


@dataclass(frozen=True, slots=True)
class Match:
    """What became of one expectation; `index` satisfies it, would but for its state, or is the decoy.

    `fitting` are all the usable indexes that satisfy it, `index` among them.
    """

    declared: Declared[ExpectedIndex]
    outcome: Outcome
    object: str
    detail: str = ""
    wanted: Wanted | None = None
    index: Index | None = None
    fitting: tuple[Index, ...] = ()

    @property
    def value(self) -> ExpectedIndex:
        """The expectation."""
        return self.declared.value


def match_indexes(catalog: Catalog, policy: Policy) -> tuple[Match, ...]:
    """Return the outcome of every expected index, in the order declared; worked out once for a snapshot."""
    return catalog.once(
        ("expected indexes", policy.expected_indexes),
        lambda: tuple(_match(catalog, declared) for declared in policy.expected_indexes),
    )


def _match(catalog: Catalog, declared: Declared[ExpectedIndex]) -> Match:
    value = declared.value
    if is_busy(catalog, value.table):
        return Match(declared, Outcome.BUSY, canonical_name(value.table))
    try:
        wanted = resolve(catalog, value)
    except UnknownNameError as unknown:
        return Match(declared, Outcome.UNKNOWN, canonical_name(value.table), str(unknown))
    name = qualified(wanted.table.schema, wanted.table.name)
    judged = [(differences(catalog, wanted, index), index) for index in catalog.indexes_of(wanted.table.oid)]
    fitting = [index for differences, index in judged if not differences]
    if usable := [index for index in fitting if index.usable]:
        best = min(usable, key=lambda index: (index.key_count, index.name))
        outcome = Outcome.OK if best.key_count == len(wanted.keys) else Outcome.LONGER
        return Match(declared, outcome, name, wanted=wanted, index=best, fitting=tuple(usable))
    if fitting:
        return _unusable(catalog, declared, wanted, fitting[0])
    return _absent(catalog, declared, wanted, judged)


def _absent(
    catalog: Catalog,
    declared: Declared[ExpectedIndex],
    wanted: Wanted,
    judged: Sequence[tuple[tuple[str, ...], Index]],
) -> Match:
    name = qualified(wanted.table.schema, wanted.table.name)
    if unknown := unknown_column(catalog, wanted.table, (text for _, text in wanted.typed())):
        return Match(declared, Outcome.UNKNOWN, name, unknown)
    near = _nearest(catalog, wanted, judged)
    if decoy := _decoy(catalog, wanted):
        detail = f"{decoy}; want {wanted.shape(catalog).spelled()}{_undecided(catalog, wanted)}"
        return Match(declared, Outcome.DECOY, name, detail, wanted, _index_named(catalog, wanted))
    detail = f"no index {wanted.shape(catalog).spelled()}{f'; {near}' if near else ''}{_undecided(catalog, wanted)}"
    return Match(declared, Outcome.MISSING, name, detail, wanted)


# Comparing


def differences(catalog: Catalog, wanted: Wanted, index: Index, same: Same = is_same) -> tuple[str, ...]:
    """Return in what an index is not the one that is wanted, nothing if it is; `same` compares expressions."""
    return tuple(_each_difference(catalog, wanted, index, same))


def _each_difference(catalog: Catalog, wanted: Wanted, index: Index, same: Same) -> Iterator[str]:
    value = wanted.value
    if index.method != value.method:
        yield f"it is {index.method}, not {value.method}"
    if value.unique and not index.is_unique:
        yield "it is not unique"
    yield from _key_differences(catalog, wanted, index, same)
    if wanted.predicate is None or index.predicate is None:
        fits = wanted.predicate is index.predicate
    else:
        fits = same(catalog, wanted.table, Use.PREDICATE, wanted.predicate, index.predicate)
    if not fits:
        yield f"it holds only rows where {index.predicate}" if index.predicate else "it holds all rows"
    absent = [column for column in wanted.include if column not in index.columns]
    if absent:
        yield f"it does not include {', '.join(map(quote, catalog.column_names(index.table, absent)))}"


def _key_differences(catalog: Catalog, wanted: Wanted, index: Index, same: Same) -> Iterator[str]:
    there = keys(catalog, index)
    # A longer unique index does not keep the shorter key unique.
    longer_will_do = wanted.value.match == "prefix" and not wanted.value.unique and index.method == "btree"
    for position, key in enumerate(wanted.keys):
        if position >= len(there):
            yield f"it lacks {key.spelled}"
            continue
        opclass = catalog.operator_classes[index.opclasses[position]]
        if not (
            _same_thing(catalog, wanted, key, there[position], same)
            and _same_way(catalog, wanted, key, there[position], opclass)
        ):
            yield f"its key {position + 1} is {shape(catalog, index).keys[position]}, not {key.spelled}"
    if len(there) > len(wanted.keys) and not longer_will_do:
        yield f"it has {len(there)} keys, not {len(wanted.keys)}"
    if index.method == "btree" and not _same_order(wanted.keys, there):
        yield "it is in another order"


def _same_thing(catalog: Catalog, wanted: Wanted, key: WantedKey, there: Key, same: Same) -> bool:
    """Return whether a key of an index is the column or expression that is wanted."""
    if key.column or there.column:
        return key.column == there.column
    return same(catalog, wanted.table, Use.KEY, key.expression or "", there.expression or "")


def _same_way(catalog: Catalog, wanted: Wanted, key: WantedKey, there: Key, opclass: OperatorClass) -> bool:
    """Return whether a key of an index is compared as wanted."""
    if opclass.name != key.opclass if key.opclass else not opclass.default_alike:
        return False
    if key.collation:
        # Without its quotes "C" is no name to a server, but clear all the same.
        names = {parse_qualified(key.collation)[1], key.collation}
        return bool(there.collation) and catalog.collations[there.collation].name in names
    # An expression's own collation is not known here; a column's is.
    return not key.column or there.collation == catalog.columns(wanted.table.oid)[key.column].collation


def _same_order(wanted: Sequence[WantedKey], there: Sequence[Key]) -> bool:
    """Return whether the keys run as wanted, or all of them the other way: an index is read from both ends."""
    want = [(key.descending, key.nulls_first) for key in wanted]
    have = [(key.descending, key.nulls_first) for key in there[: len(want)]]
    mirrored = [(not descending, not nulls_first) for descending, nulls_first in have]
    return want[: len(have)] in (have, mirrored)


# What is there instead


def _unusable(catalog: Catalog, declared: Declared[ExpectedIndex], wanted: Wanted, index: Index) -> Match:
    name = qualified(wanted.table.schema, wanted.table.name)
    build = next((b for b in catalog.rows_if_readable(IndexBuild) if b.index_oid == index.oid), None)
    what = f"{quote(index.name)}, {shape(catalog, index).spelled()},"
    if build:
        return Match(declared, Outcome.BUILDING, name, f"{what} is being built: {_progress(build)}", wanted, index)
    state = "is invalid" if not index.valid else "is not ready"
    detail = f"{what} {state}: writers keep it up, no query uses it"
    return Match(declared, Outcome.INVALID, name, detail, wanted, index)


def _progress(build: IndexBuild) -> str:
    if build.blocks_total:
        return f"{build.phase}, {100 * (build.blocks_done or 0) // build.blocks_total} % of the blocks"
    return build.phase or "phase unknown"


def _index_named(catalog: Catalog, wanted: Wanted) -> Index | None:
    """Return the index of the schema that has the declared name, on whatever table."""
    by_name = catalog.once(
        "indexes by name", lambda: {(catalog.relations[i.table].schema, i.name): i for i in catalog.indexes.values()}
    )
    return by_name.get((wanted.table.schema, wanted.value.name or ""))


def _decoy(catalog: Catalog, wanted: Wanted) -> str | None:
    """Say what has the declared name, None if nothing has."""
    if wanted.value.name is None:
        return None
    if index := _index_named(catalog, wanted):
        where = "" if index.table == wanted.table.oid else f" on {catalog.name_of(index.table)}"
        return f"{quote(index.name)} exists{where} with another definition: have {shape(catalog, index).spelled()}"
    if relation := catalog.relation_named(wanted.table.schema, wanted.value.name):
        kinds = {"r": "table", "p": "table", "v": "view", "m": "materialised view", "f": "foreign table"}
        return f"{quote(relation.name)} is the name of a {kinds[relation.kind]}"
    return None


def _undecided(catalog: Catalog, wanted: Wanted) -> str:
    """Say of which expressions no server could tell what they are."""
    forms = [server_form(catalog, wanted.table, use, text) for use, text in wanted.typed()]
    return "".join(f"; compared as text: {form.typed} ({form.problem})" for form in forms if form and form.problem)


def _nearest(catalog: Catalog, wanted: Wanted, judged: Sequence[tuple[tuple[str, ...], Index]]) -> str:
    """Say which indexes come near, those with the fewest differences first, and what they lack."""
    first = wanted.keys[0]
    akin = [
        (differences, index)
        for differences, index in judged
        if keys(catalog, index)[0].column == first.column and first.column
    ]
    akin.sort(key=lambda one: (len(one[0]), one[1].name))
    said = [
        f"{quote(index.name)} {shape(catalog, index).spelled()}: {', '.join(differences)}"
        for differences, index in akin[:_NEAREST]
    ]
    return f"nearest: {'; '.join(said)}" if said else ""
