"""A tenant bound to every transaction of an engine, on the demo ERP under row-level security."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session, sessionmaker

from dbops.tenancy import OrgContextConflict, TenantBindingError, UnverifiedTenant, tenant_context
from dbops.tenancy.sqlalchemy import bind_tenants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

    from dbops.connection.target import Target

SEEN = sa.text("select array_agg(distinct org_id order by org_id) from public.customers")


class Base(DeclarativeBase):
    """Tables of the ERP."""


class Customer(Base):
    """One of them."""

    __tablename__ = "customers"
    org_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class ById(Base):
    """The same table, as an application maps it that thinks of ids alone."""

    __table__ = sa.Table(
        "customers",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("org_id", sa.BigInteger),
    )


def url_of(target: Target) -> sa.URL:
    where = {"host": target.host, "port": str(target.port)}
    return sa.URL.create("postgresql+psycopg", username="erp_app", database=target.database, query=where)


@pytest.fixture
def engine(tenants: Target) -> Iterator[sa.Engine]:
    """One connection as the application's role, every transaction of it bound."""
    engine = sa.create_engine(url_of(tenants), pool_size=1, max_overflow=0, pool_timeout=10)
    bind_tenants(engine)
    yield engine
    engine.dispose()


def seen(connection: sa.Connection | Session) -> Any:
    return connection.execute(SEEN).scalar()


def test_alternating_tenants_over_one_connection_see_their_own_rows_and_no_others(engine: sa.Engine) -> None:
    for _ in range(10):
        for org_id in (1, 2, 5):
            with tenant_context(org_id), engine.connect() as connection:
                assert seen(connection) == [org_id]
    with engine.connect() as connection:
        assert seen(connection) is None


def test_the_second_transaction_is_bound_as_the_first(engine: sa.Engine) -> None:
    with tenant_context(1), Session(engine) as session:
        for end in (session.commit, session.rollback, session.commit):
            assert seen(session) == [1]
            end()
        with tenant_context(2):
            assert seen(session) == [2]


def test_core_orm_begin_blocks_and_copies_of_the_engine_are_bound(engine: sa.Engine) -> None:
    with tenant_context(3):
        with engine.begin() as connection:
            assert seen(connection) == [3]
        with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
            assert seen(connection) == [3]
        with Session(engine) as session:
            assert {customer.org_id for customer in session.scalars(sa.select(Customer))} == {3}


def test_a_stream_from_the_server_is_the_tenants(engine: sa.Engine) -> None:
    with tenant_context(4), engine.connect() as connection:
        rows = connection.execution_options(yield_per=5).execute(sa.select(Customer.org_id))
        assert {row.org_id for row in rows} == {4}


def test_a_transaction_that_began_before_the_tenant_was_known_is_bound_when_it_is(engine: sa.Engine) -> None:
    with Session(engine) as session:
        notices: list[object] = []
        session.connection().connection.driver_connection.add_notice_handler(notices.append)
        assert seen(session) is None  # who is signed in, read in the same transaction
        with tenant_context(1):
            assert seen(session) == [1]
        assert seen(session) == [1]
        with tenant_context(1):
            assert seen(session) == [1]
        assert notices == []  # no second BEGIN


def test_a_transaction_of_one_tenant_serves_no_other(engine: sa.Engine) -> None:
    with Session(engine) as session:
        with tenant_context(1):
            assert seen(session) == [1]
        with tenant_context(2):
            with pytest.raises(OrgContextConflict):
                seen(session)
            with pytest.raises(OrgContextConflict):
                session.scalars(sa.select(Customer)).all()
            session.rollback()
            assert seen(session) == [2]


