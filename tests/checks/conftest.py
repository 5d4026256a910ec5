"""What tests of the checks share: snapshots of a database, and one database for all cases."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.catalog.read import read_catalog
from dbops.checks.expected_plans import with_expected_plans
from dbops.checks.policy import Policy
from dbops.connection.session import Session, read_only
from dbops.settings import Settings

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator

    from dbops.checks.catalog import Catalog
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

    Snapshot = Callable[[Target], Catalog]


@pytest.fixture
def snapshot() -> Snapshot:
    """Read a catalog as the audit does."""

    def take(target: Target) -> Catalog:
        with read_only(target) as session:
            return read_catalog(session)

    return take


@pytest.fixture
def policy_of() -> Callable[..., Policy]:
    """Make a policy of a text as in `dbops.toml`."""

    def make(text: str = "", today: dt.date | None = None) -> Policy:
        return Policy.from_settings(Settings.model_validate(tomllib.loads(text)), today=today)

    return make


@pytest.fixture(scope="session")
def case_database(server: ScratchServer) -> Target:
    """Return one empty database; every case leaves it as it was."""
    target = server.target()
    with psycopg.connect(target.conninfo(), password=target.password, autocommit=True) as connection:
        connection.execute("create database dbops_cases")
    return server.target("dbops_cases")


@pytest.fixture
def snapshot_after(case_database: Target) -> Iterator[Callable[..., Catalog]]:
    """Run statements in a transaction, read the catalog inside it, and roll back at the end of the test.

    With a policy its declared queries are explained as well.
    """
    connection: psycopg.Connection[Any] = psycopg.connect(
        case_database.conninfo(), password=case_database.password, autocommit=True, client_encoding="utf8"
    )
    with connection:
        connection.execute("begin")

        def take(sql: str, policy: Policy | None = None) -> Catalog:
            connection.execute(sql.encode())
            connection.execute("set local search_path = pg_catalog, pg_temp")
            session = Session(connection, case_database)
            return with_expected_plans(session, read_catalog(session), policy or Policy(), allow_superuser=True)

        yield take
        connection.execute("rollback")


@pytest.fixture
def connection(database: Target) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session, and at its end no role that a case has made: roles belong to the whole cluster."""
    with psycopg.connect(database.conninfo(), password=database.password, autocommit=True) as connected:
        before = set(_roles(connected))
        yield connected
        connected.execute("rollback; reset role; reset row_security")
        made = [name for name in _roles(connected) if name not in before]
        for name in made:
            connected.execute(f"drop owned by {name} cascade".encode())
        for name in made:
            connected.execute(f"drop role {name}".encode())


def _roles(connection: psycopg.Connection[Any]) -> list[str]:
    return [name for (name,) in connection.execute("select quote_ident(rolname) from pg_roles order by 1")]
