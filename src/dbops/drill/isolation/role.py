"""Everything one app role reaches: every tenant table, then the views and functions that show their rows.

The order matters: first, in a session that has never said for whom it asks, what that session sees; a setting that was
set once is never again as if it had not been. What this does not do: connect, or judge.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbops.drill.isolation.surfaces import SurfaceProbe
from dbops.drill.isolation.tables import TableProbe
from dbops.drill.isolation.targets import read_definers, read_grants, read_views
from dbops.drill.isolation.verdicts import Case, Observation, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbops.drill.isolation.population import Population
    from dbops.drill.isolation.stage import Actor, Stage
    from dbops.drill.isolation.targets import Grants, TenantTable

_NOT_GRANTED = "the role has no privilege on it"


@dataclass(slots=True)
class RoleProbe:
    """One app role on one stage; `not_called` are functions whose arguments would have to be guessed."""

    stage: Stage
    actor: Actor
    tables: Sequence[TenantTable]
    populations: Mapping[int, Population]
    columns: Sequence[str] = ("org_id",)
    with_surfaces: bool = True
    not_called: list[str] = field(default_factory=list)

    def verdicts(self) -> Iterator[Verdict]:
        """Yield a verdict for every table, and for every other object that the role is shown rows by."""
        grants = read_grants(self.stage.connection, self.actor.role, [table.oid for table in self.tables])
        cases: list[tuple[TableProbe, Case]] = []
        for table in self.tables:
            if grants[table.oid].anything:
                population = self.populations[table.oid]
                probe = TableProbe(self.stage, table, grants[table.oid], self.actor, population)
                cases.append((probe, Case(table.label, self.actor.role)))
            else:
                yield Verdict(table.label, self.actor.role, Outcome.NOT_GRANTED, reason=_NOT_GRANTED)
        for probe, case in cases:
            case.observations.extend(probe.standing())
            case.observations.extend(probe.without_tenant())
        for probe, case in cases:
            case.observations.extend(probe.without_tenant(""))
            case.observations.extend(probe.unknown_tenant())
            case.observations.extend(probe.between_tenants())
            if why := probe.population.why:
                case.observations.append(Observation(probe="rows", outcome=Outcome.INCONCLUSIVE, words=why))
            yield case.verdict()
            yield from _about_others(case)
        if self.with_surfaces and (pair := self._pair()):
            yield from self._surfaces(pair)

    def _pair(self) -> tuple[str, str] | None:
        """Return the two tenants that have rows in the most tables."""
        votes = Counter(
            tenant
            for population in self.populations.values()
            for tenant in population.tenants
            if population.counts.get(tenant)
        )
        few = sorted(votes, key=lambda tenant: (-votes[tenant], tenant))[:2]
        return (few[0], few[1]) if len(few) == 2 else None

    def _surfaces(self, pair: tuple[str, str]) -> Iterator[Verdict]:
        role = self.actor.role
        probe = SurfaceProbe(self.stage, self.actor, self.tables, pair)
        views = read_views(self.stage.connection, self.columns, [table.oid for table in self.tables])
        grants: dict[int, Grants] = read_grants(self.stage.connection, role, [view.oid for view in views])
        for view in views:
            granted = grants[view.oid]
            if granted.reaches and granted.reads:
                readable = view.tenant in granted.reads
                yield Case(view.label, role, list(probe.view(view, tenant_readable=readable))).verdict()
        for definer in read_definers(self.stage.connection, role):
            observations = probe.function(definer, self.columns)
            if observations is None:
                self.not_called.append(definer.label)
            else:
                yield Case(definer.label, role, list(observations)).verdict()


def _about_others(case: Case) -> Iterator[Verdict]:
    """Yield a verdict for each other object that leaks were put down to."""
    blamed = [one for one in case.observations if one.about and one.outcome is Outcome.LEAK]
    for name in dict.fromkeys(one.about for one in blamed if one.about):
        found = tuple(one for one in blamed if one.about == name)
        if reason := next((one.accepted for one in found if one.accepted), ""):
            yield Verdict(name, case.role, Outcome.WAIVED, found, reason)
        else:
            yield Verdict(name, case.role, Outcome.LEAK, found)
