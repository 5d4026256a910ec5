"""A tenant bound to transactions of psycopg, on the demo ERP under row-level security."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from flask import request
from psycopg_pool import ConnectionPool

from dbops.tenancy import OrgContextConflict, TenantBindingError, UnverifiedTenant, resolve_org_id, tenant_context
from dbops.tenancy.flask import resolve_org_id as resolve_in_flask
from dbops.tenancy.postgres import async_tenant_transaction, tenant_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

    from dbops.connection.target import Target

SEEN = "select array_agg(distinct org_id order by org_id) from public.customers"
SET = "select pg_catalog.current_setting('app.org_id', true)"


@pytest.fixture
def pool(tenants: Target) -> Iterator[ConnectionPool[Any]]:
    """One connection as the application's role, for whoever asks first."""
    with ConnectionPool(tenants.conninfo(), kwargs={"user": "erp_app"}, min_size=1, max_size=1, open=True) as one:
        yield one


def seen(connection: psycopg.Connection[Any]) -> Any:
    row = connection.execute(SEEN).fetchone()
    assert row is not None
    return row[0]


def test_alternating_tenants_over_one_connection_see_their_own_rows_and_no_others(pool: ConnectionPool[Any]) -> None:
    for _ in range(10):  # psycopg prepares a statement when it has run five times
        for org_id in (1, 2, 5):
            with tenant_context(org_id), pool.connection() as connection, tenant_transaction(connection):
                assert [org_id] == seen(connection)
    with pool.connection() as connection:
        prepared = connection.execute(
            "select count(*) from pg_prepared_statements where statement like 'select array%'"
        )
        assert prepared.fetchone() == (1,)


def test_without_a_tenant_there_is_no_row(pool: ConnectionPool[Any]) -> None:
    with tenant_context(1), pool.connection() as connection, tenant_transaction(connection):
        pass
    with pool.connection() as connection, tenant_transaction(connection):
        assert connection.execute(SET).fetchone() == ("",)
        assert seen(connection) is None
    with pool.connection() as connection:  # and none outside any transaction of ours
        assert seen(connection) is None


def test_a_preset_of_the_session_or_the_role_does_not_count(pool: ConnectionPool[Any]) -> None:
    with pool.connection() as connection:
        connection.execute("set app.org_id = '2'")
        connection.commit()
        with tenant_transaction(connection):
            assert seen(connection) is None
        with tenant_context(1), tenant_transaction(connection):
            assert seen(connection) == [1]
        connection.execute("reset app.org_id")


def test_an_error_rolls_back_and_leaves_no_tenant(pool: ConnectionPool[Any]) -> None:
    with pool.connection() as connection:
        with contextlib.suppress(KeyError), tenant_context(1), tenant_transaction(connection):
            connection.execute("delete from public.payments")
            raise KeyError
        assert seen(connection) is None
        connection.rollback()
        with contextlib.suppress(psycopg.Error), tenant_context(1), tenant_transaction(connection):
            connection.execute("select 1 / 0")
        with tenant_context(1), tenant_transaction(connection):
            assert connection.execute("select count(*) > 0 from public.payments").fetchone() == (True,)


