"""The probes of one live table by one app role: reads that are cut off, and writes as its policies would judge them.

What this does not do: write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.drill.isolation import statements
from dbops.drill.isolation.policies import DELETE, INSERT, UPDATE
from dbops.drill.isolation.verdicts import Observation, Outcome, of_foreign_rows
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.drill.isolation.policies import Simulation
    from dbops.drill.isolation.stage import Actor, Answer, Stage
    from dbops.drill.isolation.statements import Statement
    from dbops.drill.isolation.targets import Grants, TenantTable

# So many own rows are counted, so many foreign ones; more would prove no more.
_OWN, _FOREIGN = 10000, 100


@dataclass(frozen=True, slots=True)
class LiveProbe:
    """One table as one role; `unknown` is a tenant that nobody is."""

    stage: Stage
    table: TenantTable
    grants: Grants
    actor: Actor
    simulation: Simulation
    unknown: str

    def untouched(self) -> Iterator[Observation]:
        """Yield what the role reaches without ever having said for whom it asks: first, in a session."""
        yield Observation(
            probe="row security active",
            outcome=Outcome.PASS if self.simulation.active else Outcome.LEAK,
            words="" if self.simulation.active else "row-level security does not apply to the role",
        )
        if self.grants.truncates:
            words = "the role may TRUNCATE, which no policy stops"
            yield Observation(probe="truncate", outcome=Outcome.LEAK, words=words)
        yield from self._of_nobody(None, "no tenant")

    def observations(self) -> Iterator[Observation]:
        """Yield what the role reaches besides."""
        tenants = self._tenants()
        yield from self._of_nobody("", "empty tenant")
        yield from self._of_nobody(self.unknown, "unknown tenant")
        for own, other in zip(tenants, reversed(tenants), strict=True):
            if self._reads:
                yield from self._read(own)
                yield from self._kept_plan(own, other)
            yield from self._simulate(own, other)
        if len(tenants) < 2:
            words = "it has no rows of two tenants, and none can be made up in a live database"
            yield Observation(probe="rows", outcome=Outcome.INCONCLUSIVE, words=words)

    @property
    def _reads(self) -> bool:
        return self.table.tenant in self.grants.reads

    def _tenants(self) -> list[str]:
        """Return the first and the last tenant: with an index that begins with the tenant, that reads two rows."""
        found = []
        for order in ("asc", "desc"):
            answer = self.stage.attempt(None, statements.edge(self.table, order))
            found += [tenant for tenant in answer.values if tenant]
        return list(dict.fromkeys(found)) if len(set(found)) == 2 else []

    def _of_nobody(self, tenant: str | None, when: str) -> Iterator[Observation]:
        if not self.grants.reads:
            return
        answer = self.stage.attempt(self.actor.asking_for(tenant), statements.count_some(self.table, _FOREIGN))
        rows = answer.values[0] if answer.values else None
        yield Observation(
            probe=f"read, {when}",
            outcome=of_foreign_rows(answer, rows),
            tenant=tenant,
            rows=rows,
            sqlstate=answer.sqlstate,
            words=f"sees {_at_least(rows, 'row', 'rows')}",
        )

    def _counts(self, tenant: str) -> Statement:
        return statements.count_both(self.table, tenant, own=_OWN, foreign=_FOREIGN)

    def _read(self, own: str) -> Iterator[Observation]:
        answer = self.stage.attempt(self.actor.asking_for(own), self._counts(own))
        yield from self._seen(answer, own, "read")

    def _kept_plan(self, own: str, other: str) -> Iterator[Observation]:
        execute = sql.SQL("execute dbops_kept")
        answer = self.stage.several(
            self.actor.asking_for(own),
            [
                sql.SQL("set local plan_cache_mode = force_generic_plan"),
                sql.SQL("prepare dbops_kept as ") + self._counts(other),
                execute,
                statements.use_tenant(self.actor.setting, other),
                execute,
            ],
        )
        # By its name: behind a pooler, other statements of this connection are somebody else's.
        self.stage.attempt(None, sql.SQL("deallocate dbops_kept"))
        yield from self._seen(answer, other, "kept plan,")

    def _seen(self, answer: Answer, own: str, probe: str) -> Iterator[Observation]:
        expected = self.stage.attempt(None, self._counts(own))
        if answer.refused or expected.refused:
            outcome = Outcome.INCONCLUSIVE if expected.refused or answer.untold else Outcome.BROKEN
            state = answer.sqlstate or expected.sqlstate
            words = "its own rows could not be read"
            yield Observation(probe=f"{probe} own", outcome=outcome, tenant=own, sqlstate=state, words=words)
            return
        mine, foreign = answer.values
        yield Observation(
            probe=f"{probe} own",
            outcome=Outcome.PASS if mine == expected.values[0] else Outcome.BROKEN,
            tenant=own,
            rows=mine,
            words=f"sees {mine} of its {counted(expected.values[0], 'own row')}",
            control=True,
        )
        outcome = Outcome.LEAK if foreign else Outcome.PASS
        words = f"sees {_at_least(foreign, 'row that is', 'rows that are')} not its own"
        yield Observation(probe=f"{probe} foreign", outcome=outcome, tenant=own, rows=foreign, words=words)

    def _simulate(self, own: str, other: str) -> Iterator[Observation]:
        """Yield what the policies say of writes; an own insert that they refuse leaves those about inserts open."""
        says = self.simulation
        both = sql.SQL("{} and {}")
        asked: dict[str, Statement] = {}
        if self.table.tenant in self.grants.inserts:
            asked["insert foreign"] = says.accepts(INSERT, other)
        if self.grants.updates:
            asked["blind update"] = both.format(says.reaches(UPDATE, other), says.accepts(UPDATE, other))
        if self.table.tenant in self.grants.updates:
            asked["steal"] = both.format(says.reaches(UPDATE, other), says.accepts(UPDATE, own))
            asked["move out"] = both.format(says.reaches(UPDATE, own), says.accepts(UPDATE, other))
        if self.grants.deletes:
            asked["blind delete"] = says.reaches(DELETE, other)
        for probe, condition in asked.items():
            yield self._simulated(probe, condition, own)
            if probe != "move out":
                yield self._simulated(f"{probe}, empty tenant", condition, "")
        if "insert foreign" in asked:
            yield self._insert_of_own(own)

    def _insert_of_own(self, own: str) -> Observation:
        answer = self.stage.attempt(
            self.actor.asking_for(own), sql.SQL("select ") + self.simulation.accepts(INSERT, own)
        )
        told = answer.values == (True,)
        return Observation(
            probe="insert own (simulated)",
            outcome=Outcome.PASS if told else Outcome.INCONCLUSIVE,
            tenant=own,
            sqlstate=answer.sqlstate,
            words="" if told else "its policies refuse an own row with nulls, so nothing follows for foreign ones",
            control=True,
        )

    def _simulated(self, probe: str, condition: Statement, tenant: str) -> Observation:
        answer = self.stage.attempt(self.actor.asking_for(tenant), sql.SQL("select ") + condition)
        if answer.refused:
            # A policy that raises where no tenant is set is a refusal; where one is set, nothing can be said.
            outcome = Outcome.PASS if not tenant and not answer.untold else Outcome.INCONCLUSIVE
        else:
            outcome = Outcome.LEAK if answer.values == (True,) else Outcome.PASS
        words = "its policies would let it through" if outcome is Outcome.LEAK else "could not be evaluated"
        return Observation(
            probe=f"{probe} (simulated)",
            outcome=outcome,
            tenant=tenant,
            sqlstate=answer.sqlstate,
            words="" if outcome is Outcome.PASS else words,
        )


def _at_least(rows: int | None, one: str, several: str) -> str:
    return f"{rows} or more {several}" if rows == _FOREIGN or rows is None else counted(rows, one, several)
