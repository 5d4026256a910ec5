"""The writes of one app role to one table: inserts, moves, blind updates and deletes, and keys that give rows away.

Each is tried as an application would send it and judged by its SQLSTATE: row-level security is asked before constraints
are, so 42501 is a refusal and 23502 a row that was let in. Two things make that hold: an insert of an own row must not
be refused (its control), and before a blind write the tenant's own rows are taken away, so that whatever is reached is
somebody else's. What this does not do: read, or judge across probes (`verdicts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.drill.isolation import statements
from dbops.drill.isolation.stage import Answer
from dbops.drill.isolation.verdicts import Observation, Outcome, of_foreign_write, of_own_write
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.drill.isolation.population import Population
    from dbops.drill.isolation.stage import Actor, Stage
    from dbops.drill.isolation.targets import Column, Grants, TenantTable

_RESET_ROLE = sql.SQL("reset role")
# Keys that tenants have to share.
_OF_THE_WHOLE_SYSTEM: dict[tuple[str, ...], str] = {
    ("credential_id",): "WebAuthn registers a credential once in the whole system; its id is a large random number",
}


@dataclass(frozen=True, slots=True)
class WriteProbe:
    """One table, as one role: what the role may do, and whose rows there are.

    `beneath` are the tables that hold the rows, where the table is a view.
    """

    stage: Stage
    table: TenantTable
    grants: Grants
    actor: Actor
    population: Population
    beneath: tuple[TenantTable, ...] = ()

    def writes(self) -> Iterator[Observation]:
        """Yield what each of the two tenants can write; what a read would show is not looked at."""
        tenants = self.population.tenants
        for own, other in zip(tenants, reversed(tenants), strict=True):
            actor = self.actor.asking_for(own)
            yield from self._inserts(actor, own, other)
            yield from self._moves_out(actor, own, other)
            yield from self._writes_blindly(actor, own, other)

    def _inserts(self, actor: Actor, own: str, other: str) -> Iterator[Observation]:
        """Yield whether another tenant's row is let in: one of nulls, and a whole one."""
        if self.grants.inserts and self.table.tenant not in self.grants.inserts and not self.beneath:
            yield self._insert_by_default(actor, own, other)
            return
        mine, others = self._insert_of(own, full=False), self._insert_of(other, full=False)
        if mine is None or others is None:
            return
        control = self.stage.attempt(actor, mine)
        if of_own_write(control) is Outcome.BROKEN and self.population.samples:
            mine, others = self._insert_of(own, full=True) or mine, self._insert_of(other, full=True) or others
            control = self.stage.attempt(actor, mine)
        words = "its own rows are refused, so a refusal of others' says nothing"
        yield written("insert own", control, of_own_write(control), own, words=words, control=True)
        answer = self.stage.attempt(actor, others)
        yield written("insert foreign", answer, of_foreign_write(answer), own)
        # A policy may let in what says something in another column, and nulls say nothing.
        whole = self._insert_of(other, full=True) if other in self.population.samples else None
        if whole is not None and whole != others:
            answer = self.stage.attempt(actor, whole)
            yield written("insert foreign, whole row", answer, of_foreign_write(answer), own)

    def _insert_by_default(self, actor: Actor, own: str, other: str) -> Observation:
        """Return whose a row becomes by default where the role may not say it: the restorer looks, in one probe."""
        pattern = self.population.samples.get(other, {})
        columns = [one for one in self.table.writable if one.name in self.grants.inserts]
        # Nothing that would be in conflict with the row it was taken from, where that can be.
        values = {
            one.name: statements.value_of(one, None if one.nullable and not one.domain else pattern.get(one.name))
            for one in columns
        }
        count = statements.count_others(self.table, own)
        before = self.stage.attempt(None, count)
        answer = self.stage.several(actor, [statements.insert(self.table, columns, values), _RESET_ROLE, count])
        if before.refused or (answer.refused and of_foreign_write(answer) is not Outcome.PASS):
            words = "whose a row becomes by default could not be seen"
            return written("insert by default", answer, Outcome.INCONCLUSIVE, own, words=words)
        more = 0 if answer.refused else answer.values[0] - before.values[0]
        return Observation(
            probe="insert by default",
            outcome=Outcome.LEAK if more else Outcome.PASS,
            tenant=own,
            rows=None if answer.refused else more,
            sqlstate=answer.sqlstate,
            words="a row that it inserts without saying whose becomes another tenant's" if more else "",
        )

    def _insert_of(self, tenant: str, *, full: bool) -> sql.Composed | None:
        """Return the insert of a row of a tenant, or None where the role may not, or no row could be a pattern.

        Nulls, but for what would be refused before row-level security is asked: domains, keys of partitions. A
        generated tenant is told by the other columns: then the row is one of that tenant's own.
        """
        if self.table.tenant not in self.grants.inserts:
            return None
        if self.table.tenant_column.generated and tenant not in self.population.samples:
            return None
        full = full or self.table.tenant_column.generated
        columns = [one for one in self.table.writable if one.name in self.grants.inserts]
        routed = self.table.kind == "p"
        needs_pattern = full or routed or any(one.domain for one in columns if one.name != self.table.tenant)
        pattern = self.population.samples.get(tenant) or next(iter(self.population.samples.values()), None)
        if needs_pattern and pattern is None:
            return None
        values = {
            one.name: statements.value_of(
                one, pattern.get(one.name) if pattern and (full or routed or one.domain) else None
            )
            for one in columns
        }
        values[self.table.tenant] = statements.value_of(self.table.tenant_column, tenant)
        return statements.insert(self.table, columns, values)

    def _moves_out(self, actor: Actor, own: str, other: str) -> Iterator[Observation]:
        """Yield whether a tenant can give its rows to another."""
        if self.population.counts[own] and (statement := self._assignment(other)):
            answer = self.stage.attempt(actor, statement)
            outcome = of_foreign_write(answer, of_partition=self.table.is_partition)
            yield written("move out", answer, outcome, own)

    def _writes_blindly(self, actor: Actor, own: str, other: str) -> Iterator[Observation]:
        """Yield what blind writes reach once the tenant's own rows are gone."""
        of_partition = self.table.is_partition
        attempts = {
            "blind update": self._blind_update(other),
            "steal": self._assignment(own),
            "blind delete": statements.delete(self.table) if self.grants.deletes else None,
        }
        with self.stage.scene():
            taken = self._take_away(own)
            for probe, statement in attempts.items():
                if statement is None:
                    continue
                if taken.refused:
                    words = "its own rows could not be taken away"
                    yield written(probe, taken, Outcome.INCONCLUSIVE, own, words=words)
                    continue
                answer = self.stage.attempt(actor, statement)
                yield written(probe, answer, of_foreign_write(answer, of_partition=of_partition), own)
            if not taken.refused:
                yield from self._existence(actor, own, other)

    def _take_away(self, tenant: str) -> Answer:
        """Take a tenant's rows away; return the first refusal, if there is one."""
        taken = Answer()
        for table in self.beneath or (self.table,):
            taken = self.stage.try_to(statements.delete_of(table, tenant))
            if taken.refused:
                break
        return taken

    def _existence(self, actor: Actor, own: str, other: str) -> Iterator[Observation]:
        """Yield each key by which a tenant can tell that another has a row: an insert of its own is in conflict."""
        pattern = self.population.samples.get(other)
        columns = [one for one in self.table.writable if one.name in self.grants.inserts]
        if pattern is None or self.table.tenant not in self.grants.inserts:
            return
        values = {one.name: statements.value_of(one, pattern.get(one.name)) for one in columns}
        values[self.table.tenant] = statements.value_of(self.table.tenant_column, own)
        for key in self.table.crossing_keys():
            if any(pattern.get(name) is None for name in key.columns):
                continue
            answer = self.stage.attempt(
                actor, statements.on_conflict(statements.insert(self.table, columns, values), key.columns)
            )
            found = not answer.refused and answer.rows == 0
            yield Observation(
                probe="on conflict",
                outcome=Outcome.LEAK if found else Outcome.PASS,
                tenant=own,
                rows=answer.rows,
                sqlstate=answer.sqlstate,
                words="a row of another tenant with the same key makes itself known (ON CONFLICT)",
                about=key.name,
                doubtful=True,
                accepted=_OF_THE_WHOLE_SYSTEM.get(key.columns, ""),
            )

    def _assignment(self, tenant: str) -> sql.Composed | None:
        """Return the blind update that gives every row in reach to a tenant."""
        if self.table.tenant not in self.grants.updates:
            return None
        return statements.update(self.table, self.table.tenant_column, tenant)

    def _blind_update(self, other: str) -> sql.Composed | None:
        column = self._harmless_column()
        if column is None:
            return None
        pattern = self.population.samples.get(other, {})
        return statements.update(self.table, column, pattern.get(column.name))

    def _harmless_column(self) -> Column | None:
        """Return a column the role may set to a value it has already; those that nothing is built on first."""
        keyed = {name for key in self.table.keys for name in key.columns}
        candidates = [
            one
            for one in self.table.writable
            if one.name in self.grants.updates and one.name != self.table.tenant and one.identity != "a"
        ]
        return min(candidates, key=lambda one: (one.name in keyed, not one.nullable, one.domain), default=None)


def written(  # noqa: PLR0913  (each is a fact about the probe)
    probe: str, answer: Answer, outcome: Outcome, tenant: str | None, *, words: str = "", control: bool = False
) -> Observation:
    """Return what a data-changing statement came to."""
    reached = (
        f"changes {counted(answer.rows, 'row')} of others"
        if not answer.refused
        else "is let through to the constraints"
    )
    return Observation(
        probe=probe,
        outcome=outcome,
        tenant=tenant,
        rows=None if answer.refused else answer.rows,
        sqlstate=answer.sqlstate,
        words=words or (reached if outcome is Outcome.LEAK else ""),
        control=control,
    )
