"""A fixture for the tests of applications under the guard.

In a `conftest.py`: `pytest_plugins = ["dbops.tenancy.pytest_plugin"]`. Then

    def test_tenants_are_kept_apart(tenant_matrix, app):
        tenant_matrix(app, "/customers", sign_in=sign_in_ada, own=1, foreign=2, unseen="a customer of 2")

What it does not do: install the guard, or make users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dbops.tenancy.claims import HEADERS, PARAMETERS
from dbops.tenancy.matrix import Held, Names, Tenants, ask, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Flask
    from flask.testing import FlaskClient

# Ids that nobody has; a slug may look like the number.
_ABSENT = 9_007_199_254_740_993
_ABSENT_UUID = "8f14e45f-ceea-467f-9f3c-0d0b0ba55e75"


def run_matrix(  # noqa: PLR0913  (each is one fact about the application)
    app: Flask,
    path: str,
    *,
    sign_in: Callable[[FlaskClient], object],
    own: Any,
    foreign: Any,
    absent: Any = None,
    unseen: str | None = None,
    id_type: str = "int",
    public: bool = False,
    headers: Sequence[str] = HEADERS,
    parameters: Sequence[str] = PARAMETERS,
) -> list[Held]:
    """Ask for `path` in every row of the decision table; fail with the rows that do not hold.

    `sign_in(client)` signs somebody in who is a member of `own` and not of `foreign`, which exists; `absent` does not.
    `unseen` is a text that only `foreign` may see. `public` says that anybody who names a tenant may see the page.
    `id_type`, `headers` and `parameters` are what the guard was told, where that is not the usual.
    """
    __tracebackhide__ = True
    tenants = Tenants(own, foreign, absent or (_ABSENT_UUID if id_type == "uuid" else _ABSENT))
    wanted = rows(tenants, Names(headers, parameters), id_type=id_type, public=public)
    asked = [ask(app, path, row, sign_in=sign_in, unseen=unseen) for row in wanted]
    held = [one for one, _ in asked]
    refusals = {body for one, body in asked if one.found == "403 org_forbidden"}
    problems = [f"{one.row.title}: expected {one.row.expected}, got {one.found}" for one in held if not one.holds]
    if len(refusals) > 1:
        problems.append("a foreign tenant and one that nobody has get different answers")
    if problems:
        pytest.fail(_told(path, held, problems), pytrace=False)
    return held


@pytest.fixture
def tenant_matrix() -> Callable[..., list[Held]]:
    """Return `run_matrix`: the decision table of the request guard, asked of an application."""
    return run_matrix


def _told(path: str, held: Sequence[Held], problems: Sequence[str]) -> str:
    lines = "\n".join(f"  {problem}" for problem in problems)
    return f"{path}: {len(problems)} of {len(held)} rows of the tenant matrix do not hold\n{lines}"
