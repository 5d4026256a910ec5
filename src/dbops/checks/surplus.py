"""Which indexes can go because another does their work: decided once, so that no two rules contradict each other.

The rules, in order: an index that a constraint, a foreign key, replication or clustering stands on stays; so does the
last one that satisfies a declared expectation; a decoy that its own finding removes does nobody's work; of several
alike the best is kept (`duplicates`); one that is the beginning of another goes only if that other stays (`redundant`);
what does another's work in this way is needed for as long as that one is (`relied_on`). A part of a partitioned index
stays and goes with it. What this module does not do: say whether an index is used.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import Index, IndexActivity
from dbops.checks.cover import covers
from dbops.checks.expectations import Outcome, match_indexes
from dbops.checks.names import parse_qualified
from dbops.checks.structure import enforced_by, keep_order, keys, makes_redundant, needed_for_itself, same_content

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy


class Duplicates(NamedTuple):
    """Indexes of one table that are the same: those to keep, the best first, and those that can go."""

    kept: tuple[Index, ...]
    surplus: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Redundant:
    """An index, and one that stays and does everything the first one does."""

    index: Index
    kept: Index


def scans_of(catalog: Catalog) -> dict[int, int]:
    """Return the counted scans by index, those of a partitioned index being its parts'; none where not readable."""
    return catalog.once("scans", lambda: _rolled_up(catalog))


def _rolled_up(catalog: Catalog) -> dict[int, int]:
    counted = {row.index_oid: row.scans for row in catalog.rows_if_readable(IndexActivity)}
    for index in catalog.rows(Index):
        if index.kind == "I" and index.parent is None:
            counted[index.oid] = sum(counted.get(part.oid, 0) for part in with_parts(catalog, index))
    return counted


def with_parts(catalog: Catalog, index: Index) -> Iterator[Index]:
    """Yield an index and, of a partitioned one, every index attached to it at any depth."""
    yield index
    for part in catalog.index_parts.get(index.oid, ()):
        yield from with_parts(catalog, part)


# What is declared


def _declared(policy: Policy) -> tuple[object, ...]:
    """Return what an answer depends on beside the catalog."""
    return (policy.expected_indexes, policy.expected_queries)


def expected_to_stay(
    catalog: Catalog, policy: Policy, index: Index, gone: Iterable[int] = (), *, successor_keys: int = 0
) -> bool:
    """Return whether some declared expectation would be broken without this index and those already `gone`.

    `successor_keys`: an index with so many keys is made that begins like this one, and carries what it carries. Where
    it has no more keys, or a prefix is all that is declared, it satisfies the expectation too.
    """
    if named_by_query(catalog, policy, index):
        return True
    without = {index.oid, *gone}
    return any(
        fitting <= without and not (successor_keys and (longer_will_do or successor_keys == index.key_count))
        for fitting, longer_will_do in _satisfying(catalog, policy).get(index.oid, ())
    )


def named_by_query(catalog: Catalog, policy: Policy, index: Index) -> bool:
    """Return whether a declared query is to use this very index, or a part of it."""
    wanted = [_parse_name(query.value.uses_index) for query in policy.expected_queries if query.value.uses_index]
    return bool(wanted) and any(
        part.name == name and schema in {None, catalog.relations[part.table].schema}
        for part in with_parts(catalog, index)
        for schema, name in wanted
    )


def _parse_name(text: str) -> tuple[str | None, str]:
    """Return the schema, None where none is said, and the name that a declared name of an index stands for."""
    try:
        schema, name = parse_qualified(text, "")
    except ValueError:
        return None, text
    return schema or None, name


def _satisfying(catalog: Catalog, policy: Policy) -> dict[int, list[tuple[frozenset[int], bool]]]:
    """Return, by index, what satisfies each expectation that it satisfies, and whether a longer one would too."""

    def collect() -> dict[int, list[tuple[frozenset[int], bool]]]:
        found: dict[int, list[tuple[frozenset[int], bool]]] = defaultdict(list)
        for match in match_indexes(catalog, policy):
            fitting = frozenset(index.oid for index in match.fitting)
            for oid in fitting:
                found[oid].append((fitting, match.value.match == "prefix" and not match.value.unique))
        return found

    return catalog.once(("satisfying", policy.expected_indexes), collect)


def awaited_indexes(catalog: Catalog, policy: Policy) -> frozenset[int]:
    """Return the unusable indexes that a declared expectation waits for, and reports."""
    return frozenset(
        match.index.oid
        for match in match_indexes(catalog, policy)
        if match.index and match.outcome in {Outcome.INVALID, Outcome.BUILDING}
    )


def goes_as_decoy(catalog: Catalog, policy: Policy, decoy: Index) -> bool:
    """Return whether nothing stands on a decoy: no constraint, no foreign key that it covers, no other expectation."""
    return not (
        decoy.is_unique
        or needed_for_itself(catalog, decoy)
        or any(covers(catalog, decoy, key) for key in catalog.constraints_of(decoy.table) if key.type == "f")
        or expected_to_stay(catalog, policy, decoy)
        or decoy.oid in awaited_indexes(catalog, policy)
    )


def going_decoys(catalog: Catalog, policy: Policy) -> frozenset[int]:
    """Return the decoys that are dropped when the index they stand in for has been made, with their parts."""
    decoys = [match.index for match in match_indexes(catalog, policy) if match.outcome is Outcome.DECOY and match.index]
    return frozenset(
        part.oid for decoy in decoys if goes_as_decoy(catalog, policy, decoy) for part in with_parts(catalog, decoy)
    )


# The same index twice


