"""Who holds the lock that a statement gave up waiting for: asked once it has, of the session that waited.

What it does not do: end anybody's session.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 3  # are named


def blockers(connection: psycopg.Connection[Any]) -> str | None:
    """Return who holds which relation against readers, in words; None where nobody is seen, or it cannot be asked."""
    try:
        found = connection.execute(_statement()).fetchall()
    except psycopg.Error:
        return None
    named = "; ".join(_told(*row) for row in found[:_MOST])
    return f"{named}; and others" if len(found) > _MOST else named or None


def _told(  # noqa: PLR0913, PLR0917  (a row)
    schema: str,
    relation: str,
    granted: bool,  # noqa: FBT001
    pid: int,
    user: str | None,
    program: str | None,
    state: str | None,
    seconds: int | None,
) -> str:
    who = ", ".join(_described(user, program, state, seconds))
    doing = "is locked by" if granted else "is about to be locked by"
    return f"{schema}.{relation} {doing} process {pid}{f' ({who})' if who else ''}"


def _described(user: str | None, program: str | None, state: str | None, seconds: int | None) -> Iterator[str]:
    if user:
        yield f"{program} of {user}" if program else f"of {user}"
    if state:
        yield state if seconds is None else f"{state} for {seconds} s"


def _statement() -> bytes:
    return resources.files(__package__ or "dbops.connection").joinpath("blockers.sql").read_bytes()
