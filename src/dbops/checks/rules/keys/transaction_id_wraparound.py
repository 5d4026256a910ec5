"""A database is on its way to running out of transaction numbers.

## What it detects

Databases of the server whose oldest row that is not frozen is further back than autovacuum should let it come: twice
`autovacuum_freeze_max_age` (and never more than half of what there is). Multixacts, which several lockers of one row
take, are a second counter with the same end. From 1.6 billion on, where vacuum drops all consideration by itself, it is
an error. In the database at hand the tables that hold it back are named, and who keeps vacuum from freezing them.

## Why it matters

Transaction numbers have 31 bits. Three million before the end PostgreSQL refuses every statement that would take one:
in every database of the server only reads go on, and vacuum, until the old rows are frozen. On a large table that takes
hours to days.

## How to fix

Find out first what holds it back, since no vacuum gets past it: end the session, `commit prepared` or `rollback
prepared`, drop the replication slot. Then vacuum the tables named. If autovacuum did not come this far by itself, give
it more room: a higher `autovacuum_vacuum_cost_limit`, more memory, no table with autovacuum disabled.

## What it does not see

Which tables it is in other databases: audit them. How fast numbers are used up. The space for the members of
multixacts, a third counter, of which older servers tell nothing. Sessions of other roles, without pg_read_all_stats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import AgedRelation, DatabaseAge, Horizon, VacuumSettings
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[DatabaseAge, VacuumSettings], refines=[AgedRelation, Horizon])

NUMBERS = 2**31
# The server stops handing out numbers with this many left.
RESERVED = 3_000_000
# Anti-wraparound vacuums start at autovacuum_freeze_max_age; what reaches twice that is not being vacuumed.
OVERDUE = 2
# vacuum_failsafe_age and vacuum_multixact_failsafe_age as shipped: vacuum then skips indexes and takes no breaks.
FAILSAFE = 1_600_000_000

_SHOWN = 5
_LOCKS = "SHARE UPDATE EXCLUSIVE, one table after the other: reads and writes go on. Outside a transaction."


class Counter(NamedTuple):
    """One of the two counters of a database: its name, its age, and from when on it is overdue."""

    name: str
    age: int
    overdue: int


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each database, and counter, that is overdue."""
    [settings] = catalog.rows(VacuumSettings)
    for database in catalog.rows(DatabaseAge):
        for counter in (
            Counter("transactions", database.transactions, _overdue(settings.freeze_max_age)),
            Counter("multixacts", database.multixacts, _overdue(settings.multixact_freeze_max_age)),
        ):
            if counter.age >= counter.overdue:
                yield _draft(catalog, database, counter)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001
    """Every database of the server."""
    checked = len(catalog.rows(DatabaseAge))
    return Scope(checked=checked, total=checked)


def _overdue(freeze_max_age: int) -> int:
    return min(OVERDUE * freeze_max_age, NUMBERS // 2)


def _draft(catalog: Catalog, database: DatabaseAge, counter: Counter) -> Draft:
    said = f"{counter.age:,} {counter.name} since its oldest row that is not frozen, {100 * counter.age // NUMBERS} %"
    said += f" of what there is: {max(0, NUMBERS - RESERVED - counter.age):,} are left"
    fix = None
    if database.is_current:
        tables = _holding_back(catalog, counter)
        said += _tables_said(tables)
        fix = _fix(tables)
    else:
        said += "; an audit of that database tells which tables hold it back"
    return Draft(
        object=quote(database.name),
        detail=said + _horizon_said(catalog, counter),
        signature=(counter.name,),
        severity=Severity.ERROR if counter.age >= FAILSAFE else None,
        verify=statement("age_of_databases", database.name),
        fix=fix,
    )


def _holding_back(catalog: Catalog, counter: Counter) -> list[AgedRelation]:
    """Return the tables of this database that are overdue themselves, each once, the oldest first."""
    found: dict[str, AgedRelation] = {}
    for relation in catalog.rows_if_readable(AgedRelation):
        if getattr(relation, counter.name) >= counter.overdue:
            found.setdefault(qualified(relation.schema, relation.name), relation)
    return list(found.values())


def _tables_said(tables: list[AgedRelation]) -> str:
    if not tables:
        return ""
    names = [
        f"{qualified(table.schema, table.name)}{' (temporary)' if table.is_temporary else ''}"
        for table in tables[:_SHOWN]
    ]
    more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    return f"; held back by {', '.join(names)}{more}"


def _fix(tables: list[AgedRelation]) -> Fix | None:
    """Return what freezes the tables; another session's temporary table only goes with it, or by DROP TABLE."""
    lines = [f"vacuum (freeze) {qualified(one.schema, one.name)};" for one in tables if not one.is_temporary]
    lines += [f"drop table {qualified(one.schema, one.name)};" for one in tables if one.is_temporary]
    return Fix("\n".join(lines), locks=_LOCKS) if lines else None


def _horizon_said(catalog: Catalog, counter: Counter) -> str:
    """Return who keeps vacuum from freezing, if somebody is behind half of the age."""
    if counter.name != "transactions":
        return ""
    oldest = [row for row in catalog.rows_if_readable(Horizon) if (row.transactions or 0) >= counter.age // 2]
    if not oldest:
        return ""
    who = " and ".join(f"the {row.kind} {quote(row.name)}" for row in oldest[:_SHOWN])
    return f"; no vacuum gets past {who}"