def duplicates(catalog: Catalog, policy: Policy) -> tuple[Duplicates, ...]:
    """Return each group of indexes that are the same, where one of them can go."""
    return catalog.once(("duplicates", *_declared(policy)), lambda: tuple(_duplicates(catalog, policy)))


def _duplicates(catalog: Catalog, policy: Policy) -> Iterator[Duplicates]:
    scans = scans_of(catalog)
    for group in _alike(catalog, going_decoys(catalog, policy)):
        found = _split(catalog, policy, group, scans)
        if found.surplus:
            yield found


def _alike(catalog: Catalog, going: frozenset[int]) -> Iterator[list[Index]]:
    """Yield the usable indexes of each table that have the same content, where there are two or more."""
    # By numbers first: deriving the keys of every index costs more than everything else here.
    alike: dict[tuple[object, ...], list[Index]] = defaultdict(list)
    for index in catalog.rows(Index):
        if index.usable and index.oid not in going:
            leading = index.columns[: index.key_count]
            alike[index.table, index.method, leading, index.options, index.predicate].append(index)
    for candidates in alike.values():
        if len(candidates) > 1:
            same: dict[tuple[object, ...], list[Index]] = defaultdict(list)
            for index in candidates:
                same[keys(catalog, index), frozenset(index.included), index.opclass_settings].append(index)
            yield from (group for group in same.values() if len(group) > 1)


def _split(catalog: Catalog, policy: Policy, group: Sequence[Index], scans: dict[int, int]) -> Duplicates:
    kept = sorted(group, key=lambda i: (not named_by_query(catalog, policy, i), keep_order(catalog, i, scans)))
    surplus: list[Index] = []
    for index in reversed(kept[1:]):
        others = [other for other in kept if other is not index]
        bound = needed_for_itself(catalog, index) or named_by_query(catalog, policy, index)
        if not bound and any(enforced_by(catalog, other, index) for other in others):
            kept.remove(index)
            surplus.append(index)
    return Duplicates(tuple(kept), tuple(sorted(surplus, key=lambda index: index.name)))


# The beginning of another


def redundant(catalog: Catalog, policy: Policy) -> tuple[Redundant, ...]:
    """Return each index that is the beginning of another one which stays, without being its duplicate."""
    return catalog.once(("redundant", *_declared(policy)), lambda: tuple(_redundant(catalog, policy)))


def _redundant(catalog: Catalog, policy: Policy) -> Iterator[Redundant]:
    gone = set(going_decoys(catalog, policy))
    for group in duplicates(catalog, policy):
        gone.update(part.oid for index in group.surplus for part in with_parts(catalog, index))
    for table in _parents_first(catalog):
        indexes = [index for index in catalog.indexes_of(table) if index.usable and index.oid not in gone]
        if len({index.columns[0] for index in indexes}) < len(indexes):  # quickly past most tables
            for found in _redundant_of_table(catalog, policy, indexes, gone):
                gone.update(part.oid for part in with_parts(catalog, found.index))
                yield found


def _parents_first(catalog: Catalog) -> list[int]:
    """Return the tables, partitioned ones before their partitions, whose indexes go with the parents'."""
    depths: dict[int, int] = {}
    for table in catalog.relations.values():
        depth, above = 0, table.parent
        while above in catalog.relations:
            depth, above = depth + 1, catalog.relations[above].parent
        depths[table.oid] = depth
    return sorted(depths, key=depths.__getitem__)


def _redundant_of_table(
    catalog: Catalog, policy: Policy, indexes: Sequence[Index], gone: set[int]
) -> Iterator[Redundant]:
    """Yield what can go of one table's usable indexes; the longest are judged first, so that what is kept stays."""
    scans = scans_of(catalog)
    order = sorted(
        indexes, key=lambda index: (-index.key_count, -len(index.columns), keep_order(catalog, index, scans))
    )
    left = {index.oid: index for index in order}
    for index in order:
        able = [kept for kept in order if kept.oid in left and _does_the_work_of(catalog, kept, index)]
        if not able or needed_for_itself(catalog, index) or expected_to_stay(catalog, policy, index, gone):
            continue
        del left[index.oid]
        best = min(able, key=lambda kept: (kept.key_count, len(kept.columns), keep_order(catalog, kept, scans)))
        yield Redundant(index, best)


def _does_the_work_of(catalog: Catalog, kept: Index, index: Index) -> bool:
    """Return whether `kept` makes `index` unnecessary and is more than its copy; numbers first, they decide most."""
    lead = index.columns[: index.key_count]
    return (
        kept.columns[: len(lead)] == lead
        and kept.options[: len(lead)] == index.options
        and makes_redundant(catalog, kept, index)
        and not same_content(catalog, kept, index)
        and enforced_by(catalog, kept, index)
    )


def superfluous(catalog: Catalog, policy: Policy) -> frozenset[int]:
    """Return the indexes that can go because another one does their work, with the parts of partitioned ones."""
    going = [index for group in duplicates(catalog, policy) for index in group.surplus]
    going += [found.index for found in redundant(catalog, policy)]
    return frozenset(part.oid for index in going for part in with_parts(catalog, index))


def relied_on(catalog: Catalog, policy: Policy) -> dict[int, tuple[Index, ...]]:
    """Return the indexes that go because of another that does their work, by the OID of that other one."""
    going: dict[int, list[Index]] = defaultdict(list)
    for group in duplicates(catalog, policy):
        going[group.kept[0].oid] += group.surplus
    for found in redundant(catalog, policy):
        going[found.kept.oid].append(found.index)
    return {oid: tuple(indexes) for oid, indexes in going.items()}
