"""Dead rows pile up because vacuum does not come.

## What it detects

Tables with at least 10,000 dead rows, and twice as many as make autovacuum start: the table's own threshold, scale
factor and (18) maximum included. Where autovacuum is off the threshold itself counts. Beside them tables for which it
is disabled (an info while there is little to remove), and a server that has run for a day with autovacuum off. The
finding says why vacuum does not come, or comes in vain: an open transaction, a prepared one, a replication slot.

## Why it matters

Dead rows are read past by every scan and kept in every index until vacuum removes them; the table grows to hold them
and does not shrink again. A table that is never vacuumed also has its rows frozen all at once, in the end, by force.

## How to fix

Vacuum the table now, which stands in nobody's way. Then remove the cause: set back what disables autovacuum, end what
holds it back, or let it start sooner on a large table (`autovacuum_vacuum_scale_factor = 0.02`).

## What it does not see

Standbys do not count rows: ask the primary. Counters start again after a crash. What the dead rows cost in space says
`table-bloat`. Dead rows of TOAST tables are not counted here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import Horizon, Relation, StatisticsWindow, TableUpkeep, VacuumSettings
from dbops.checks.names import qualified, quote
from dbops.checks.quantities import DAY_SECONDS
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.vacuuming import days_said, held_back_said, require_counts
from dbops.checks.verify import statement
from dbops.quantities import counted
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[Relation, TableUpkeep, VacuumSettings],
    refines=[Horizon, StatisticsWindow],
)

# Below this a vacuum changes nothing that anybody would notice.
LEAST_DEAD = 10_000
# Above its threshold a table waits for a worker's turn; above twice that nobody has come for long.
OVERDUE = 2

VACUUM_LOCKS = "SHARE UPDATE EXCLUSIVE: reads and writes go on, other DDL of the table waits. Outside a transaction."
RESET_LOCKS = "SHARE UPDATE EXCLUSIVE for an instant."
_RELOAD = "select pg_catalog.pg_reload_conf();"


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield the server if it does without autovacuum, and each table that vacuum has left."""
    settings = require_counts(catalog)
    # Off for an afternoon is a bulk load or a test.
    if not settings.autovacuum and any(
        (window.seconds or 0) >= DAY_SECONDS for window in catalog.rows_if_readable(StatisticsWindow)
    ):
        yield _without_autovacuum(catalog)
    held_back = held_back_said(catalog)
    for upkeep in catalog.rows(TableUpkeep):
        table = catalog.relations.get(upkeep.table)
        if table and not table.is_partitioned:
            yield from _table(table, upkeep, settings, held_back)


def _table(table: Relation, upkeep: TableUpkeep, settings: VacuumSettings, held_back: str) -> Iterator[Draft]:
    name = qualified(table.schema, table.name)
    comes = upkeep.autovacuum and settings.autovacuum
    overdue = upkeep.dead >= max(LEAST_DEAD, upkeep.vacuum_threshold * (OVERDUE if comes else 1))
    if not overdue and upkeep.autovacuum:
        return
    yield Draft(
        object=name,
        detail=_said(upkeep, settings) + held_back if overdue else "autovacuum is disabled for it",
        signature=() if upkeep.autovacuum else ("disabled",),
        severity=None if overdue else Severity.INFO,
        verify=statement("upkeep_of_table", name),
        fix=_fix(name, upkeep, vacuum=overdue),
    )


def _said(upkeep: TableUpkeep, settings: VacuumSettings) -> str:
    text = f"{counted(upkeep.dead, 'dead row')} beside {upkeep.live:,} living"
    if upkeep.vacuumed_seconds is None:
        text += ", never vacuumed since the counters began"
    else:
        text += f", vacuumed last{days_said(upkeep.vacuumed_seconds) or ' today'}"
    if not settings.autovacuum:
        return f"{text}; autovacuum is off for the whole server"
    if not upkeep.autovacuum:
        return f"{text}; autovacuum is disabled for it"
    return f"{text}; autovacuum should have come at {upkeep.vacuum_threshold:,}"


def _fix(name: str, upkeep: TableUpkeep, *, vacuum: bool) -> Fix:
    lines = [] if upkeep.autovacuum else [f"alter table {name} reset (autovacuum_enabled);"]
    lines += [f"vacuum (analyze) {name};"] if vacuum else []
    undo = None if upkeep.autovacuum else f"alter table {name} set (autovacuum_enabled = off);"
    return Fix("\n".join(lines), undo, VACUUM_LOCKS if vacuum else RESET_LOCKS)


def _without_autovacuum(catalog: Catalog) -> Draft:
    return Draft(
        object=quote(catalog.server.database),
        detail="autovacuum is off for the whole server: nothing removes dead rows or keeps statistics up to date",
        signature=("server",),
        verify=statement("autovacuum", catalog.server.database),
        fix=Fix(
            f"alter system set autovacuum = on;\n{_RELOAD}",
            f"alter system reset autovacuum;\n{_RELOAD}",
            "None. The first rounds will be busy.",
        ),
    )
