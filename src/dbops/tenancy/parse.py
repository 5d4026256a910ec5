r"""Ids of tenants, read from what a client sent.

Python's own readers are too kind: `int()` takes `1_0`, ` 1`, `1\n` and the digits of every script. Here a text is
an id when all of it, as it stands, is one in its only spelling (a UUID may be in capitals). The rules, in order:

1. More than 64 characters are no id; nothing is read of them.
2. Nor is what has characters that are not printable ASCII.
3. The whole text has the form of its type: `int` (1 to 2⁶³-1), `uuid`, `slug`, or whatever a callable accepts.

What it does not do: trim, guess, or ask whether such a tenant exists.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbops.errors import ConfigurationError

if TYPE_CHECKING:
    from dbops.tenancy.context import OrgId

LONGEST = 64
_LARGEST = 2**63 - 1  # what a bigint holds

_INT = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
# What clients send when they have nothing to send; no organisation is called that.
_NOTHINGS = frozenset({"null", "none", "undefined"})


class NotAnId(ValueError):  # noqa: N818  (reads as what it says)
    """The text is no id of the configured type."""


def _int(text: str) -> int:
    number = int(text) if _INT.fullmatch(text) else 0
    if not 1 <= number <= _LARGEST:
        raise NotAnId
    return number


def _uuid(text: str) -> uuid.UUID:
    if not _UUID.fullmatch(text):
        raise NotAnId
    return uuid.UUID(text)


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text) or text in _NOTHINGS:
        raise NotAnId
    return text


IdType = str | Callable[[str], Any]
_TYPES: dict[str, tuple[Callable[[str], Any], type]] = {
    "int": (_int, int),
    "uuid": (_uuid, uuid.UUID),
    "slug": (_slug, str),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads ids of one type: `read` what a client sent, `take` what the application itself holds."""

    _read: Callable[[str], Any]
    _type: type | None = None

    def read(self, text: str) -> OrgId:
        """Return the id that a client's text is; raise NotAnId for anything else."""
        if len(text) > LONGEST or not (text.isascii() and text.isprintable()):
            raise NotAnId
        try:
            found = self._read(text)
        except ValueError as problem:  # also what a callable raises that reads with int() or UUID()
            raise NotAnId from problem
        return _an_id(found)

    def take(self, value: Any) -> OrgId:
        """Return the id that a membership or a setting holds: itself, its text, or that of an object.

        An object's `org_id` comes before its `id`: the id of a row of memberships is that of no tenant.
        """
        if isinstance(value, str):
            return self.read(value)
        if isinstance(value, int | uuid.UUID):
            if self._type is not None and type(value) is not self._type:
                raise NotAnId
            if isinstance(value, int) and self._type is not None and not 1 <= value <= _LARGEST:  # as where it is read
                raise NotAnId
            return _an_id(value)
        inner = getattr(value, "org_id", getattr(value, "id", None))
        if not isinstance(inner, str | int | uuid.UUID):
            raise NotAnId
        return self.take(inner)


def reader(id_type: IdType) -> Reader:
    """Return the reader of a type: `int`, `uuid`, `slug`, or a callable that takes a text and raises ValueError."""
    if callable(id_type):
        return Reader(id_type)
    if id_type not in _TYPES:
        raise ConfigurationError(
            f"no such type of tenant ids: {id_type!r}", hint=f"use one of {', '.join(_TYPES)}, or a callable"
        )
    return Reader(*_TYPES[id_type])


def _an_id(found: Any) -> OrgId:
    if isinstance(found, bool) or not isinstance(found, int | uuid.UUID | str) or found == "":
        raise NotAnId
    return found
