"""What a request claims: the tenant that its headers and query parameters name.

The rules, in order:

1. One name given twice is a conflict, blank or not, equal or not: a proxy and an application may each see another one.
   Servers join header lines of one name with a comma, and no id has a comma.
2. A blank claim is none.
3. A malformed claim is malformed, whatever stands beside it.
4. Claims under different names must agree.

What it does not do: say whether a claim is granted (`decide.py`), or look at cookies, paths and bodies.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus, unquote_to_bytes

from dbops.tenancy.parse import NotAnId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbops.tenancy.context import OrgId
    from dbops.tenancy.parse import Reader

HEADERS = ("X-Org-Id", "X-Tenant-Id")
PARAMETERS = ("org_id", "tenant_id")
_BLANKS = " \t"


class Reason(enum.StrEnum):
    """Why a request is refused, in the word that the client gets."""

    CONFLICT = "org_id_conflict"
    INVALID = "org_id_invalid"
    FORBIDDEN = "org_forbidden"
    REQUIRED = "org_id_required"


class Claim(NamedTuple):
    """A text that a request gave, and where."""

    source: str
    text: str


class Refusal(NamedTuple):
    """That a request is refused, and for which claim; None when it is for the lack of one."""

    reason: Reason
    claim: Claim | None = None


class Claimed(NamedTuple):
    """The one tenant that a request names, and the claim that named it."""

    org_id: OrgId
    claim: Claim


class ClaimNames:
    """Where claims are looked for."""

    def __init__(self, headers: Sequence[str] = HEADERS, parameters: Sequence[str] = PARAMETERS) -> None:
        self.headers = tuple(headers)
        self._variables = tuple((f"HTTP_{name.upper().replace('-', '_')}", f"header {name}") for name in headers)
        self._parameters = {name.encode(): f"parameter {name}" for name in parameters}

    def find(self, environ: Mapping[str, object], query: bytes) -> list[Claim]:
        """Return every claim of a request, given its CGI variables and its query string."""
        claims = [
            Claim(source, part)
            for variable, source in self._variables
            if isinstance(value := environ.get(variable), str)
            for part in value.split(",")
        ]
        if query:
            self._find_in_query(query, claims)
        return claims

    def _find_in_query(self, query: bytes, claims: list[Claim]) -> None:
        for part in query.split(b"&"):
            name, _, value = part.partition(b"=")
            if b"%" in name:  # whoever reads the parameters of the request takes %6frg_id for org_id
                name = unquote_to_bytes(name)
            source = self._parameters.get(name)
            if source is not None:
                claims.append(Claim(source, _text(value)))


def _text(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return unquote_plus(text, errors="replace") if "%" in text or "+" in text else text


def settle(claims: Sequence[Claim], reader: Reader) -> Claimed | Refusal | None:
    """Return the one tenant that the claims name, why they name none, or None when nothing was claimed."""
    given = set()
    for claim in claims:
        if claim.source in given:
            return Refusal(Reason.CONFLICT, claim)
        given.add(claim.source)
    claimed: Claimed | None = None
    conflict: Refusal | None = None
    for claim in claims:
        if not claim.text.strip(_BLANKS):
            continue
        try:
            org_id = reader.read(claim.text)
        except NotAnId:
            return Refusal(Reason.INVALID, claim)
        if claimed is not None and claimed.org_id != org_id:
            conflict = Refusal(Reason.CONFLICT, claim)
        claimed = claimed or Claimed(org_id, claim)
    return conflict or claimed
