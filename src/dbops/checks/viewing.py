"""What views read in the end, and with whose rights.

A view reads with its owner's rights, or, with security_invoker (15 and later), with those of whoever asks, even where
it is read by another view. A materialised view is filled with its owner's rights, and read like a table: no policy is
asked. What it does not do: follow functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbops.checks.catalog import Catalog, Relation


def views(catalog: Catalog) -> Mapping[int, View]:
    """Return views and materialised views by OID."""
    return catalog.once("views", lambda: {view.relation: view for view in catalog.rows(View)})


def beneath(catalog: Catalog, relation: int) -> Iterator[Relation]:
    """Yield every relation that a view reads, at any depth, each once: tables, and the views on the way."""
    seen = {relation}
    waiting = [relation]
    while waiting:
        view = views(catalog).get(waiting.pop())
        for oid in view.reads if view else ():
            if oid not in seen and oid in catalog.relations:
                seen.add(oid)
                waiting.append(oid)
                yield catalog.relations[oid]


def read_as(catalog: Catalog, relation: Relation, reader: str) -> Iterator[tuple[Relation, str]]:
    """Yield the tables behind a view with the role whose policies count, `reader` being the one who asks.

    What a materialised view holds is no table's any more, so nothing is behind one.
    """
    seen: set[tuple[int, str]] = set()
    waiting = [(relation.oid, reader)]
    while waiting:
        oid, role = waiting.pop()
        view = views(catalog).get(oid)
        for read in view.reads if view else ():
            table = catalog.relations.get(read)
            if table is None or (read, role) in seen:
                continue
            seen.add((read, role))
            if table.is_table:
                yield table, role
            elif table.kind == "v":
                invoker = views(catalog)[read].invoker if read in views(catalog) else False
                waiting.append((read, role if invoker else table.owner))
