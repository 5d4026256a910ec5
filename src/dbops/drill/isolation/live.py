"""The variant for a live database: what can be read is read, what would write is simulated. Graded as that, no more.

Rules, in order: everything happens in one READ ONLY transaction of a guarded session, by a role that is no superuser
and may play the app roles; counts are cut off, so that no probe reads a large table to its end; a write is what the
policies say of a fabricated row. A pass here says less than one on a restored copy: grants, triggers, constraints and
definer functions have no say in it. What this does not do: write, seed, or need a token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from dbops.backup.roles import read_roles
from dbops.checks.names import quote
from dbops.connection.session import read_only
from dbops.drill.isolation import report
from dbops.drill.isolation.document import evidence_of
from dbops.drill.isolation.live_table import LiveProbe
from dbops.drill.isolation.policies import Simulation, read_policies
from dbops.drill.isolation.population import unknown_tenant
from dbops.drill.isolation.presets import presets_of
from dbops.drill.isolation.role import FOREIGN
from dbops.drill.isolation.stage import Actor, Stage
from dbops.drill.isolation.targets import read_grants, read_tables
from dbops.drill.isolation.verdicts import EVERY_TABLE, Case, Outcome, Verdict
from dbops.errors import PrivilegeError
from dbops.evidence.canonical import readable
from dbops.files import write_new

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbops.backup.roles import Roles
    from dbops.connection.session import Session
    from dbops.connection.target import Target
    from dbops.drill.isolation.options import IsolationOptions
    from dbops.drill.isolation.targets import TenantTable
    from dbops.evidence.run import Run

HOW = "read only, on the live database: reads were made as each app role, writes simulated by evaluating its policies"
_PROBE_SECONDS = 15.0
_LESS = (
    "writes, views, definer functions and keys that tenants share: on a live database policies were evaluated on rows"
    " that do not exist; dbops drill tries the writes themselves, on a restored copy"
)
_SET_ROLE_BY_OPTION = 160000


def probe_live(target: Target, run: Run, options: IsolationOptions, *, deadline: float | None = None) -> None:
    """Add the check that tenants are kept apart in a live database to a run, with its evidence.

    Raises what connecting raises, and PrivilegeError where the session is a superuser's.
    """
    proof = report.Proof(HOW, self_check="not run: nothing can be planted in a live database")
    with read_only(target, statement_timeout=_PROBE_SECONDS, deadline=deadline) as session:
        run.target = session.info()
        if session.is_superuser:
            raise PrivilegeError(
                "planning a query runs code of the tables it reads, and here that would be as superuser",
                hint="connect as a role with BYPASSRLS and SELECT on the tables that is a member of the app roles",
            )
        with run.step("tenant isolation, read only") as step:
            live = _Live(session, Stage(session.connection), options, read_roles(session, session.facts.user))
            for role in options.roles_among([one.name for one in live.roles.roles]):
                proof.verdicts.extend(live.begin(role))
            proof.verdicts.extend(live.rest())
            step.output = proof.summary()
    write_new(run.directory / "isolation.json", readable(evidence_of(proof).to_json()))
    columns = ", ".join(options.columns)
    run.add_checks(
        report.as_check(proof, options)
        if proof.verdicts
        else report.skipped(f"no table has a tenant column ({columns})", "name the columns in [tenancy]")
    )
    for text in (*report.not_tested(proof, options), _LESS):
        run.not_tested(text)


@dataclass(slots=True)
class _Live:
    """One guarded session, and what is to be proven through it."""

    session: Session
    stage: Stage
    options: IsolationOptions
    roles: Roles
    probes: list[tuple[LiveProbe, Case]] = field(default_factory=list)

    def begin(self, role: str) -> Iterator[Verdict]:
        """Look at every tenant table as one app role; yield a verdict for each that is not to be probed."""
        if reason := self._cannot_play(role):
            yield Verdict(EVERY_TABLE, role, Outcome.INCONCLUSIVE, reason=reason)
            return
        tables = read_tables(self.stage.connection, self.options.columns)
        oids = [table.oid for table in tables]
        grants = read_grants(self.stage.connection, role, oids)
        policies = read_policies(self.stage.connection, role, oids)
        actor = Actor(role, self.options.setting, None, self._presets(role))
        for table in tables:
            if reason := self.options.exempt.get((table.schema, table.name)):
                yield Verdict(table.label, role, Outcome.WAIVED, reason=reason)
            elif not grants[table.oid].anything:
                yield Verdict(table.label, role, Outcome.NOT_GRANTED, reason="the role has no privilege on it")
            elif reason := self._cannot_count(table):
                yield Verdict(table.label, role, Outcome.INCONCLUSIVE, reason=reason)
            else:
                active = self._is_active(actor, table)
                simulation = Simulation(table, policies.get(table.oid, []), active)
                unknown = unknown_tenant(table.tenant_column)
                probe = LiveProbe(self.stage, table, grants[table.oid], actor, simulation, unknown)
                self.probes.append((probe, Case(table.label, role, list(probe.untouched()))))
        yield from self._foreign(role)

    def _foreign(self, role: str) -> Iterator[Verdict]:
        tables = read_tables(self.stage.connection, self.options.columns, kinds="f")
        grants = read_grants(self.stage.connection, role, [table.oid for table in tables])
        for table in tables:
            if grants[table.oid].anything and (table.schema, table.name) not in self.options.exempt:
                yield Verdict(table.label, role, Outcome.INCONCLUSIVE, reason=FOREIGN)

    def rest(self) -> Iterator[Verdict]:
        """Yield the verdicts of what was begun: a setting that was set once is never again as if it had not been."""
        for probe, case in self.probes:
            case.observations.extend(probe.observations())
            yield case.verdict()

    def _cannot_play(self, role: str) -> str | None:
        """Return why the session cannot be the role's, with the GRANT that would help."""
        known = self._fetch("select from pg_catalog.pg_roles where rolname = %s", [role])
        if not known:
            return "there is no such role"
        if self.stage.may_play(Actor(role, self.options.setting)):
            return None
        option = " with inherit false, set true" if self.session.server_version >= _SET_ROLE_BY_OPTION else ""
        user = self.session.facts.user
        return f"{user} may not SET ROLE to it; who administers it: grant {quote(role)} to {quote(user)}{option}"

    def _presets(self, role: str) -> Mapping[str, str]:
        facts = self.session.facts
        stored = presets_of(role, facts.database, self.roles.settings)
        # Ours is pg_catalog; what policies call may look for more than that.
        usual = "select reset_val from pg_catalog.pg_settings where name = 'search_path'"
        return {"search_path": self._fetch(usual)[0][0], **stored}

    def _cannot_count(self, table: TenantTable) -> str | None:
        """Return why this session's own counts would not be the truth."""
        rows = self._fetch(
            "select pg_catalog.has_schema_privilege(c.relnamespace, 'usage')"
            " and pg_catalog.has_table_privilege(c.oid, 'select'), pg_catalog.row_security_active(c.oid)"
            " from pg_catalog.pg_class as c where c.oid = %s",
            [table.oid],
        )
        readable_, filtered = rows[0]
        user = self.session.facts.user
        if not readable_:
            return f"{user} may not read it: grant select on {table.label} to it"
        return f"policies hide rows from {user}: it needs BYPASSRLS" if filtered else None

    def _fetch(self, query: LiteralString, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Return rows as the session's own role, when nothing of a probe is left to undo."""
        return self.stage.connection.execute(query, parameters).fetchall()

    def _is_active(self, actor: Actor, table: TenantTable) -> bool:
        statement = sql.SQL("select pg_catalog.row_security_active({}::pg_catalog.oid)").format(sql.Literal(table.oid))
        return self.stage.attempt(actor, statement).values == (True,)
