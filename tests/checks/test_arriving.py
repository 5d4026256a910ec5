"""A snapshot that is still arriving: who asks for rows waits for them, and rules find what they would find later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.catalog import Catalog, Constraint, Index, ReadFailedError, Relation
from dbops.checks.catalog.read import begin_catalog, read_catalog, with_plans
from dbops.checks.catalog.snapshot import ReadFailure, Server
from dbops.checks.runner import needed_reads, run_arriving, run_rules, selected_rules
from dbops.connection.session import read_only
from dbops.demo import erp as demo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.checks.catalog.snapshot import Arrival
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target
    from dbops.model import Check

SERVER = Server(150000, "shop", "auditor", is_superuser=False, in_recovery=False)


def untimed(checks: tuple[Check, ...]) -> list[Check]:
    return [check.model_copy(update={"duration_ms": None}) for check in checks]


def test_what_is_asked_for_is_waited_for_and_no_more() -> None:
    taken: list[type[Any]] = []

    def arriving() -> Iterator[Arrival]:
        for kind, answer in ((Relation, ()), (Index, ReadFailure("skip", "closed")), (Constraint, ())):
            taken.append(kind)
            yield kind, answer

    catalog = Catalog(SERVER, {}, arriving=arriving())
    assert ((), [Relation]) == (catalog.rows(Relation), taken)
    with pytest.raises(ReadFailedError, match="closed"):
        catalog.rows(Index)
    assert [Relation, Index] == taken
    assert [["relations", "constraints"], [Relation, Index, Constraint]] == [
        sorted(catalog.to_json()["reads"], reverse=True),
        taken,
    ]


@pytest.mark.parametrize("broken", [False, True])
def test_rules_that_run_while_it_arrives_find_what_they_find_in_the_whole(
    erp: Target, policy_of: Callable[..., Policy], *, broken: bool
) -> None:
    if broken:
        with psycopg.connect(erp.conninfo(), password=erp.password, autocommit=True) as connection:
            demo.break_it(connection)
    policy = policy_of("audit.packs = ['erp']")
    wanted = needed_reads(selected_rules(policy))
    with read_only(erp) as session:
        arriving = begin_catalog(session, wanted)
        early = run_arriving(arriving, policy, wanted)
        whole = with_plans(session, arriving, wanted)
    with read_only(erp) as session:
        afresh = read_catalog(session)
    assert 40 < len(early) < len(selected_rules(policy))
    assert untimed(run_rules(afresh, policy)) == untimed(run_rules(whole, policy, done=early))


def test_a_connection_that_is_lost_while_a_rule_waits_ends_the_run(
    database: Target, policy_of: Callable[..., Policy], run_sql: Callable[..., Any]
) -> None:
    policy = policy_of("")
    wanted = needed_reads(selected_rules(policy))
    with (
        psycopg.connect(database.conninfo(), password=database.password) as locking,
        read_only(database) as session,
    ):
        locking.execute("lock table pg_catalog.pg_policy in access exclusive mode")
        waiting = session.connection.info.backend_pid
        arriving = begin_catalog(
            session, wanted, meanwhile=lambda: run_sql(database, f"select pg_terminate_backend({waiting})")
        )
        with pytest.raises(psycopg.OperationalError):
            run_arriving(arriving, policy, wanted)