def test_a_session_that_one_request_left_open_does_not_serve_the_next(app: Flask, engine: sa.Engine) -> None:
    shared = scoped_session(sessionmaker(engine))  # by thread, and never removed: the application's mistake
    app.add_url_rule("/rows", "rows", lambda: seen(shared()))  # type: ignore[arg-type]
    client = app.test_client()
    assert client.get("/rows", headers={"X-User": "two", "X-Org-Id": "1"}).json == [1]
    assert client.get("/rows", headers={"X-User": "two", "X-Org-Id": "2"}).status_code == 500
    assert client.get("/rows", headers={"X-Org-Id": "1"}).status_code == 403  # nobody's claim, of the very tenant
    shared.remove()
    assert client.get("/rows", headers={"X-User": "two", "X-Org-Id": "2"}).json == [2]
    shared.remove()


def test_errors_and_savepoints_keep_the_tenant(engine: sa.Engine) -> None:
    with tenant_context(1), Session(engine) as session:
        for _ in range(3):
            with contextlib.suppress(sa.exc.DBAPIError), session.begin_nested():
                session.execute(sa.text("select 1 / 0"))
            assert seen(session) == [1]
        with contextlib.suppress(sa.exc.DBAPIError):
            session.execute(sa.text("select 1 / 0"))
        session.rollback()
        assert seen(session) == [1]


def test_a_tenant_that_was_bound_within_a_savepoint_outlives_its_rollback(engine: sa.Engine) -> None:
    with Session(engine) as session:
        assert seen(session) is None
        nested = session.begin_nested()
        with tenant_context(1):
            assert seen(session) == [1]
            nested.rollback()
            assert seen(session) == [1]
        with tenant_context(2), pytest.raises(OrgContextConflict):
            seen(session)


def test_a_failed_savepoint_is_rolled_back_though_the_tenant_became_known_in_it(engine: sa.Engine) -> None:
    with Session(engine) as session:
        assert seen(session) is None
        nested = session.begin_nested()
        with contextlib.suppress(sa.exc.DBAPIError):
            session.execute(sa.text("select 1 / 0"))
        with tenant_context(1):
            nested.rollback()
            assert seen(session) == [1]


@pytest.mark.parametrize("where", ["engine", "connection", "copy"])
def test_autocommit_is_an_error(tenants: Target, where: str) -> None:
    level = {"isolation_level": "AUTOCOMMIT"}
    engine = sa.create_engine(url_of(tenants), **(level if where == "engine" else {}))
    bind_tenants(engine)
    asked = engine.execution_options(**level) if where == "copy" else engine
    with tenant_context(1), asked.connect() as connection:
        if where == "connection":
            connection.execution_options(**level)
        with pytest.raises(TenantBindingError, match="autocommit"):
            seen(connection)
    engine.dispose()


def test_a_connection_is_bound_again_after_autocommit_was_refused(engine: sa.Engine) -> None:
    with tenant_context(1), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(TenantBindingError):
            seen(connection)
    with tenant_context(2), engine.connect() as connection:
        assert seen(connection) == [2]


def test_a_connection_that_refused_a_claim_is_bound_by_its_next_statement_and_its_next_transaction(
    app: Flask, engine: sa.Engine
) -> None:
    with tenant_context(1), engine.connect() as connection:
        assert seen(connection) == [1]  # what the pool keeps of its transaction must not count later
    with engine.connect() as connection:
        with app.test_request_context(headers={"X-Org-Id": "2"}):
            app.preprocess_request()
            with pytest.raises(UnverifiedTenant):
                seen(connection)
        with tenant_context(1):
            assert seen(connection) == [1]
        connection.rollback()
        with tenant_context(2):
            assert seen(connection) == [2]


@pytest.mark.parametrize("after", [1, None])
def test_a_connection_goes_on_refusing_autocommit_until_that_is_off(engine: sa.Engine, after: int | None) -> None:
    with tenant_context(1), engine.connect() as connection:
        assert seen(connection) == [1]
        connection.rollback()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for _ in range(2):
            with tenant_context(after), pytest.raises(TenantBindingError, match="autocommit"):
                seen(connection)
        connection.rollback()
        connection.execution_options(isolation_level="READ COMMITTED")
        assert seen(connection) == [1]


