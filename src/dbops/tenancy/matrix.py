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
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus

from dbops.tenancy.claims import HEADERS, PARAMETERS, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
class Names:
    """Where the application looks for claims, as its guard was told."""

    headers: Sequence[str] = HEADERS
    parameters: Sequence[str] = PARAMETERS


class Way(NamedTuple):
    """One way to claim a tenant: what it is called, and what a request then has."""

    how: str
    environ: dict[str, str]
    query: str


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


def rows(tenants: Tenants, names: Names, *, id_type: str = "int", public: bool = False) -> Iterator[Row]:
    """Yield every row; `public` says that the page is for anybody who names a tenant."""
    meaningless = (*MEANINGLESS, *(NO_INTS if id_type == "int" else ()))
    for what, org_id, expected in (
        ("one's own tenant", tenants.own, _SERVED),
        ("a foreign tenant", tenants.foreign, _FORBIDDEN),
        ("a tenant that nobody has", tenants.absent, _FORBIDDEN),
        *((f"{text[:12]!r}", text, _INVALID) for text in meaningless),
    ):
        for way in _ways(org_id, names):
            yield Row(f"{what}, {way.how}", expected, way.environ, way.query)
    for way in _contradictions(str(tenants.own), str(tenants.foreign), names):
        yield Row(f"conflict: {way.how}", _CONFLICT, way.environ, way.query)
    own, foreign = next(_ways(tenants.own, names)), next(_ways(tenants.foreign, names))
    html = {"HTTP_ACCEPT": "text/html"}
    yield Row("a foreign tenant, as a page", _FORBIDDEN, html | foreign.environ, foreign.query)
    yield Row("a foreign tenant, HEAD", "403 without a body", foreign.environ, foreign.query, method="HEAD")
    for blank in ("", " "):
        way = next(_ways(blank, names))
        yield Row(f"{blank!r} and nobody signed in", _REQUIRED, way.environ, way.query, signed_in=False)
    yield Row("no claim and nobody signed in", _REQUIRED, signed_in=False)
    yield Row("no claim and nobody signed in, as a page", _REQUIRED, html, signed_in=False)
    served = _SERVED if public else _REFUSED
    yield Row("a claim and nobody signed in", served, own.environ, own.query, signed_in=False)
    yield Row("one's own tenant, after all that", _SERVED, own.environ, own.query)


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


def _ways(org_id: Any, names: Names) -> Iterator[Way]:
    """Yield every way to claim one tenant."""
    for header in names.headers:
        yield Way(f"by {header}", _header(org_id, header), "")
    for name in names.parameters:
        yield Way(f"by ?{name}", {}, f"{name}={quote_plus(str(org_id))}")


def _contradictions(own: str, foreign: str, names: Names) -> Iterator[Way]:
    """Yield every way to name two tenants, or one twice, that these names allow."""
    for header in names.headers[:1]:
        for name in names.parameters[:1]:
            yield Way("header and parameter", _header(own, header), f"{name}={foreign}")
        for other in names.headers[1:2]:
            yield Way("two headers", _header(own, header) | _header(foreign, other), "")
        yield Way("two header lines", _header(f"{own},{foreign}", header), "")
        yield Way("a header line twice", _header(f"{own},{own}", header), "")
    for name in names.parameters[:1]:
        for other in names.parameters[1:2]:
            yield Way("two parameters", {}, f"{name}={own}&{other}={foreign}")
        yield Way("a parameter twice", {}, f"{name}={own}&{name}={own}")
        yield Way("a blank parameter and another", {}, f"{name}=&{name}={own}")


def _header(text: Any, name: str) -> dict[str, str]:
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
