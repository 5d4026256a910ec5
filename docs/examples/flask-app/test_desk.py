"""What the application's own tests look like: `pytest docs/examples/flask-app`, DATABASE_URL set as for gunicorn."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from app import create_app
from store_psycopg import PsycopgStore
from store_sqlalchemy import SqlAlchemyStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient

MEMBER_OF_1 = 12  # a user of the demo ERP who is a member of that tenant and of no other


@pytest.fixture(params=[PsycopgStore, SqlAlchemyStore])
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """Make the application over one connection."""
    store = request.param(os.environ["DATABASE_URL"], size=1)
    yield create_app(store, secret_key="tests", origin="http://localhost")
    store.close()


def sign_in(client: FlaskClient) -> None:
    """Sign in as the passkey would."""
    with client.session_transaction() as session:
        session.update(user_id=MEMBER_OF_1, org_id=1)


@pytest.mark.parametrize("path", ["/customers", "/orders"])
def test_tenants_are_kept_apart(tenant_matrix: Callable[..., object], app: Flask, path: str) -> None:
    """Hold each page to the whole decision table."""
    tenant_matrix(app, path, sign_in=sign_in, own=1, foreign=2, unseen='"org_id":2')
