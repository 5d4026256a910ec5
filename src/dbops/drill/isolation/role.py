"""Everything one app role reaches: every tenant table, then the views and functions that show their rows.

The order matters: first, in a session that has never said for whom it asks, what that session sees; a setting that was
set once is never again as if it had not been. What this does not do: connect, or judge.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbops.drill.isolation import statements
from dbops.drill.isolation.listed import ListedProbe
from dbops.drill.isolation.population import Population, unknown_tenant
from dbops.drill.isolation.surfaces import SurfaceProbe
from dbops.drill.isolation.tables import TableProbe
from dbops.drill.isolation.targets import read_definers, read_grants, read_tables, read_views
from dbops.drill.isolation.verdicts import Case, Observation, Outcome, Verdict
from dbops.drill.isolation.writes import WriteProbe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from dbops.drill.isolation.stage import Actor, Stage
    from dbops.drill.isolation.targets import Grants, TenantTable, View

_NOT_GRANTED = "the role has no privilege on it"
_INSTEAD = Observation(
    probe="write",
    outcome=Outcome.INCONCLUSIVE,
    words="INSTEAD OF triggers or rules write for it, and they are off here",
)
FOREIGN = "a foreign table: no policy applies to it, and what its server would show was not asked"


@dataclass(slots=True)
class RoleProbe:
    """One app role on one stage; `not_called` are functions whose arguments would have to be guessed."""

    stage: Stage
    actor: Actor
    tables: Sequence[TenantTable]
    populations: Mapping[int, Population]
    columns: Sequence[str] = ("org_id",)
    listed: Sequence[TenantTable] = ()
    foreign: Sequence[TenantTable] = ()
    with_surfaces: bool = True
    not_called: list[str] = field(default_factory=list)

    def verdicts(self) -> Iterator[Verdict]:
        """Yield a verdict for every table, and for every other object that the role is shown rows by."""
        grants = read_grants(self.stage.connection, self.actor.role, [table.oid for table in self.tables])
        cases: list[tuple[TableProbe, Case]] = []
        for table in self.tables:
            if grants[table.oid].anything:
                if grants[table.oid].inserts:
                    self._still(table, grants[table.oid].inserts)
                population = self.populations[table.oid]
                probe = TableProbe(self.stage, table, grants[table.oid], self.actor, population)
                cases.append((probe, Case(table.label, self.actor.role)))
            else:
                yield Verdict(table.label, self.actor.role, Outcome.NOT_GRANTED, reason=_NOT_GRANTED)
        cases += self._listed()
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
        yield from self._foreign()
        if self.with_surfaces and (pair := self._pair()):
            yield from self._surfaces(pair)

    def _still(self, table: TenantTable, given: Collection[str]) -> None:
        """Have values for defaults that move a sequence, where an insert gives only some columns."""
        for column in table.columns:
            if column.moves_sequence and column.name not in given:
                self.stage.try_to(statements.default_to(table, column, unknown_tenant(column)))

    def _foreign(self) -> Iterator[Verdict]:
        """Yield that nothing can be told of the foreign tables with a tenant column that the role reaches."""
        grants = read_grants(self.stage.connection, self.actor.role, [table.oid for table in self.foreign])
        for table in self.foreign:
            if grants[table.oid].anything:
                yield Verdict(table.label, self.actor.role, Outcome.INCONCLUSIVE, reason=FOREIGN)

    def _listed(self) -> Iterator[tuple[TableProbe, Case]]:
        """Yield a probe for each table whose tenant another one tells, with the two tenants that are found most."""
        pair = self._pair()
        grants = read_grants(self.stage.connection, self.actor.role, [table.oid for table in self.listed])
        for table in self.listed:
            if pair and grants[table.oid].anything:
                if grants[table.oid].inserts:
                    self._still(table, grants[table.oid].inserts)
                known = next(one for one in self.populations.values() if pair[0] in one.tenants)
                population = Population(known.unknown, list(pair), dict.fromkeys(pair, 0))
                probe = ListedProbe(self.stage, table, grants[table.oid], self.actor, population)
                yield probe, Case(table.label, self.actor.role)

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
        written = {one.oid: one for one in read_tables(self.stage.connection, self.columns, kinds="v")}
        for view in views:
            granted = grants[view.oid]
            if not granted.anything:
                continue
            case = Case(view.label, role)
            if granted.reads:
                case.observations.extend(probe.view(view, tenant_readable=view.tenant in granted.reads))
            if view.instead and granted.writes:
                case.observations.append(_INSTEAD)
            elif view.oid in written:
                case.observations.extend(self._writes_through(view, written[view.oid], granted, pair))
            yield case.verdict()
        for definer in read_definers(self.stage.connection, role):
            observations = probe.function(definer, self.columns)
            if observations is None:
                self.not_called.append(definer.label)
            else:
                yield Case(definer.label, role, list(observations)).verdict()

    def _writes_through(
        self, view: View, table: TenantTable, grants: Grants, pair: tuple[str, str]
    ) -> Iterator[Observation]:
        """Yield what two tenants can write through a view, as if it were a table; the rows are in those beneath it."""
        population = Population("", list(pair), dict.fromkeys(pair, 1))
        beneath = tuple(one for one in self.tables if one.oid in view.sources)
        granted = grants.limited_to(table.updatable)
        for source in beneath if granted.inserts else ():
            self._still(source, ())  # what the view calls its columns is not known
        known = {column.name: column for one in beneath for column in one.columns}
        # The catalog tells of a view's columns only what they are made of, not what may be written to them.
        table = replace(table, columns=tuple(known.get(one.name, one) for one in table.columns))
        for one in WriteProbe(self.stage, table, granted, self.actor, population, beneath).writes():
            # A view whose owner may not write is refused whatever is written, and a constraint speaks before a WITH
            # CHECK OPTION does: neither tells anything.
            early = view.checked and one.outcome is Outcome.LEAK and one.sqlstate is not None
            yield replace(one, outcome=Outcome.INCONCLUSIVE) if early or one.outcome is Outcome.BROKEN else one


def _about_others(case: Case) -> Iterator[Verdict]:
    """Yield a verdict for each other object that leaks were put down to."""
    blamed = [one for one in case.observations if one.about and one.outcome is Outcome.LEAK]
    for name in dict.fromkeys(one.about for one in blamed if one.about):
        found = tuple(one for one in blamed if one.about == name)
        if reason := next((one.accepted for one in found if one.accepted), ""):
            yield Verdict(name, case.role, Outcome.WAIVED, found, reason)
        else:
            yield Verdict(name, case.role, Outcome.LEAK, found)
