"""A text column holds lists.

## What it detects

Text columns whose values are single words between commas, semicolons or bars, by the planner's samples of them: enough
values with more than one word, some with three or more, not all with equally many, and nothing that does not look so. A
name such as `tags` or `user_ids` makes fewer do. The samples are judged in the server; no value leaves it.

## Why it matters

What is in the list cannot be a foreign key, so it outlives what it names. No plain index finds one entry, so every
search reads the table (and `like '%7%'` finds 17). Two sessions that each add an entry lose one.

## How to fix

Make a table of the entries, a row for each, with foreign keys to both sides. Where nothing is referred to, an array
(`text[]`, with a GIN index) keeps the form and can be searched. What to change when depends on the application, so the
finding prints no SQL.

## What it does not see

Entries of several words, since prose has commas too; columns of tables smaller than the 200 largest, or with fewer than
50 rows, or never analyzed. Samples are shown only to roles that may read the column, and not under row-level security:
then it is a skip with the GRANT. It may take for a list what is none, say places written as one word each: waive it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import Relation, SampledColumn, TableColumns
from dbops.checks.names import quote
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.verify import statement
from dbops.quantities import counted
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.INFO, needs=[SampledColumn, Relation, TableColumns])

_NAMES = {",": "commas", ";": "semicolons", "|": "bars"}
_NAMED_GRANTS = 10


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each column that holds lists; then say whose samples may not be seen."""
    columns = [column for column in catalog.rows(SampledColumn) if column.table in catalog.relations]
    for column in columns:
        if column.state == "list":
            [name] = catalog.column_names(column.table, [column.number])
            table = catalog.name_of(column.table)
            yield Draft(
                object=table,
                detail=f"{quote(name)} holds lists, with {_NAMES[column.separator or ',']} between their entries",
                signature=(name,),
                verify=statement("columns_of_table", table),
            )
    unseen = [column for column in columns if column.state != "list"]
    if unseen:
        raise _unseen(catalog, unseen)


def _unseen(catalog: Catalog, columns: list[SampledColumn]) -> RuleSkippedError:
    """Return whose samples may not be seen, and what lets them be."""
    user = quote(catalog.server.user)
    denied: dict[int, list[int]] = {}
    for column in columns:
        if column.state == "no privilege":
            denied.setdefault(column.table, []).append(column.number)
    protected = {column.table for column in columns if column.state == "row security"}
    reasons = []
    remedies = []
    if denied:
        reasons.append(
            f"{sum(map(len, denied.values()))} of the text columns may not be read, so nor may their samples"
        )
        remedies.append(_grants(catalog, denied, user))
    if protected:
        reasons.append(
            f"{counted(len(protected), 'of the tables shows', 'of the tables show')} no samples,"
            " being under row-level security"
        )
        remedies.append(f"alter role {user} bypassrls;")
    return RuleSkippedError("; ".join(reasons), hint="\n".join(remedies))


def _grants(catalog: Catalog, denied: dict[int, list[int]], user: str) -> str:
    if len(denied) > _NAMED_GRANTS:
        schemas = dict.fromkeys(quote(catalog.relations[table].schema) for table in denied)
        return f"grant select on all tables in schema {', '.join(schemas)} to {user};"
    lines = []
    for table, numbers in denied.items():
        names = ", ".join(map(quote, catalog.column_names(table, numbers)))
        lines.append(f"grant select ({names}) on {catalog.name_of(table)} to {user};")
    return "\n".join(lines)
