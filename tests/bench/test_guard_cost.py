"""What the request guard costs a request, and the binding a transaction: with and without, side by side."""

from __future__ import annotations

import io
import statistics
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import create_environ

from dbops.tenancy import tenant_context
from dbops.tenancy.flask import install_tenant_guard, resolve_org_id
from dbops.tenancy.postgres import tenant_transaction
from dbops.tenancy.sqlalchemy import bind_tenants

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.server import ScratchServer

pytestmark = pytest.mark.bench

ROUNDS, AT_ONCE = 60, 200
FAREWELL = 0.2  # a connection's end has to travel too


class Somebody:
    """Who is signed in, in both applications."""

    organizations = (1, 2, 3)


def application(*, guarded: bool) -> Flask:
    """Return an application whose view does next to nothing."""
    app = Flask("bench")
    if guarded:
        install_tenant_guard(app, identity=Somebody)
    app.add_url_rule("/", "index", lambda: str(resolve_org_id()) if guarded else "1")
    return app


def requests(app: Flask, **more: Any) -> Callable[[], None]:
    """Return work: so many requests through the application's WSGI entry."""
    environ = create_environ(**more)
    statuses: list[str] = []

    def work() -> None:
        for _ in range(AT_ONCE):
            asked = {**environ, "wsgi.input": io.BytesIO()}
            b"".join(app.wsgi_app(asked, lambda status, *_: statuses.append(status)))
        assert {"200 OK"} == set(statuses)

    return work


@pytest.mark.parametrize("claim", [{"headers": {"X-Org-Id": "2"}}, {"query_string": "page=1&org_id=2"}], ids=str)
def test_the_guard_adds_at_most_50_microseconds_a_request(
    claim: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    bare, guarded = requests(application(guarded=False), **claim), requests(application(guarded=True), **claim)
    bare(), guarded()
    pairs = [(processor_microseconds(bare), processor_microseconds(guarded)) for _ in range(ROUNDS)]
    added = statistics.median(with_it - without for without, with_it in pairs)
    ratio = statistics.median(with_it / without for without, with_it in pairs)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  a request: {statistics.median(without for without, _ in pairs):.0f} µs; the guard adds {added:.1f} µs"
            f" ({ratio:.2f} times), {next(iter(claim))}"
        )
    assert added <= 50


def processor_microseconds(work: Callable[[], None]) -> float:
    """Return what one request takes of the processor; others on the machine do not count."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / AT_ONCE * 1_000_000


def test_a_bound_transaction_of_psycopg_takes_no_more_round_trips_than_a_plain_one(
    bench_server: ScratchServer, far_away: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with far_away(0.01) as far:
        target = bench_server.target("postgres")
        with psycopg.connect(target.conninfo(), host=str(far.socket.parent)) as connection:

            def plain() -> None:
                with connection.transaction():
                    connection.execute("select 1")

            def bound() -> None:
                with tenant_context(1), tenant_transaction(connection):
                    connection.execute("select 1")

            assert_no_more(far, plain, bound, "psycopg", capsys)
        time.sleep(FAREWELL)


def test_a_bound_transaction_of_sqlalchemy_takes_no_more_round_trips_than_a_plain_one(
    bench_server: ScratchServer, far_away: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with far_away(0.01) as far:
        target = bench_server.target("postgres")
        where = {"host": str(far.socket.parent), "port": str(target.port)}
        url = sa.URL.create("postgresql+psycopg", username=target.user, database=target.database, query=where)
        plain_engine, bound_engine = sa.create_engine(url), sa.create_engine(url)
        bind_tenants(bound_engine)

        def transaction(engine: sa.Engine) -> None:
            with tenant_context(1), engine.begin() as connection:
                connection.execute(sa.text("select 1"))

        assert_no_more(far, lambda: transaction(plain_engine), lambda: transaction(bound_engine), "SQLAlchemy", capsys)
        plain_engine.dispose()
        bound_engine.dispose()
        time.sleep(FAREWELL)


def assert_no_more(
    far: Any, plain: Callable[[], None], bound: Callable[[], None], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(8):  # connections, what a driver asks first, statements that get prepared
        plain(), bound()
    counts = []
    times = []
    for work in (plain, bound):
        before, began = far.trips, time.perf_counter()
        for _ in range(8):
            work()
        counts.append((far.trips - before) / 8)
        times.append((time.perf_counter() - began) / 8 * 1000)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  {what}, server 10 ms away: plain {counts[0]:.2f} round trips, {times[0]:.1f} ms;"
            f" bound {counts[1]:.2f} round trips, {times[1]:.1f} ms"
        )
    assert counts[0] == counts[1]
