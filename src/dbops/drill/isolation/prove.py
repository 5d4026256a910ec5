"""The proof on a restored copy, from its token to its check.

Rules, in order: the copy gets a token, without which no stage opens; the self-check comes first, and where the probes
cannot tell a table that leaks from one that does not, nothing they say counts; every app role has a session of its own,
whose transaction is rolled back; rows and sequences are counted before and after, and a difference is an error of the
proof. All of it runs as roles without superuser. What this does not do: touch the source.
"""

from __future__ import annotations

import contextlib
import copy as copying
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

from dbops.backup.counting import read_sequences
from dbops.backup.source import read_tables as read_everything
from dbops.drill.isolation import report, statements
from dbops.drill.isolation.document import evidence_of
from dbops.drill.isolation.population import Population, count_again, read_population, seed
from dbops.drill.isolation.presets import presets_of
from dbops.drill.isolation.role import RoleProbe
from dbops.drill.isolation.selfcheck import self_check
from dbops.drill.isolation.stage import Actor, open_stage
from dbops.drill.isolation.targets import read_listed, read_tables
from dbops.drill.isolation.token import Token
from dbops.drill.isolation.verdicts import EVERY_TABLE, Outcome, Verdict
from dbops.errors import TimeLimitError, UnavailableError
from dbops.evidence.canonical import readable
from dbops.files import write_new
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from dbops.connection.deadline import Deadline
    from dbops.drill.copy import Copy
    from dbops.drill.isolation.options import IsolationOptions
    from dbops.drill.isolation.stage import Stage
    from dbops.drill.isolation.targets import TenantTable
    from dbops.evidence.run import Run
    from dbops.model import Check

HOW = "tried on the restored copy as each app role, between two tenants in both directions, all of it rolled back"
# One statement may take this long; what takes longer is inconclusive, not a reason to hold the drill up.
_PROBE_SECONDS = 60.0


def prove_isolation(copy: Copy, database: str, run: Run, options: IsolationOptions, deadline: Deadline) -> None:
    """Add the check that tenants are kept apart on a copy of `database`, and its evidence, to a run."""
    with run.step("tenant isolation") as step:
        if not options.app_roles:
            check = report.skipped("[tenancy] names no app_roles", 'add to dbops.toml: app_roles = ["the_app"]')
            run.add_checks(check)
            step.output = check.reason
            return
        proof, check = _proven(copy, database, options, deadline)
        step.output = check.reason or proof.summary() + ("; nothing changed" if proof.unchanged else "")
        write_new(run.directory / "isolation.json", readable(evidence_of(proof).to_json()))
        run.add_checks(check)
        for text in report.not_tested(proof, options):
            run.not_tested(text)


def _proven(copy: Copy, database: str, options: IsolationOptions, deadline: Deadline) -> tuple[report.Proof, Check]:
    proof = report.Proof(HOW)
    try:
        before = _standing(copy, options, deadline)
        with _marked(copy) as token:
            with copy.as_restorer() as connection:
                wrong = check_detector(connection, token, options)
            proof.self_check = wrong or "pass"
            if wrong:
                return proof, report.unanswered(f"the detector is broken: {wrong}")
            _probe_roles(copy, database, token, options, deadline, proof)
        if traces := _differences(before, _standing(copy, options, deadline)):
            return proof, report.unanswered(f"the probes left traces: {traces}")
        proof.unchanged = before.in_words()
    except TimeLimitError:
        raise
    except UnavailableError as error:
        return proof, report.unanswered(f"the proof did not come to its end: {error.message}", remedy=error.hint)
    if not proof.verdicts:
        columns = ", ".join(options.columns)
        return proof, report.skipped(f"no table has a tenant column ({columns})", "name the columns in [tenancy]")
    return proof, report.as_check(proof, options)


@contextlib.contextmanager
def _marked(copy: Copy) -> Iterator[Token]:
    """Write a token into the copy for as long as the block lasts."""
    token = Token()
    with copy.as_superuser() as connection:
        token.write(connection, copy.cast.restorer)
    try:
        yield token
    finally:
        with copy.as_superuser() as connection:
            token.remove(connection)


def check_detector(connection: Connection[Any], token: Token, options: IsolationOptions) -> str | None:
    """Return what the probes cannot tell, None where they can; on a connection that has done nothing yet."""
    with open_stage(connection, token, seconds=_PROBE_SECONDS) as stage:
        return self_check(stage, options, token)


def _probe_roles(  # noqa: PLR0913, PLR0917  (what the proof is about)
    copy: Copy, database: str, token: Token, options: IsolationOptions, deadline: Deadline, proof: report.Proof
) -> None:
    known: dict[int, Population] = {}
    for role in options.roles_among(copy.cast.names):
        deadline.left()
        if role not in copy.cast.names:
            reason = "there is no such role"
            proof.verdicts.append(Verdict(EVERY_TABLE, role, Outcome.INCONCLUSIVE, reason=reason))
            continue
        actor = Actor(role, options.setting, None, presets_of(role, database, copy.cast.roles.settings))
        with copy.as_restorer() as connection:
            probe_role(connection, token, options, actor, proof, deadline=deadline, known=known)