def test_what_is_written_is_the_tenants_or_refused(pool: ConnectionPool[Any]) -> None:
    sql = (
        "insert into public.customers (org_id, code, name, email, country_code) values (%s, 'C-x', 'x', 'x@x.x', 'DE')"
    )
    with pool.connection() as connection, tenant_context(1):
        with tenant_transaction(connection):
            connection.execute(sql, (1,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege), tenant_transaction(connection):
            connection.execute(sql, (2,))


def test_raw_transaction_commands_in_the_body_lose_the_tenant_and_find_no_other(pool: ConnectionPool[Any]) -> None:
    with pool.connection() as connection, tenant_context(1):
        with contextlib.suppress(psycopg.Error), tenant_transaction(connection):
            connection.execute("commit")
            assert seen(connection) is None
        connection.rollback()


def test_a_commit_in_the_body_is_refused(pool: ConnectionPool[Any]) -> None:
    with pool.connection() as connection, tenant_context(1):
        with pytest.raises(psycopg.ProgrammingError), tenant_transaction(connection):
            connection.commit()
        assert seen(connection) is None


def test_a_job_may_name_its_tenant_with_the_transaction(pool: ConnectionPool[Any]) -> None:
    with pool.connection() as connection:
        for org_id in (1, 2):
            with tenant_transaction(connection, org_id):
                assert seen(connection) == [org_id] == [resolve_org_id()]
        with tenant_transaction(connection, 1), pytest.raises(TenantBindingError):
            tenant_transaction(connection, 2).__enter__()
        with pytest.raises(TypeError):
            tenant_transaction(connection, True).__enter__()


def test_a_request_cannot_name_another_tenant_than_its_own(app: Flask, pool: ConnectionPool[Any]) -> None:
    @app.get("/steal")
    def steal() -> list[int]:
        with pool.connection() as connection, pytest.raises(OrgContextConflict):
            tenant_transaction(connection, 2).__enter__()
        with pool.connection() as connection, tenant_transaction(connection, 1):
            return seen(connection)

    assert app.test_client().get("/steal", headers={"X-User": "one"}).json == [1]


def test_a_request_that_fails_in_the_middle_leaves_the_next_one_its_own_rows(
    app: Flask, pool: ConnectionPool[Any]
) -> None:
    @app.get("/rows")
    def rows() -> list[int]:
        with pool.connection() as connection, tenant_transaction(connection):
            if request.args.get("fail") == "python":
                raise KeyError
            if request.args.get("fail") == "sql":
                connection.execute("select 1 / 0")
            if request.args.get("fail") == "rollback":
                connection.execute("rollback")
            return seen(connection) or []

    client = app.test_client()
    for failing in ("python", "sql", "rollback"):
        for org_id in (1, 2):
            headers = {"X-User": "two", "X-Org-Id": str(org_id)}
            failed = client.get(f"/rows?fail={failing}", headers=headers)
            assert failed.status_code == 500 or failed.json == []
            assert client.get("/rows", headers={**headers, "X-Org-Id": str(3 - org_id)}).json == [3 - org_id]
            assert client.get("/rows", headers=headers).json == [org_id]


def test_a_rollback_that_is_asked_for_is_one_and_no_error(pool: ConnectionPool[Any]) -> None:
    with pool.connection() as connection, tenant_context(1):
        with tenant_transaction(connection):
            connection.execute("delete from public.payments")
            raise psycopg.Rollback
        with tenant_transaction(connection):
            assert connection.execute("select count(*) > 0 from public.payments").fetchone() == (True,)


def test_what_the_connection_asks_of_its_transactions_holds(pool: ConnectionPool[Any]) -> None:
    ask = "select current_setting('transaction_isolation'), current_setting('transaction_read_only')"
    with pool.connection() as connection, tenant_context(1):
        connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        connection.read_only, connection.deferrable = True, True
        with tenant_transaction(connection):
            assert connection.execute(ask).fetchone() == ("serializable", "on")
            assert connection.execute("show transaction_deferrable").fetchone() == ("on",)
        connection.isolation_level = connection.read_only = connection.deferrable = None


def test_a_setting_that_the_server_refuses_leaves_a_connection_that_works(pool: ConnectionPool[Any]) -> None:
    with pool.connection() as connection, tenant_context(1):
        connection.execute("do $$ begin end $$")  # from here on the server knows plpgsql's settings
        connection.commit()
        for _ in range(2):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                tenant_transaction(connection, setting="plpgsql.variable_conflict").__enter__()
        with tenant_transaction(connection):
            assert seen(connection) == [1]


def test_within_a_transaction_of_the_same_tenant_another_one_is_a_savepoint(pool: ConnectionPool[Any]) -> None:
    with pool.connection() as connection, tenant_context(1), tenant_transaction(connection):
        with contextlib.suppress(KeyError), tenant_transaction(connection):
            connection.execute("delete from public.payments")
            raise KeyError
        assert connection.execute("select count(*) > 0 from public.payments").fetchone() == (True,)
        with tenant_context(2), pytest.raises(TenantBindingError, match="another tenant"):
            tenant_transaction(connection).__enter__()
        with tenant_context(None), pytest.raises(TenantBindingError, match="another tenant"):
            tenant_transaction(connection).__enter__()
        assert seen(connection) == [1]


def test_a_transaction_that_began_without_a_tenant_is_not_taken_over(pool: ConnectionPool[Any]) -> None:
    with pool.connection() as connection, tenant_context(1):
        connection.execute("select 1")
        with pytest.raises(TenantBindingError, match="not bound"):
            tenant_transaction(connection).__enter__()


def test_autocommit_is_an_error(tenants: Target) -> None:
    with (
        psycopg.connect(tenants.conninfo(), user="erp_app", autocommit=True) as connection,
        tenant_context(1),
        pytest.raises(TenantBindingError, match="autocommit"),
    ):
        tenant_transaction(connection).__enter__()


@pytest.mark.parametrize("setting", ["org_id", "", "app.org_id; drop table x", "app.'x", "app.org_id\n", "app..x"])
def test_a_setting_that_no_transaction_can_hold_is_refused(pool: ConnectionPool[Any], setting: str) -> None:
    with pool.connection() as connection, pytest.raises(TenantBindingError, match="custom setting"):
        tenant_transaction(connection, setting=setting).__enter__()


def test_an_id_is_a_parameter_and_never_a_part_of_the_statement(pool: ConnectionPool[Any]) -> None:
    hostile = "1', true), pg_catalog.set_config('app.other', '2"
    with tenant_context(hostile), pool.connection() as connection, tenant_transaction(connection):
        assert connection.execute(SET).fetchone() == (hostile,)
        assert connection.execute("select pg_catalog.current_setting('app.other', true)").fetchone() == (None,)


def test_the_connections_own_ways_do_not_matter(tenants: Target) -> None:
    """Other cursors, other rows, another style of parameters."""
    with (
        psycopg.connect(
            tenants.conninfo(), user="erp_app", cursor_factory=psycopg.RawCursor, row_factory=psycopg.rows.dict_row
        ) as connection,
        tenant_context(3),
        tenant_transaction(connection),
    ):
        assert connection.execute("select $1 || " + SET.removeprefix("select ") + " as it", ("=",)).fetchone() == {
            "it": "=3"
        }


def test_a_lost_connection_is_the_drivers_error(tenants: Target, run_sql: Callable[..., Any]) -> None:
    with psycopg.connect(tenants.conninfo(), user="erp_app") as connection:
        run_sql(tenants, f"select pg_terminate_backend({connection.info.backend_pid})")
        with tenant_context(1), pytest.raises(psycopg.OperationalError):
            tenant_transaction(connection).__enter__()


def test_a_closed_connection_is_the_drivers_error(tenants: Target) -> None:
    connection = psycopg.connect(tenants.conninfo(), user="erp_app")
    connection.close()
    with tenant_context(1), pytest.raises(psycopg.OperationalError, match="closed"):
        tenant_transaction(connection).__enter__()


def test_threads_that_share_one_connection_never_see_each_others_rows(pool: ConnectionPool[Any]) -> None:
    wrong: list[object] = []

    def hammer(org_id: int) -> None:
        for _ in range(25):
            with tenant_context(org_id), pool.connection() as connection, tenant_transaction(connection):
                found = seen(connection)
                wrong.extend([found] if found != [resolve_org_id()] else [])

    threads = [threading.Thread(target=hammer, args=(org_id,)) for org_id in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_asynchronous_connection_is_bound_too(tenants: Target) -> None:
    async def work() -> list[Any]:
        found = []
        async with await psycopg.AsyncConnection.connect(tenants.conninfo(), user="erp_app") as connection:
            for org_id in (1, 2, None):
                with tenant_context(org_id):
                    async with async_tenant_transaction(connection), async_tenant_transaction(connection):
                        cursor = await connection.execute(SEEN)
                        found += await cursor.fetchone() or ()
            async with async_tenant_transaction(connection, 3):
                found += await (await connection.execute(SEEN)).fetchone() or ()
            with tenant_context(1):
                await connection.execute("select 1")
                with pytest.raises(TenantBindingError):
                    await async_tenant_transaction(connection).__aenter__()
        return found

    assert asyncio.run(work()) == [[1], [2], None, [3]]


def test_a_claim_that_nobody_granted_is_refused_unless_asked_for(app: Flask, pool: ConnectionPool[Any]) -> None:
    @app.get("/rows")
    def rows() -> list[int]:
        with pool.connection() as connection, tenant_transaction(connection):
            return seen(connection)

    @app.get("/public")
    def public() -> list[int]:
        with pool.connection() as connection, tenant_transaction(connection, allow_unverified=True):
            return seen(connection)

    @app.get("/said-again")
    def said_again() -> list[int]:
        with pool.connection() as connection, tenant_transaction(connection, resolve_in_flask()):
            return seen(connection)

    @app.get("/said-around")
    def said_around() -> list[int]:
        with tenant_context(resolve_in_flask()), pool.connection() as connection, tenant_transaction(connection):
            return seen(connection)

    @app.get("/public-again")
    def public_again() -> list[int]:
        org_id = resolve_in_flask()
        with pool.connection() as connection, tenant_transaction(connection, org_id, allow_unverified=True):
            return seen(connection)

    client = app.test_client()
    for path in ("/rows", "/said-again", "/said-around"):
        claimed = client.get(path, headers={"X-Org-Id": "2"})
        assert (claimed.status_code, claimed.json["error"]) == (403, "org_forbidden")
        assert client.get(path, headers={"X-User": "two", "X-Org-Id": "2"}).json == [2]
    for path in ("/public", "/public-again"):
        assert client.get(path, headers={"X-Org-Id": "2"}).json == [2]
    assert client.get("/rows", headers={"X-User": "two", "X-Org-Id": "2"}).json == [2]
    with app.test_request_context(headers={"X-Org-Id": "2"}):
        app.preprocess_request()
        assert resolve_in_flask() == 2
        with pool.connection() as connection, pytest.raises(UnverifiedTenant):
            tenant_transaction(connection).__enter__()


def test_memberships_may_be_read_before_the_tenant_is_known(
    make_app: Callable[..., Flask], pool: ConnectionPool[Any]
) -> None:
    def memberships(_user: object) -> list[int]:
        with pool.connection() as connection, tenant_transaction(connection):
            assert seen(connection) is None
        return [4]

    app = make_app(identity=object, memberships=memberships)

    @app.get("/rows")
    def rows() -> list[int]:
        with pool.connection() as connection, tenant_transaction(connection):
            return seen(connection)

    assert app.test_client().get("/rows").json == [4]


def test_an_exempt_request_is_bound_to_nobody(app: Flask, pool: ConnectionPool[Any]) -> None:
    from dbops.tenancy.flask import tenant_exempt

    @app.get("/free")
    @tenant_exempt
    def free() -> list[Any]:
        with pool.connection() as connection:
            with tenant_transaction(connection):
                before = seen(connection)
            with tenant_context(2), tenant_transaction(connection):
                return [before, seen(connection)]

    assert app.test_client().get("/free", headers={"X-User": "one", "X-Org-Id": "1"}).json == [None, [2]]


def warned_of(target: Target, helper: str) -> psycopg.Connection[Any]:
    """Connect as a role that obeys policies to a table whose policy asks `helper` for the tenant."""
    with psycopg.connect(target.conninfo(), autocommit=True) as connection:
        connection.execute(
            "create table public.notes (org_id bigint, note text);"
            "insert into public.notes select 1 + i % 2, 'note ' || i from generate_series(1, 10) i;"
            f"create function public.tenant() returns bigint language sql {helper}"
            " as $$ select nullif(current_setting('app.org_id', true), '')::bigint $$;"
            "alter table public.notes enable row level security;"
            "create policy own on public.notes using (org_id = public.tenant());"
            "grant select on public.notes to erp_app".encode()
        )
    return psycopg.connect(target.conninfo(), user="erp_app")


@pytest.mark.parametrize(("helper", "found"), [("stable", {2}), ("immutable", {1})])
def test_an_immutable_helper_returns_the_other_tenants_rows_once_a_statement_is_prepared(
    tenants: Target, database: Target, helper: str, found: set[int]
) -> None:
    """What the docs warn of: psycopg prepares a statement it has run five times, PostgreSQL keeps its plan later."""
    with warned_of(database, helper) as connection:
        for _ in range(20):
            with tenant_context(1), tenant_transaction(connection):
                assert connection.execute("select org_id from public.notes where note <> %s", ("",)).fetchall()
        with tenant_context(2), tenant_transaction(connection):
            rows = connection.execute("select org_id from public.notes where note <> %s", ("",)).fetchall()
    assert found == {org_id for (org_id,) in rows}


def test_a_setting_does_not_survive_sql_injection(tenants: Target) -> None:
    """What the docs warn of: whoever runs SQL of their own names the tenant themselves."""
    injected = "x' union select set_config('app.org_id', '2', true) --"
    with (
        psycopg.connect(tenants.conninfo(), user="erp_app") as connection,
        tenant_context(1),
        tenant_transaction(connection),
    ):
        connection.execute(f"select name from public.customers where name = '{injected}'".encode())
        assert seen(connection) == [2]
