"""Which indexes row-level security keeps from being used, from what PostgreSQL calls LEAKPROOF.

Where a policy guards a table, the planner applies the policy before any condition of the query, unless the condition
only calls functions that are marked LEAKPROOF: another one could tell about hidden rows by failing. What has to wait
for the policy cannot be an index condition. So the rules, key by key: the tenant column is served by the policy itself;
a column is useless if no search of its operator class within its own type is leakproof; an expression, if it calls
anything that is not. Of a btree the first key after the tenant column decides, of other methods all of them do.
What it does not do: look at queries. An operator between two types, or LIKE, may leak where `=` of one type does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import LeakingExpression, LeakingOperatorClass
from dbops.checks.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Index

# The reads that the functions here want, beside the indexes themselves.
NEEDED = (LeakingOperatorClass, LeakingExpression)


class Useless(NamedTuple):
    """A key by which nothing is searched under row-level security: the key, and why in words."""

    key: str
    why: str


def useless_keys(catalog: Catalog, index: Index, tenant: int | None) -> tuple[Useless, ...]:
    """Return the keys that make an index useless where policies apply; none where it serves some condition."""
    judged = list(_judged(catalog, index, tenant))
    if index.method == "btree":
        judged = judged[:1]
    useless = tuple(found for found in judged if found)
    return useless if len(useless) == len(judged) else ()


def _judged(catalog: Catalog, index: Index, tenant: int | None) -> Iterator[Useless | None]:
    """Yield for each key but the tenant column why nothing is searched by it, None where something is."""
    classes = catalog.once("leaking classes", lambda: {row.oid for row in catalog.rows(LeakingOperatorClass)})
    expressions = iter(index.expressions)
    for column, opclass in zip(index.columns[: index.key_count], index.opclasses, strict=True):
        if column == tenant and column:
            continue
        text = next(expressions) if column == 0 else quote(*catalog.column_names(index.table, [column]))
        calls = _calls(catalog, index) if column == 0 else ()
        if calls:
            yield Useless(text, f"{', '.join(calls)} {'are' if len(calls) > 1 else 'is'} not leakproof")
        elif opclass in classes:
            name = catalog.operator_classes[opclass].name
            yield Useless(text, f"no operator of {quote(name)} is leakproof")
        else:
            yield None


def _calls(catalog: Catalog, index: Index) -> tuple[str, ...]:
    """Return what any expression of an index calls that leaks; nothing where it may be another one of them."""
    leaking = catalog.once(
        "leaking expressions", lambda: {row.index_oid: row for row in catalog.rows(LeakingExpression)}
    )
    found = leaking.get(index.oid)
    if found is None or (len(index.expressions) > 1 and not found.throughout):
        return ()
    return found.calls
