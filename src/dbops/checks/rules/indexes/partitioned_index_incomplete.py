"""A partitioned index lacks some of its parts.

## What it detects

Indexes of partitioned tables that are not valid, because a partition has no index attached to them, or one that is
invalid itself: made with CREATE INDEX ON ONLY, as every build without blocking begins, and never finished. The finding
names the partitions that lack it. A chain of partitioned indexes is reported once, at its top.

## Why it matters

Whoever looks for the index by name finds it, while queries read the partitions without it from end to end. A unique one
keeps nothing unique there, ON CONFLICT does not accept it, and no foreign key can refer to it.

## How to fix

Run the statements of the finding: they build what is missing partition by partition, without blocking writers, and
attach it; an index that a partition has already is used. Where another index does the same, or begins with the same and
goes on, the incomplete one is dropped instead.

## What it does not see

Whether somebody is completing it right now, step by step. One that a declared expectation waits for is reported there,
once. A partition that is a foreign table can have no index: then the whole is made once more, which blocks writers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    Constraint,
    EqualityFamilies,
    Index,
    IndexBuild,
    OperatorClass,
    Relation,
    TableColumns,
)
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import complete_partitioned_index, drop_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import shape, signature
from dbops.checks.unusable import Cure, cures
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.quantities import counted
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[Relation, TableColumns, Index, Constraint, OperatorClass, Collation, EqualityFamilies],
    refines=[IndexBuild],
)

_NAMED = 5


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each partitioned index that is not whole."""
    for cure in cures(catalog, policy).values():
        if cure.index.kind == "I":
            yield _draft(catalog, cure)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001  (every rule has this signature)
    """Every index of a partitioned table."""
    count = sum(index.kind == "I" for index in catalog.rows(Index))
    return Scope(checked=count, total=count)


def _draft(catalog: Catalog, cure: Cure) -> Draft:
    index = cure.index
    table = catalog.relations[index.table]
    name = catalog.index_name(index)
    constraint = catalog.backed_constraints.get(index.oid)
    fix = drop_index(catalog, index) if cure.drop else complete_partitioned_index(catalog, index)
    backed = f"; it backs the constraint {quote(constraint.name)}" if constraint else ""
    return Draft(
        object=name,
        subject=qualified(table.schema, table.name),
        detail=f"{shape(catalog, index).spelled()}{backed}; {_state(catalog, index)}; {cure.said}",
        signature=(signature(catalog, index),),
        severity=Severity.ERROR if constraint else None,
        verify=statement("parts_of_index", name),
        fix=fix,
    )


def _state(catalog: Catalog, index: Index) -> str:
    """Say which partitions lack the index, and where it is broken."""
    lacking, broken = _gaps(catalog, index)
    leaves = len(catalog.leaves(index.table))
    said = []
    if lacking:
        said.append(f"{len(lacking)} of {counted(leaves, 'partition lacks', 'partitions lack')} it: {_listed(lacking)}")
    if broken:
        said.append(f"its part is invalid in {_listed(broken)}")
    return "; ".join(said) or "every partition has it, but nobody has told PostgreSQL to look again"


def _gaps(catalog: Catalog, index: Index) -> tuple[list[str], list[str]]:
    """Return the partitions that store rows and have no part of an index, and those whose part is invalid."""
    lacking: list[str] = []
    broken: list[str] = []
    attached = {part.table: part for part in catalog.index_parts.get(index.oid, ())}
    for partition in catalog.partitions.get(index.table, ()):
        part = attached.get(partition.oid)
        if part is None:
            lacking += [qualified(leaf.schema, leaf.name) for leaf in catalog.leaves(partition.oid)]
        elif part.kind == "I":
            deeper = _gaps(catalog, part)
            lacking += deeper[0]
            broken += deeper[1]
        elif not part.usable:
            broken.append(qualified(partition.schema, partition.name))
    return lacking, broken


def _listed(names: Sequence[str]) -> str:
    """Return the first few names and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
