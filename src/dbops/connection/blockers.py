"""Who holds the lock that a statement gave up waiting for: asked once it has, of the session that waited.

What it does not do: end anybody's session.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 3  # are named


class _Blocker(NamedTuple):
    """A row of the statement; what another role's session is doing is None to who may not see it."""

    schema: str
    relation: str
    granted: bool
    pid: int
    user: str | None
    program: str | None
    state: str | None
    seconds: int | None


def blockers(connection: psycopg.Connection[Any]) -> str | None:
    """Return who holds which relation against readers, in words; None where nobody is seen, or it cannot be asked."""
    try:
        found = connection.execute(_statement()).fetchall()
    except psycopg.Error:
        return None
    named = "; ".join(_told(_Blocker(*row)) for row in found[:_MOST])
    return f"{named}; and others" if len(found) > _MOST else named or None


def _told(one: _Blocker) -> str:
    who = ", ".join(_described(one))
    doing = "is locked by" if one.granted else "is about to be locked by"
    return f"{one.schema}.{one.relation} {doing} process {one.pid}{f' ({who})' if who else ''}"


def _described(one: _Blocker) -> Iterator[str]:
    if one.user:
        yield f"{one.program} of {one.user}" if one.program else f"of {one.user}"
    if one.state:
        yield one.state if one.seconds is None else f"{one.state} for {one.seconds} s"


def _statement() -> bytes:
    return resources.files(__package__ or "dbops.connection").joinpath("blockers.sql").read_bytes()
