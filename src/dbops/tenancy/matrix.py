"""The decision table, asked of somebody's own application through its test client.

Each row is one request and what must come of it. The rows, in order: every way to name one's own tenant; a foreign one
and one that nobody has, which must get the same answer; claims that conflict, repeat or mean nothing; blank ones; the
same with `Accept: text/html` and HEAD; the same with nobody signed in; and one's own tenant once more, since a refused
request must leave nothing behind. What it does not do: try every endpoint (call it for each that matters), or look into
the database.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from dbops.tenancy.claims import HEADERS, PARAMETERS, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

_LONG = "9" * 10_000
MEANINGLESS = ("1 OR 1=1", "' or ''='", "\uff11", "\u0662", "1\n", "1\0", _LONG, "../1", "1;2", "\ufffd")
NO_INTS = ("null", "0", "-1", "1_0", "01", "1.0", "x")

_FORBIDDEN = f"403 {Reason.FORBIDDEN}"
_CONFLICT = f"400 {Reason.CONFLICT}"
_INVALID = f"400 {Reason.INVALID}"
_REQUIRED = f"400 {Reason.REQUIRED}"
_SERVED = "served"
_REFUSED = "refused"


@dataclass(frozen=True)
class Tenants:
    """The ids that the rows are made of: one's own, somebody else's, and one that nobody has."""

    own: Any
    foreign: Any
    absent: Any


@dataclass(frozen=True)
class Row:
    """One request, and what must come of it."""

    title: str
    expected: str
    environ: dict[str, str] = field(default_factory=dict)
    query: str = ""
    method: str = ""
    signed_in: bool = True


@dataclass(frozen=True)
class Held:
    """What came of a row, and whether that was right."""

    row: Row
    found: str
    holds: bool


def rows(tenants: Tenants, *, id_type: str = "int", public: bool = False) -> Iterator[Row]:
    """Yield every row; `public` says that the page is for anybody who names a tenant."""
    yield from _naming("one's own tenant", tenants.own, _SERVED)
    yield from _naming("a foreign tenant", tenants.foreign, _FORBIDDEN)
    yield from _naming("a tenant that nobody has", tenants.absent, _FORBIDDEN)
    yield from _conflicts(str(tenants.own), str(tenants.foreign))
    for text in (*MEANINGLESS, *(NO_INTS if id_type == "int" else ())):
        yield from _naming(f"{text[:12]!r}", text, _INVALID)
    html = {"HTTP_ACCEPT": "text/html"}
    yield Row("a foreign tenant, as a page", _FORBIDDEN, html | _header(tenants.foreign))
    yield Row("a foreign tenant, HEAD", "403 without a body", _header(tenants.foreign), method="HEAD")
    for blank in ("", " "):
        yield Row(f"{blank!r} and nobody signed in", _REQUIRED, _header(blank), signed_in=False)
    yield Row("no claim and nobody signed in", _REQUIRED, signed_in=False)
    yield Row("no claim and nobody signed in, as a page", _REQUIRED, html, signed_in=False)
    yield Row("a claim and nobody signed in", _SERVED if public else _REFUSED, _header(tenants.own), signed_in=False)
    yield Row("one's own tenant, after all that", _SERVED, _header(tenants.own))


def ask(
    app: Flask, path: str, row: Row, *, sign_in: Callable[[FlaskClient], object], unseen: str | None = None
) -> tuple[Held, bytes]:
    """Send a row's request, and return what came of it and the body; `unseen` must not be in it."""
    client = app.test_client()
    if row.signed_in:
        sign_in(client)
    response = client.open(
        f"{path}{'&' if '?' in path else '?'}{row.query}" if row.query else path,
        method=row.method or "GET",
        environ_overrides=row.environ,
    )
    found, body = _found(response), response.get_data()
    if unseen is not None and unseen.encode() in body:
        return Held(row, f"{found}, with {unseen!r} in it", holds=False), body
    return Held(row, found, holds=_matches(row.expected, found)), body


def _naming(what: str, org_id: Any, expected: str) -> Iterator[Row]:
    for header in HEADERS:
        yield Row(f"{what}, by {header}", expected, _header(org_id, header))
    for name in PARAMETERS:
        yield Row(f"{what}, by ?{name}", expected, query=f"{name}={quote_plus(str(org_id))}")


def _conflicts(own: str, foreign: str) -> Iterator[Row]:
    first, second = PARAMETERS
    pairs = {
        "header and parameter": (_header(own), f"{first}={foreign}"),
        "two headers": (_header(own) | _header(foreign, HEADERS[1]), ""),
        "two header lines": (_header(f"{own},{foreign}"), ""),
        "a header line twice": (_header(f"{own},{own}"), ""),
        "two parameters": ({}, f"{first}={own}&{second}={foreign}"),
        "a parameter twice": ({}, f"{first}={own}&{first}={own}"),
        "a blank parameter and another": ({}, f"{first}=&{first}={own}"),
    }
    for title, (environ, query) in pairs.items():
        yield Row(f"conflict: {title}", _CONFLICT, environ, query)


def _header(text: Any, name: str = HEADERS[0]) -> dict[str, str]:
    """Return a header as a server hands it over: bytes, read as latin-1."""
    return {f"HTTP_{name.upper().replace('-', '_')}": str(text).encode().decode("latin-1")}


def _found(response: TestResponse) -> str:
    status = response.status_code
    if response.request.method == "HEAD":
        return f"{status} with a body" if response.get_data() else f"{status} without a body"
    if response.mimetype == "application/json" and status >= 400:
        told = json.loads(response.get_data())
        if isinstance(told, dict) and "error" in told:
            return f"{status} {told['error']}"
    return f"{status} {response.mimetype}"


def _matches(expected: str, found: str) -> bool:
    status = int(found[:3])
    if expected == _SERVED:
        return 200 <= status < 300
    if expected == _REFUSED:
        return status in {400, 401, 403}
    return expected == found
