"""Declared critical indexes against the snapshot: matched by structure, never by name.

For each expectation there is one `Match`. Outcomes, the first that holds: the table or a column is unknown; an index is
there (`ok`, or `longer` where a prefix is enough); one is there but invalid, or still being built; the declared name
belongs to something else (a decoy: CREATE INDEX IF NOT EXISTS looks at the name alone); none is there. What it does not
do: prove that one predicate implies another; predicates and expressions are compared in one form (`expressions.py`).
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import IndexBuild
from dbops.checks.declarations import UnknownNameError, canonical_name, column_of, is_busy, relation_of
from dbops.checks.expressions import canonical
from dbops.checks.names import parse_identifier, qualified, quote
from dbops.checks.structure import Key, Shape, keys, shape, spelled_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.catalog import Catalog, Index, Relation
    from dbops.checks.policy import Declared, Policy
    from dbops.settings import ExpectedIndex

_NEAREST = 2
_KEY = re.compile(
    r"""\s*(?P<body>.+?)
    (?:\s+collate\s+(?P<collation>"(?:[^"]|"")+"|[\w.]+))?
    (?:\s+(?P<opclass>\w+_ops))?
    (?:\s+(?P<order>asc|desc))?
    (?:\s+nulls\s+(?P<nulls>first|last))?\s*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


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


class WantedKey(NamedTuple):
    """A key as declared: a column by number (0 for an expression), and what was said about its order."""

    column: int
    expression: str | None
    spelled: str
    collation: str | None
    opclass: str | None
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """An expectation, its names resolved against the snapshot."""

    value: ExpectedIndex
    table: Relation
    keys: tuple[WantedKey, ...]
    include: tuple[int, ...]
    predicate: str | None

    def shape(self, catalog: Catalog) -> Shape:
        """Return what CREATE INDEX has to make."""
        return Shape(
            table=self.table.oid,
            keys=tuple(key.spelled for key in self.keys),
            columns=catalog.column_names(self.table.oid, (key.column for key in self.keys if key.column)),
            method=self.value.method,
            unique=self.value.unique,
            include=tuple(map(quote, catalog.column_names(self.table.oid, self.include))),
            where=self.value.where,
        )


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
    judged = [(_differences(catalog, wanted, index), index) for index in catalog.indexes_of(wanted.table.oid)]
    fitting = [index for differences, index in judged if not differences]
    if usable := [index for index in fitting if index.usable]:
        best = min(usable, key=lambda index: (index.key_count, index.name))
        outcome = Outcome.OK if best.key_count == len(wanted.keys) else Outcome.LONGER
        return Match(declared, outcome, name, wanted=wanted, index=best, fitting=tuple(usable))
    if fitting:
        return _unusable(catalog, declared, wanted, fitting[0])
    near = _nearest(catalog, wanted, judged)
    if decoy := _decoy(catalog, wanted):
        detail = f"{decoy}; want {wanted.shape(catalog).spelled()}"
        return Match(declared, Outcome.DECOY, name, detail, wanted, _index_named(catalog, wanted))
    detail = f"no index {wanted.shape(catalog).spelled()}" + (f"; {near}" if near else "")
    return Match(declared, Outcome.MISSING, name, detail, wanted)


# Resolving what was declared


def resolve(catalog: Catalog, value: ExpectedIndex) -> Wanted:
    """Return an expectation with its table and columns found; UnknownNameError says which one is not there."""
    table = relation_of(catalog, value.table)
    if table.kind not in {"r", "p", "m"}:
        raise UnknownNameError(f"{qualified(table.schema, table.name)} is not a table, so it can have no index")
    return Wanted(
        value=value,
        table=table,
        keys=tuple(_wanted_key(catalog, table, text) for text in value.columns),
        include=tuple(column_of(catalog, table, text) for text in value.include),
        predicate=canonical(value.where) if value.where else None,
    )


def _wanted_key(catalog: Catalog, table: Relation, text: str) -> WantedKey:
    found = _KEY.fullmatch(text)
    if not found:
        raise UnknownNameError(f"{text!r} is no key of an index")
    body = found["body"]
    descending = (found["order"] or "").lower() == "desc"
    nulls_first = found["nulls"].lower() == "first" if found["nulls"] else descending
    column = column_of(catalog, table, body) if parse_identifier(body) else 0
    spelled = quote(catalog.columns(table.oid)[column].name) if column else _in_parentheses(body)
    spelled += f" collate {found['collation']}" if found["collation"] else ""
    spelled += f" {found['opclass']}" if found["opclass"] else ""
    spelled += spelled_order(Key(column, None, 0, 0, 0, int(descending) | (2 if nulls_first else 0)))
    return WantedKey(
        column=column,
        expression=None if column else canonical(body),
        spelled=spelled,
        collation=found["collation"],
        opclass=found["opclass"].lower() if found["opclass"] else None,
        descending=descending,
        nulls_first=nulls_first,
    )


def _in_parentheses(body: str) -> str:
    """Return an expression as CREATE INDEX takes any of them."""
    return body if body.startswith("(") and body.endswith(")") else f"({body})"


# Comparing


def _differences(catalog: Catalog, wanted: Wanted, index: Index) -> tuple[str, ...]:
    """Return in what an index is not the one that is wanted, nothing if it is."""
    return tuple(_each_difference(catalog, wanted, index))


def _each_difference(catalog: Catalog, wanted: Wanted, index: Index) -> Iterator[str]:
    value = wanted.value
    if index.method != value.method:
        yield f"it is {index.method}, not {value.method}"
    if value.unique and not index.is_unique:
        yield "it is not unique"
    yield from _key_differences(catalog, wanted, index)
    there = canonical(index.predicate) if index.predicate else None
    if there != wanted.predicate:
        yield f"it holds only rows where {index.predicate}" if there else "it holds all rows"
    absent = [column for column in wanted.include if column not in index.columns]
    if absent:
        yield f"it does not include {', '.join(map(quote, catalog.column_names(index.table, absent)))}"


def _key_differences(catalog: Catalog, wanted: Wanted, index: Index) -> Iterator[str]:
    there = keys(catalog, index)
    # A longer unique index does not keep the shorter key unique.
    longer_will_do = wanted.value.match == "prefix" and not wanted.value.unique and index.method == "btree"
    for position, key in enumerate(wanted.keys):
        if position >= len(there):
            yield f"it lacks {key.spelled}"
        elif not _same_thing(catalog, wanted, key, there[position], index.opclasses[position]):
            yield f"its key {position + 1} is {shape(catalog, index).keys[position]}, not {key.spelled}"
    if len(there) > len(wanted.keys) and not longer_will_do:
        yield f"it has {len(there)} keys, not {len(wanted.keys)}"
    if index.method == "btree" and not _same_order(wanted.keys, there):
        yield "it is in another order"


def _same_thing(catalog: Catalog, wanted: Wanted, key: WantedKey, there: Key, opclass_oid: int) -> bool:
    """Return whether a key of an index is the column or expression that is wanted, compared as wanted."""
    if key.column != there.column:
        return False
    if not key.column and key.expression != canonical(there.expression or ""):
        return False
    opclass = catalog.operator_classes[opclass_oid]
    if opclass.name != key.opclass if key.opclass else not opclass.default_alike:
        return False
    if key.collation:
        return bool(there.collation) and catalog.collations[there.collation].name == key.collation.split(".")[-1].strip(
            '"'
        )
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
