"""What to do about each index that is there and of no use: drop it or build it anew, decided once for every rule.

The rules, in order: what a build in progress or an expectation accounts for is left to them, and so is a decoy that
goes; a part of an index that is incomplete is mended with it; an index that something stands on is built anew; one that
was being dropped goes, and so does a leftover of REINDEX CONCURRENTLY; so does one whose work a usable index does, or
another one that is going to be built anew; the rest is built anew. So no index is built only to be called surplus by
the next audit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.checks.catalog import IndexBuild
from dbops.checks.names import quote
from dbops.checks.structure import enforced_by, keep_order, makes_redundant, needed_for_itself
from dbops.checks.surplus import awaited_indexes, going_decoys, scans_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.catalog import Catalog, Index
    from dbops.checks.policy import Policy

_LEFTOVER = re.compile(r"_cc(?:new|old)\d*\Z")


@dataclass(frozen=True, slots=True)
class Cure:
    """What becomes of an unusable index, and why in words."""

    index: Index
    drop: bool
    said: str


def cures(catalog: Catalog, policy: Policy) -> dict[int, Cure]:
    """Return what to do about each unusable index that no build and no expectation accounts for, by its OID."""

    def decide() -> dict[int, Cure]:
        return {cure.index.oid: cure for cure in _cures(catalog, policy)}

    return catalog.once(("cures", policy.expected_indexes), decide)


def dropped(catalog: Catalog, policy: Policy, index: Index) -> bool:
    """Return whether an index is unusable and to be dropped, for its own sake or as a decoy."""
    cure = cures(catalog, policy).get(index.oid)
    return (cure is not None and cure.drop) or index.oid in going_decoys(catalog, policy)


def _cures(catalog: Catalog, policy: Policy) -> Iterator[Cure]:
    awaited = awaited_indexes(catalog, policy)
    running = {build.index_oid for build in catalog.rows_if_readable(IndexBuild)}
    going = going_decoys(catalog, policy)
    broken: dict[int, list[Index]] = {}
    for index in catalog.indexes.values():
        if not index.usable and index.oid not in awaited | running | going and not _mended_with_parent(catalog, index):
            broken.setdefault(index.table, []).append(index)
    for table, indexes in broken.items():
        there = [i for i in catalog.indexes_of(table) if (i.usable and i.oid not in going) or i.oid in awaited]
        yield from _cures_of_table(catalog, indexes, there)


def _mended_with_parent(catalog: Catalog, index: Index) -> bool:
    above = catalog.indexes.get(index.parent or 0)
    return above is not None and not above.valid


def _cures_of_table(catalog: Catalog, broken: Sequence[Index], there: list[Index]) -> Iterator[Cure]:
    """Yield the cures of one table's indexes, the longest first; what is built anew joins those that are `there`."""
    scans = scans_of(catalog)
    for index in sorted(broken, key=lambda i: (-i.key_count, -len(i.columns), keep_order(catalog, i, scans))):
        cure = _cure(catalog, index, there)
        if not cure.drop:
            there.append(index)
        yield cure


def _cure(catalog: Catalog, index: Index, there: Sequence[Index]) -> Cure:
    anew = "complete it" if index.kind == "I" else "build it anew"
    if needed_for_itself(catalog, index):
        return Cure(index, drop=False, said=anew)
    if not index.live:
        return Cure(index, drop=True, said="drop it")
    if _LEFTOVER.search(index.name):
        return Cure(index, drop=True, said="a leftover of REINDEX CONCURRENTLY: drop it")
    for kept in there:
        if makes_redundant(catalog, kept, index) and enforced_by(catalog, kept, index):
            does = "does the same" if kept.usable else "is to do the same"
            return Cure(index, drop=True, said=f"{quote(kept.name)} {does}: drop it")
    return Cure(index, drop=False, said=anew)
