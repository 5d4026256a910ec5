"""The probes of one table by one app role: what it sees, in a plan that is kept too, and what it writes (`writes.py`).

Reads show how many rows are in sight, of a tenant's own (the control: all of them), of others', of nobody's. What this
does not do: judge across probes (`verdicts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.drill.isolation import statements
from dbops.drill.isolation.verdicts import Observation, Outcome, of_foreign_rows, of_write_for_nobody
from dbops.drill.isolation.writes import WriteProbe, written
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.drill.isolation.stage import Actor, Answer
    from dbops.drill.isolation.statements import Statement


@dataclass(frozen=True, slots=True)
class TableProbe(WriteProbe):
    """One table, as one role."""

    def standing(self) -> Iterator[Observation]:
        """Yield whether row-level security applies to the role at all, and what it does not apply to."""
        statement = sql.SQL("select pg_catalog.row_security_active({}::pg_catalog.oid)").format(
            sql.Literal(self.table.oid)
        )
        answer = self.stage.attempt(self.actor, statement)
        active = answer.values == (True,)
        yield Observation(
            probe="row security active",
            outcome=Outcome.INCONCLUSIVE if answer.refused else Outcome.PASS if active else Outcome.LEAK,
            sqlstate=answer.sqlstate,
            words="" if active else "row-level security does not apply to the role",
        )
        if self.grants.truncates:
            words = "the role may TRUNCATE, which no policy stops"
            yield Observation(probe="truncate", outcome=Outcome.LEAK, words=words)

    def without_tenant(self, tenant: str | None = None) -> Iterator[Observation]:
        """Yield what a session reaches that has never said for whom it asks, or has said the empty string."""
        when = "no tenant" if tenant is None else "empty tenant"
        actor = self.actor.asking_for(tenant)
        if self.grants.reads:
            yield from self._read_of_nobody(actor, f"read, {when}")
        stranger = self.population.tenants[-1]
        attempts = {
            f"insert, {when}": self._insert_of(stranger, full=False),
            f"update, {when}": self._blind_update(stranger),
            f"delete, {when}": statements.delete(self.table) if self.grants.deletes else None,
        }
        for probe, statement in attempts.items():
            if statement is not None:
                answer = self.stage.attempt(actor, statement)
                yield written(probe, answer, of_write_for_nobody(answer), None)

    def unknown_tenant(self) -> Iterator[Observation]:
        """Yield what a tenant sees that does not exist."""
        if self.grants.reads:
            yield from self._read_of_nobody(self.actor.asking_for(self.population.unknown), "read, unknown tenant")

    def between_tenants(self) -> Iterator[Observation]:
        """Yield what each of the two tenants reaches, of its own and of the other's."""
        tenants = self.population.tenants
        for own, other in zip(tenants, reversed(tenants), strict=True):
            actor = self.actor.asking_for(own)
            if self.grants.reads:
                yield from self._reads(actor, own)
                yield from self._kept_plan(own, other)
        yield from self.writes()

    def _read_of_nobody(self, actor: Actor, probe: str) -> Iterator[Observation]:
        answer = self.stage.attempt(actor, statements.count_rows(self.table.identifier, self._readable_tenant, None))
        nobody = (answer.values[2] or 0) if answer.values else 0
        rows = answer.values[0] - nobody if answer.values else None
        yield Observation(
            probe=probe,
            outcome=of_foreign_rows(answer, rows),
            tenant=actor.tenant,
            rows=rows,
            sqlstate=answer.sqlstate,
            words=f"sees {counted(rows or 0, 'row')}",
        )
        if nobody:
            yield self._of_nobody(probe, nobody, actor.tenant)

    def _of_nobody(self, probe: str, rows: int, tenant: str | None) -> Observation:
        """Return what is said of rows of no tenant that are in sight: under a name of its own to be waived by."""
        return Observation(
            probe=f"{probe} nobody's",
            outcome=Outcome.LEAK if rows else Outcome.PASS,
            rows=rows,
            words=f"sees {counted(rows, 'row')} of no tenant",
            tenant=tenant,
            about=f"{self.table.label} (rows of no tenant)",
        )

    @property
    def _readable_tenant(self) -> str | None:
        return self.table.tenant if self.table.tenant in self.grants.reads else None

    def _reads(self, actor: Actor, own: str) -> Iterator[Observation]:
        answer = self.stage.attempt(actor, statements.count_rows(self.table.identifier, self._readable_tenant, own))
        yield from self._rows_in_sight(answer, own, "read")

    def _rows_in_sight(self, answer: Answer, own: str, probe: str) -> Iterator[Observation]:
        """Yield what a count of all rows in sight says of own rows (the control), of others' and of nobody's."""
        expected = self.population.counts[own]
        if answer.refused:
            yield Observation(
                probe=f"{probe} own",
                outcome=Outcome.INCONCLUSIVE if answer.untold else Outcome.BROKEN,
                tenant=own,
                sqlstate=answer.sqlstate,
                words="may not read its own rows",
            )
            return
        total, its_own, of_none = answer.values
        own_rows = min(total, expected) if its_own is None else its_own
        nobody = of_none or 0
        foreign = total - own_rows - nobody
        if expected:
            yield Observation(
                probe=f"{probe} own",
                outcome=Outcome.PASS if own_rows == expected else Outcome.BROKEN,
                rows=own_rows,
                words=f"sees {own_rows} of its {counted(expected, 'own row')}",
                tenant=own,
                control=True,
            )
        outcome = Outcome.LEAK if foreign else Outcome.PASS
        words = f"sees {counted(foreign, 'row')} of other tenants"
        yield Observation(probe=f"{probe} foreign", outcome=outcome, rows=foreign, words=words, tenant=own)
        if self.population.nobody:
            yield self._of_nobody(probe, nobody, own)

    def _kept_plan(self, own: str, other: str) -> Iterator[Observation]:
        """Yield what a statement shows to `other` that was planned for `own` and kept, as drivers and poolers do."""
        counting = statements.count_rows(self.table.identifier, self._readable_tenant, other)
        answer = self._with_kept_plan(own, other, counting)
        yield from self._rows_in_sight(answer, other, "kept plan,")

    def _with_kept_plan(self, own: str, other: str, statement: Statement) -> Answer:
        execute = sql.SQL("execute dbops_kept")
        answer = self.stage.several(
            self.actor.asking_for(own),
            [
                sql.SQL("set local plan_cache_mode = force_generic_plan"),
                sql.SQL("prepare dbops_kept as ") + statement,
                execute,
                statements.use_tenant(self.actor.setting, other),
                execute,
            ],
        )
        self.stage.attempt(None, sql.SQL("deallocate all"))  # no rollback does that
        return answer
