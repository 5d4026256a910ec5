"""The fixture that applications test themselves with: it passes over a guarded one, and finds what others get wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, g, request, session

from dbops.tenancy.flask import install_tenant_guard, resolve_org_id, tenant_exempt
from dbops.tenancy.postgres import tenant_setting
from dbops.tenancy.pytest_plugin import run_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from flask.testing import FlaskClient


def sign_in(client: FlaskClient) -> None:
    client.get("/in")


def shop(
    *, guard: bool = True, view: Callable[[], str] | None = None, members: Sequence[object] = (1, 3), **options: Any
) -> Flask:
    app = Flask("shop")
    app.secret_key = "not a secret"
    if guard:
        install_tenant_guard(app, identity=lambda: session.get("who"), memberships=lambda _user: members, **options)
    app.add_url_rule("/in", "in", tenant_exempt(lambda: session.update(who="ada") or "in"))
    app.add_url_rule("/rows", "rows", view or (lambda: f"row of {tenant_setting(allow_unverified=False)}"))
    return app


def test_a_guarded_application_holds_in_every_row() -> None:
    held = run_matrix(shop(), "/rows", sign_in=sign_in, own=1, foreign=2, unseen="row of 2")
    assert all(one.holds for one in held)
    assert len(held) > 80


def test_a_public_page_is_served_to_whoever_names_a_tenant() -> None:
    app = shop(view=lambda: str(resolve_org_id()))
    run_matrix(app, "/rows?page=1", sign_in=sign_in, own=3, foreign=2, public=True)


@pytest.mark.parametrize(("id_type", "own", "foreign"), [
    ("uuid", "7b1f6f0e-0c1a-4c56-9d3e-1f0a5d5b0001", "7b1f6f0e-0c1a-4c56-9d3e-1f0a5d5b0002"),
    ("slug", "acme", "globex"),
])  # fmt: skip
def test_ids_of_other_types_have_a_matrix_too(id_type: str, own: str, foreign: str) -> None:
    run_matrix(
        shop(id_type=id_type, members=[own]), "/rows", sign_in=sign_in, own=own, foreign=foreign, id_type=id_type
    )


@pytest.mark.parametrize("names", [
    {"headers": ("X-Shop",), "parameters": ("shop",)}, {"headers": (), "parameters": ("shop", "org")},
    {"headers": ("X-Shop", "X-Org"), "parameters": ()},
])  # fmt: skip
def test_a_guard_that_reads_other_names_is_asked_by_those(names: dict[str, tuple[str, ...]]) -> None:
    held = run_matrix(shop(**names), "/rows", sign_in=sign_in, own=1, foreign=2, **names)
    assert len(held) > 30
    assert {"conflict: a parameter twice", "conflict: a header line twice"} & {one.row.title for one in held}


def _after(work: Callable[[], None]) -> Flask:
    app = shop(guard=False, view=lambda: work() or "row")
    app.register_error_handler(ValueError, lambda _problem: ({"error": "org_id_invalid"}, 400))
    return app


def _lenient() -> Flask:
    app = shop(view=lambda: "row")
    app.testing = True
    return app


def _telling() -> Flask:
    app = shop()

    @app.after_request
    def tell(response: object) -> object:
        if request.args.get("org_id") == "2":
            response.data = b'{"error":"org_forbidden","hint":"ask their administrator"}'  # type: ignore[attr-defined]
        return response

    return app


BROKEN: dict[str, tuple[Callable[[], Flask], list[str]]] = {
    "the header is believed": (
        lambda: shop(guard=False, view=lambda: f"row of {request.headers.get('X-Org-Id')}"),
        ["a foreign tenant, by X-Org-Id: expected 403 org_forbidden, got 200"],
    ),
    "int() reads the id": (
        lambda: _after(lambda: setattr(g, "x", int(request.args.get("org_id", "1")))),
        ["'1_0', by ?org_id"],
    ),
    "the exempt page shows rows": (
        lambda: shop(view=tenant_exempt(lambda: "row of 2")),
        ["with 'row of 2' in it", "no claim and nobody signed in: expected 400 org_id_required"],
    ),
    "strictness is off": (
        _lenient,
        ["no claim and nobody signed in: expected 400 org_id_required, got 200"],
    ),
    "foreign tenants are told apart": (
        _telling,
        ["different answers"],
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_application_that_gets_it_wrong_is_told_which_rows(how: str) -> None:
    make, expected = BROKEN[how]
    with pytest.raises(pytest.fail.Exception) as caught:
        run_matrix(make(), "/rows", sign_in=sign_in, own=1, foreign=2, unseen="row of 2")
    for words in expected:
        assert words in str(caught.value)


def test_the_fixture_is_found_by_an_applications_own_tests(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["dbops.tenancy.pytest_plugin"]\n')
    (tmp_path / "test_shop.py").write_text(
        "from flask import Flask, session\n"
        "from dbops.tenancy.flask import install_tenant_guard, tenant_exempt\n"
        "from dbops.tenancy.postgres import tenant_setting\n"
        "app = Flask('shop'); app.secret_key = 'x'\n"
        "install_tenant_guard(app, identity=lambda: session.get('who'), memberships=lambda _: [1])\n"
        "app.add_url_rule('/in', 'in', tenant_exempt(lambda: session.update(who=1) or 'in'))\n"
        "app.add_url_rule('/', 'rows', lambda: tenant_setting(allow_unverified=False))\n"
        "def test_tenants_are_kept_apart(tenant_matrix):\n"
        "    tenant_matrix(app, '/', sign_in=lambda client: client.get('/in'), own=1, foreign=2)\n"
        "def test_a_member_of_the_foreign_one_is_found_out(tenant_matrix):\n"
        "    tenant_matrix(app, '/', sign_in=lambda client: client.get('/in'), own=2, foreign=1)\n"
    )
    words = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", "pytest", *words], capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed" in done.stdout
    assert "a foreign tenant, by X-Org-Id: expected 403 org_forbidden, got 200" in done.stdout
