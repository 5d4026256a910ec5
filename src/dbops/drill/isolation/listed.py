"""The probes of a table whose tenant another table tells: listed in the configuration, without a tenant column.

Nothing in a row says whose it is, so rows are told apart by where they stand: what one tenant sees, the other must not.
What a tenant sees is its own; with that taken away, blind writes must reach nothing. Inserts try copies of rows that
the other sees. A table with more rows in sight than are compared stays inconclusive. What this does not do: seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.drill.isolation import statements
from dbops.drill.isolation.tables import TableProbe
from dbops.drill.isolation.verdicts import Observation, Outcome, of_foreign_write, of_own_write
from dbops.drill.isolation.writes import written
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.drill.isolation.stage import Actor
    from dbops.drill.isolation.statements import Sample, Statement

_COMPARED = 5000


@dataclass(frozen=True, slots=True)
class ListedProbe(TableProbe):
    """One listed table, as one role; the population holds two tenants of other tables."""

    def between_tenants(self) -> Iterator[Observation]:
        """Yield what each of the two tenants reaches of the other's."""
        if not self.grants.reads:
            return
        first, second = self.population.tenants
        seen = {tenant: self._seen_by(tenant) for tenant in (first, second)}
        for own, other in ((first, second), (second, first)):
            mine, others = seen[own], seen[other]
            if mine is None or others is None:
                words = f"not every row in sight could be looked at (more than {_COMPARED}, or refused)"
                yield Observation(probe="read", outcome=Outcome.INCONCLUSIVE, tenant=own, words=words)
                continue
            yield from self._compared(own, mine, others)
            yield from self._kept(own, other, others)
            yield from self._tried(own, mine, others - mine)

    def _seen_by(self, tenant: str) -> frozenset[str] | None:
        answer = self.stage.attempt(self.actor.asking_for(tenant), statements.places(self.table, _COMPARED + 1))
        if answer.refused or len(answer.values[0]) > _COMPARED:
            return None
        return frozenset(answer.values[0])

    def _compared(self, own: str, mine: frozenset[str], others: frozenset[str]) -> Iterator[Observation]:
        both = len(mine & others)
        if mine:
            yield Observation(probe="read own", outcome=Outcome.PASS, tenant=own, rows=len(mine), control=True)
        yield Observation(
            probe="read foreign",
            outcome=Outcome.LEAK if both else Outcome.PASS,
            tenant=own,
            rows=both,
            words=f"{counted(both, 'row is', 'rows are')} in sight of both tenants",
        )

    def _kept(self, own: str, other: str, others: frozenset[str]) -> Iterator[Observation]:
        """Yield whether a plan that was made for `own` shows `other` what it should."""
        answer = self._with_kept_plan(own, other, statements.places(self.table, _COMPARED + 1))
        shown = frozenset(answer.values[0]) if answer.values else frozenset()
        strange, missing = len(shown - others), len(others - shown)
        outcome = Outcome.LEAK if strange else Outcome.BROKEN if missing else Outcome.PASS
        yield Observation(
            probe="kept plan",
            outcome=Outcome.INCONCLUSIVE if answer.refused else outcome,
            tenant=other,
            rows=strange,
            sqlstate=answer.sqlstate,
            words=f"shows {counted(strange, 'row that is', 'rows that are')} not the tenant's, and not"
            f" {missing} that are",
        )

    def _tried(self, own: str, mine: frozenset[str], foreign: frozenset[str]) -> Iterator[Observation]:
        actor = self.actor.asking_for(own)
        yield from self._copies(actor, own, mine, foreign)
        attempts = {
            "blind update": self._blind_update(own),
            "blind delete": statements.delete(self.table) if self.grants.deletes else None,
        }
        with self.stage.scene():
            taken = self.stage.try_to(statements.delete_at(self.table, sorted(mine)))
            for probe, statement in attempts.items():
                if statement is not None:
                    answer = taken if taken.refused else self.stage.attempt(actor, statement)
                    outcome = Outcome.INCONCLUSIVE if taken.refused else of_foreign_write(answer)
                    yield written(probe, answer, outcome, own)

    def _copies(self, actor: Actor, own: str, mine: frozenset[str], foreign: frozenset[str]) -> Iterator[Observation]:
        columns = [one for one in self.table.writable if one.name in self.grants.inserts]
        if not (columns and mine and foreign):
            return

        def copy_of(place: str) -> Statement:
            values = self.stage.attempt(None, statements.row_at(self.table, place)).values
            sample: Sample = dict(zip((one.name for one in self.table.columns), values, strict=False))
            return statements.insert(
                self.table, columns, {one.name: statements.value_of(one, sample.get(one.name)) for one in columns}
            )

        control = self.stage.attempt(actor, copy_of(min(mine)))
        words = "a copy of its own row is refused, so a refusal of others' says nothing"
        yield written("insert own", control, of_own_write(control), own, words=words, control=True)
        answer = self.stage.attempt(actor, copy_of(min(foreign)))
        yield written("insert foreign", answer, of_foreign_write(answer), own)