def test_two_phases_are_an_error(engine: sa.Engine) -> None:
    with tenant_context(1), engine.connect() as connection, pytest.raises(TenantBindingError, match="two-phase"):
        connection.begin_twophase()


def test_what_goes_around_the_engine_finds_no_row(engine: sa.Engine) -> None:
    with tenant_context(1):
        raw = engine.raw_connection()
        cursor = raw.cursor()
        cursor.execute("select count(*) from public.customers")
        assert cursor.fetchone() == (0,)
        raw.close()


def test_a_claim_that_nobody_granted_is_refused(app: Flask, engine: sa.Engine) -> None:
    @app.get("/rows")
    def rows() -> Any:
        with engine.connect() as connection:
            return seen(connection)

    answer = app.test_client().get("/rows", headers={"X-Org-Id": "2"})
    assert (answer.status_code, answer.json["error"]) == (403, "org_forbidden")
    with app.test_request_context(headers={"X-Org-Id": "2"}), engine.connect() as connection:
        assert seen(connection) is None  # who is asking; the claim comes after
        app.preprocess_request()
        with pytest.raises(UnverifiedTenant):
            seen(connection)


def test_only_postgresql_is_bound_and_only_once(engine: sa.Engine) -> None:
    with pytest.raises(TenantBindingError, match="sqlite"):
        bind_tenants(sa.create_engine("sqlite://"))
    with pytest.raises(TenantBindingError, match="already"):
        bind_tenants(engine)


def test_a_driver_without_pipelines_is_bound_too(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psycopg.capabilities, "has_pipeline", lambda: False)
    for org_id in (1, 2, None):
        with tenant_context(org_id), Session(engine) as session:
            assert seen(session) == (None if org_id is None else [org_id])


def test_an_asynchronous_engine_is_bound_by_its_synchronous_one(tenants: Target) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    async def work() -> list[Any]:
        engine = create_async_engine(url_of(tenants), pool_size=1, max_overflow=0)
        bind_tenants(engine.sync_engine)
        found = []
        for org_id in (1, 2, None):
            with tenant_context(org_id):
                async with AsyncSession(engine) as session:
                    found.append((await session.execute(SEEN)).scalar())
        await engine.dispose()
        return found

    assert asyncio.run(work()) == [[1], [2], None]


def test_a_lost_connection_is_replaced_and_bound(
    engine: sa.Engine, tenants: Target, run_sql: Callable[..., Any]
) -> None:
    with tenant_context(1):
        with engine.connect() as connection:
            process = connection.execute(sa.text("select pg_backend_pid()")).scalar()
        run_sql(tenants, f"select pg_terminate_backend({process})")
        with engine.connect() as connection, pytest.raises((sa.exc.DBAPIError, psycopg.OperationalError)):
            seen(connection)
        with engine.connect() as connection:
            assert seen(connection) == [1]


def test_threads_that_share_one_connection_never_see_each_others_rows(engine: sa.Engine) -> None:
    wrong: list[object] = []

    def hammer(org_id: int) -> None:
        for _ in range(25):
            with tenant_context(org_id), Session(engine) as session:
                found = seen(session)
                wrong.extend([found] if found != [org_id] else [])

    threads = [threading.Thread(target=hammer, args=(org_id,)) for org_id in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_session_that_serves_two_tenants_may_remember_the_first_ones_objects(engine: sa.Engine) -> None:
    """What the docs warn of: what a session remembers is asked of no database."""
    with Session(engine, expire_on_commit=False) as session:
        with tenant_context(1):
            first = session.scalars(sa.select(ById)).first()
            assert first is not None
            session.commit()
        with tenant_context(2):
            assert session.get(ById, first.id) is first
    with tenant_context(2), Session(engine) as session:
        assert session.get(ById, first.id) is None
