"""A small order desk for several tenants: passkey sign-in, customers, a stream of orders.

No view names a tenant and no query has a tenant condition: the guard decides for whom a request is, the store binds
each transaction to that, and the policies of the database do the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from flask import Flask, Response, request, session, stream_with_context
from passkeys import Challenges, RefusedError, checked, decode

from dbops.tenancy.flask import install_tenant_guard, resolve_org_id, tenant_exempt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store import Store

ROWS = 50


@dataclass(frozen=True)
class User:
    """Who is signed in; `org_id` is the tenant they mean when a request names none."""

    id: int
    org_id: int


def create_app(store: Store, *, secret_key: str, origin: str) -> Flask:
    """Return the application over a store; `origin` is where browsers see it, such as https://desk.example."""
    app = Flask("desk")
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_SECURE=origin.startswith("https://"),
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    # Memberships are read for every request: whoever loses one loses it at once, whatever their session says.
    install_tenant_guard(app, identity=_signed_in, memberships=lambda user: store.organizations(user.id))
    _add_sign_in(app, store, origin)
    _add_desk(app, store)
    return app


def _signed_in() -> User | None:
    return User(session["user_id"], session["org_id"]) if "user_id" in session else None


def _add_sign_in(app: Flask, store: Store, origin: str) -> None:
    challenges = Challenges()

    @app.get("/health")
    @tenant_exempt
    def health() -> str:
        return "ok\n"

    @app.post("/sign-in/begin")
    @tenant_exempt
    def begin() -> dict[str, str]:
        session["challenge"] = challenges.give()
        return {"challenge": session["challenge"]}

    @app.post("/sign-in/finish")
    @tenant_exempt
    def finish() -> dict[str, int]:
        answer = request.get_json()
        if not isinstance(answer, dict):
            raise RefusedError("no answer of an authenticator")
        challenge = session.pop("challenge", "")
        challenges.take(challenge)
        passkey = store.passkey(decode(answer.get("id")))
        if passkey is None:
            raise RefusedError("nobody's credential")
        counter = checked(answer, passkey.public_key, passkey.sign_count, challenge=challenge, origin=origin)
        store.passkey_used(passkey, counter)
        session.clear()
        session.update(user_id=passkey.user_id, org_id=passkey.org_id)
        return {"org_id": passkey.org_id}

    @app.post("/sign-out")
    @tenant_exempt
    def sign_out() -> dict[str, str]:
        session.clear()
        return {}

    @app.errorhandler(RefusedError)
    def refused(_problem: RefusedError) -> tuple[dict[str, str], int]:
        return {"error": "sign_in_refused"}, 401  # the same words, whatever was wrong


def _add_desk(app: Flask, store: Store) -> None:
    @app.get("/customers")
    def customers() -> dict[str, object]:
        return {"org_id": resolve_org_id(), "customers": store.customers(ROWS)}

    @app.get("/orders")
    def orders() -> Response:
        rows = store.orders()
        begun = list(islice(rows, 1))  # here an error still has a status; once the stream runs, it only ends it

        def lines() -> Iterator[str]:
            for order in chain(begun, rows):
                yield json.dumps(order) + "\n"

        return Response(stream_with_context(lines()), mimetype="application/x-ndjson")
