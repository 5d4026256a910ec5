"""The probes of what shows rows of tenant tables by another way: views, materialized views, definer functions.

Where a view has the tenant column, its rows are counted by it. Where it has none, or a function answers, the rows of
another tenant are taken away: what a tenant is shown must not change by that, and must change when its own rows go (the
control). A view that has the column is asked the first of these as well: what it calls the tenant may be made up.
Functions are called where they need no argument, or only a tenant; all of it where nothing can be written.
What this does not do: call a function whose arguments it would have to guess, or write through a view (`role.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.drill.isolation import statements
from dbops.drill.isolation.verdicts import Observation, Outcome, of_foreign_rows
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.drill.isolation.stage import Actor, Answer, Stage
    from dbops.drill.isolation.targets import Definer, TenantTable, View


@dataclass(frozen=True, slots=True)
class SurfaceProbe:
    """What an app role is shown of `tables` by other ways; `pair` are two tenants with rows in them."""

    stage: Stage
    actor: Actor
    tables: Sequence[TenantTable]
    pair: tuple[str, str]

    def view(self, view: View, *, tenant_readable: bool) -> Iterator[Observation]:
        """Yield what a view shows."""
        relation = sql.Identifier(view.schema, view.name)
        if not view.populated:
            yield _untold("it holds nothing: it was never refreshed")
        elif view.tenant and tenant_readable:
            yield from self._counted(relation, view.tenant)
            if view.kind == "v":
                compared = self._compared(relation, relation, [one for one in self.tables if one.oid in view.sources])
                yield from (one for one in compared if one.outcome is Outcome.LEAK)
        elif view.kind == "m":
            yield _untold("it has no tenant column to tell its rows by, and does not change with its tables")
        else:
            tables = [table for table in self.tables if table.oid in view.sources]
            yield from self._compared(relation, relation, tables)

    def function(self, definer: Definer, tenant_columns: Sequence[str]) -> Iterator[Observation] | None:
        """Return what a function answers, None where it cannot be called for want of arguments."""
        if definer.uncallable or len(definer.required) > 1:
            return None
        mine = others = statements.call(definer.schema, definer.name, [])
        if definer.required:
            ((name, kind),) = definer.required
            if not any(column in name for column in tenant_columns):
                return None
            arguments = [sql.SQL("cast({} as {})").format(sql.Literal(one), sql.SQL(kind)) for one in self.pair]
            mine, others = (statements.call(definer.schema, definer.name, [one]) for one in arguments)
        return self._compared(mine, others, self.tables)

    def _counted(self, relation: sql.Identifier, column: str) -> Iterator[Observation]:
        answer = self._read(self.actor.asking_for(""), statements.count_rows(relation, column, None))
        rows = answer.values[0] if answer.values else None
        yield Observation(
            probe="read, empty tenant",
            outcome=of_foreign_rows(answer, rows),
            rows=rows,
            sqlstate=answer.sqlstate,
            words=f"shows {counted(rows or 0, 'row')} to a session that asks for no tenant",
        )
        for own in self.pair:
            answer = self._read(self.actor.asking_for(own), statements.count_rows(relation, column, own))
            if answer.refused:
                yield _untold("it cannot be read", answer.sqlstate)
                continue
            total, mine, _ = answer.values
            foreign = total - mine
            yield Observation(
                probe="read foreign",
                outcome=Outcome.LEAK if foreign else Outcome.PASS,
                tenant=own,
                rows=foreign,
                words=f"shows {counted(foreign, 'row that is', 'rows that are')} not the tenant's",
            )
            if mine:
                yield Observation(probe="read own", outcome=Outcome.PASS, tenant=own, rows=mine, control=True)

    def _compared(
        self, mine: sql.Composable, others: sql.Composable, tables: Sequence[TenantTable]
    ) -> Iterator[Observation]:
        """Yield whether what the first tenant is shown depends on the rows of the second, and on its own."""
        own, other = self.pair
        shown = self._digest(own, others)
        if shown.refused:
            yield _untold("it cannot be asked", shown.sqlstate)
            return
        if shown != self._digest(own, others):
            yield _untold("it answers differently each time")
            return
        changed = self._digest_without(other, tables, own, others)
        yield Observation(
            probe="without the other's rows",
            outcome=_compare(shown, changed),
            tenant=own,
            rows=shown.values[0],
            sqlstate=changed.sqlstate,
            words="what a tenant is shown changes when another tenant's rows go",
        )
        before, after = self._digest(own, mine), self._digest_without(own, tables, own, mine)
        if not before.refused and not after.refused and before != after:
            yield Observation(probe="without its own rows", outcome=Outcome.PASS, tenant=own, control=True)

    def _digest(self, tenant: str, source: sql.Composable) -> Answer:
        return self._read(self.actor.asking_for(tenant), statements.digest(source))

    def _digest_without(self, gone: str, tables: Sequence[TenantTable], tenant: str, source: sql.Composable) -> Answer:
        with self.stage.scene():
            for table in tables:
                taken = self.stage.try_to(statements.delete_of(table, gone))
                if taken.refused:
                    return taken
            return self._digest(tenant, source)

    def _read(self, actor: Actor, statement: sql.Composed) -> Answer:
        return self.stage.attempt(actor, statement, only_read=True)


def _compare(before: Answer, after: Answer) -> Outcome:
    if after.refused:
        return Outcome.INCONCLUSIVE
    return Outcome.PASS if before.values == after.values else Outcome.LEAK


def _untold(words: str, sqlstate: str | None = None) -> Observation:
    return Observation(probe="read", outcome=Outcome.INCONCLUSIVE, words=words, sqlstate=sqlstate)
