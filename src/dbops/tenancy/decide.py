"""The decision: which tenant a request gets, from who asks and what it claims. A pure function.

A header or a parameter is a claim; the memberships of whoever signed in are the grant. The table, in order:

| identity  | claim                                         | answer                                        |
|-----------|-----------------------------------------------|-----------------------------------------------|
| any       | conflicting, duplicate, malformed             | refused before it comes to this               |
| signed in | one of the memberships                        | that tenant, verified                         |
| signed in | anything else, existing or not                | 403 org_forbidden                             |
| signed in | none; a declared primary, or one membership   | that tenant, verified                         |
| signed in | none; the default is one of several           | the default, verified                         |
| signed in | none; several memberships, or no membership   | strict: 400 org_id_required; else none        |
| anonymous | any                                           | that tenant, unverified                       |
| anonymous | none; there is a default                      | the default, verified                         |
| anonymous | none                                          | strict: 400 org_id_required; else none        |

There is a default only where strictness is off and the environment is a local or a testing one (`environment.py`).
What it does not do: ask whether a tenant exists. A foreign one and one that nobody has get the same answer, because
nothing here could tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dbops.tenancy.claims import Claimed, Reason, Refusal
from dbops.tenancy.context import NO_TENANT, Tenant

if TYPE_CHECKING:
    from dbops.tenancy.context import OrgId


class Identity(NamedTuple):
    """Somebody who is signed in: the tenants they may act for, and the one they mean when they name none."""

    memberships: frozenset[OrgId]
    primary: OrgId | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for requests that name no tenant; a default goes with `strict` off."""

    strict: bool
    default: OrgId | None = None


def decide(claimed: Claimed | Refusal | None, identity: Identity | None, terms: Terms) -> Tenant | Refusal:
    """Return the tenant of a request (perhaps none), or why it is refused."""
    if isinstance(claimed, Refusal):
        return claimed
    if identity is None:
        return _anonymous(claimed, terms)
    if claimed is not None:
        return _granted(claimed, identity)
    return _of_their_own(identity, terms)


def _anonymous(claimed: Claimed | None, terms: Terms) -> Tenant | Refusal:
    if claimed is not None:
        return Tenant(claimed.org_id, verified=False, source=claimed.claim.source)
    if terms.default is not None and not terms.strict:
        return _default(terms.default)
    return _without(terms)


def _granted(claimed: Claimed, identity: Identity) -> Tenant | Refusal:
    if claimed.org_id in identity.memberships:
        return Tenant(claimed.org_id, verified=True, source=claimed.claim.source)
    return Refusal(Reason.FORBIDDEN, claimed.claim)


def _of_their_own(identity: Identity, terms: Terms) -> Tenant | Refusal:
    if identity.primary in identity.memberships:
        return Tenant(identity.primary, verified=True, source="primary membership")
    if len(identity.memberships) == 1:
        return Tenant(next(iter(identity.memberships)), verified=True, source="only membership")
    if not terms.strict and terms.default in identity.memberships:
        return _default(terms.default)
    return _without(terms)


def _default(org_id: OrgId | None) -> Tenant:
    return Tenant(org_id, verified=True, source="DEFAULT_ORG_ID")


def _without(terms: Terms) -> Tenant | Refusal:
    return Refusal(Reason.REQUIRED) if terms.strict else NO_TENANT