def probe_role(  # noqa: PLR0913  (what the proof is about)
    connection: Connection[Any],
    token: Token,
    options: IsolationOptions,
    actor: Actor,
    proof: report.Proof,
    *,
    deadline: Deadline,
    known: dict[int, Population] | None = None,
) -> None:
    """Add the verdicts on one app role to a proof, on a connection that has done nothing yet.

    `known` are populations that another role's probe has read; what is missing is read and added.
    """
    left = deadline.left()
    seconds = _PROBE_SECONDS if left is None else min(_PROBE_SECONDS, left)
    with open_stage(connection, token, seconds=seconds) as stage:
        actor = Actor(actor.role, actor.setting, None, _accepted(stage, actor))
        if not stage.may_play(actor):
            reason = "the restorer may not SET ROLE to it"
            proof.verdicts.append(Verdict(EVERY_TABLE, actor.role, Outcome.INCONCLUSIVE, reason=reason))
            return
        tables, exempt = _tables(stage, options, token)
        proof.verdicts.extend(exempt)
        populations = _populate(stage, tables, {} if known is None else known)
        listed = _without_column(stage, options)
        foreign = _foreign(stage, options)
        probe = RoleProbe(stage, actor, tables, populations, columns=options.columns, listed=listed, foreign=foreign)
        for verdict in probe.verdicts():
            deadline.left()
            proof.verdicts.append(verdict)
        proof.not_called.extend(probe.not_called)


def _accepted(stage: Stage, actor: Actor) -> dict[str, str]:
    """Return those of a role's stored settings that this server takes."""
    return {
        name: value
        for name, value in actor.presets.items()
        if not stage.attempt(None, statements.use_tenant(name, value)).refused
    }


def _tables(stage: Stage, options: IsolationOptions, token: Token) -> tuple[list[TenantTable], list[Verdict]]:
    """Return the tables to probe, and a verdict for each that is exempt."""
    with stage.scene():
        stage.connection.execute("set local search_path = ''")  # so that types are spelled in full
        tables = [table for table in read_tables(stage.connection, options.columns) if table.schema != token.schema]
    exempt = [
        Verdict(table.label, "every role", Outcome.WAIVED, reason=options.exempt[table.schema, table.name])
        for table in tables
        if (table.schema, table.name) in options.exempt
    ]
    return [table for table in tables if (table.schema, table.name) not in options.exempt], exempt


def _foreign(stage: Stage, options: IsolationOptions) -> list[TenantTable]:
    """Return the foreign tables with a tenant column that are not exempt."""
    tables = read_tables(stage.connection, options.columns, kinds="f")
    return [table for table in tables if (table.schema, table.name) not in options.exempt]


def _without_column(stage: Stage, options: IsolationOptions) -> tuple[TenantTable, ...]:
    """Return the tables that are tenants' and do not say whose; what is not there is told by the report."""
    with stage.scene():
        stage.connection.execute("set local search_path = ''")
        return read_listed(stage.connection, options.columns, options.tables)


def _populate(stage: Stage, tables: list[TenantTable], known: dict[int, Population]) -> dict[int, Population]:
    """Return whose rows each table has, after making those that are missing and disarming what would interfere."""
    for table in tables:
        if table.oid not in known:
            known[table.oid] = read_population(stage, table)
    others = sorted({tenant for population in known.values() for tenant in population.tenants})
    populations = copying.deepcopy(known)
    for table in tables:
        for trigger in table.armed:
            stage.try_to(statements.disarm(table, trigger))
        seed(stage, table, populations[table.oid], others)
    if any(made.counts != known[oid].counts or made.nobody != known[oid].nobody for oid, made in populations.items()):
        for table in tables:
            if table.has_children or table.is_partition:
                count_again(stage, table, populations[table.oid])
    return populations


@dataclass(frozen=True, slots=True)
class _Standing:
    """How many rows there are, and where each sequence stands."""

    rows: dict[str, int] = field(default_factory=dict)
    sequences: dict[tuple[str, str], Any] = field(default_factory=dict)

    def in_words(self) -> str:
        """Say what stands as it did before."""
        rows, tables = counted(sum(self.rows.values()), "row"), counted(len(self.rows), "table")
        return f"{rows} of {tables} and {counted(len(self.sequences), 'sequence')} are as before"


def _standing(copy: Copy, options: IsolationOptions, deadline: Deadline) -> _Standing:
    with copy.read(deadline.left()) as session:
        everyone = (
            *read_tables(session.connection, options.columns),
            *read_listed(session.connection, options.columns, options.tables),
        )
        tables = [table for table in everyone if table.kind == "r"]
        count = sql.SQL("select pg_catalog.count(*) from only {}")
        rows = {table.label: session.fetch_all(count.format(table.identifier))[0][0] for table in tables}
        return _Standing(rows, read_sequences(session, read_everything(session)))


def _differences(before: _Standing, after: _Standing) -> str:
    """Return what is not as it was, in words."""
    rows = sorted(name for name in before.rows.keys() | after.rows if before.rows.get(name) != after.rows.get(name))
    names = before.sequences.keys() | after.sequences
    moved = sorted(
        f"{schema}.{name}"
        for schema, name in names
        if before.sequences.get((schema, name)) != after.sequences.get((schema, name))
    )
    return ", ".join([*rows, *moved])
