"""Small applications under the guard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, g, request, stream_with_context

from dbops.connection.session import scratch
from dbops.demo import erp
from dbops.tenancy import OrgContextMissing
from dbops.tenancy.flask import install_tenant_guard, resolve_org_id, tenant_exempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

    MakeApp = Callable[..., Flask]


@dataclass
class User:
    """Somebody who is signed in."""

    organizations: list[Any] = field(default_factory=list)
    org_id: Any = None


USERS = {
    "one": User([1]),
    "two": User([1, 2]),
    "primary": User([1, 2], org_id=2),
    "nowhere": User([]),
    "objects": User([type("Organisation", (), {"id": 1})(), type("Organisation", (), {"id": 2})()]),
    "home": User(org_id=1),
}


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRICT_ORG_BOUNDARIES", "DEFAULT_ORG_ID", "APP_ENV", "ENVIRONMENT", "FLASK_ENV"):
        monkeypatch.delenv(name, raising=False)


def told() -> str:
    """Say which tenant the running code has, as the function and as the mirror tell it."""
    try:
        asked = repr(resolve_org_id())
    except OrgContextMissing:
        asked = "missing"
    assert g.get("org_id") is None or repr(g.org_id) == asked
    return asked


@pytest.fixture(scope="session")
def tenants(server: ScratchServer) -> Target:
    """A small demo ERP for all the tests here: none of them changes a row that another one counts."""
    with scratch(server, "postgres") as connection:
        connection.execute("create database tenants")
    with scratch(server, "tenants") as connection:
        erp.load(connection, scale=0.05)
    return server.target("tenants")


@pytest.fixture
def make_app() -> MakeApp:
    """Make an application whose users sign in by the header `X-User`, under the guard."""

    def make(*, config: dict[str, Any] | None = None, name: str = "shop", **options: Any) -> Flask:
        app = Flask(name)
        app.config.update(config or {})
        app.before_request(lambda: setattr(g, "user", USERS.get(request.headers.get("X-User", ""))))
        install_tenant_guard(app, **options)
        _add_views(app)
        return app

    return make


def _add_views(app: Flask) -> None:
    app.add_url_rule("/", "told", told, methods=["GET", "POST"])

    @app.get("/health")
    @tenant_exempt
    def health() -> str:
        return told()

    app.add_url_rule("/named", "named", told)
    app.add_url_rule("/must", "must", lambda: str(resolve_org_id()))

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[str]:
            while True:
                yield told() + "\n"

        return Response(stream_with_context(parts()))


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """An application under a strict guard."""
    return make_app(exempt_endpoints=("named",))
