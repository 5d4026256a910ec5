"""Whose data the running code may touch.

`tenant_context(org_id)` says it for a job, a script, or a request that has no tenant of its own; `resolve_org_id()`
asks. The rules:

1. A request's own tenant stands: within it, `tenant_context` of another one is refused, and of the same one it is worth
   what the request's is. A claim does not become a grant by being said again.
2. What was entered within a request counts in that request alone. A generator that was left half-read keeps its
   `tenant_context` open on the thread, and the next request on that thread must not find it.
3. A context that has ended never comes back, in whatever order several of them end.
4. Nobody said: `resolve_org_id()` raises. It never guesses.

What it does not do: know a framework (each tells, through `enclosed_by`, what request is running), or look into a
database. Threads begin without a tenant; tasks of asyncio inherit that of who started them.
"""

from __future__ import annotations

import contextlib
import uuid
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from dbops.tenancy.problems import OrgContextConflict, OrgContextMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OrgId = int | uuid.UUID | str


class Tenant(NamedTuple):
    """A tenant, or that there is none; `verified` when a grant stands behind it and not a mere claim."""

    org_id: OrgId | None
    verified: bool
    source: str

    @property
    def setting(self) -> str:
        """The tenant as PostgreSQL is told: empty when there is none, which every policy takes for no row."""
        return "" if self.org_id is None else str(self.org_id)


NO_TENANT = Tenant(None, verified=False, source="nobody")


class Enclosing(NamedTuple):
    """What a framework says is running: `owner` is the request, None outside one."""

    owner: object | None
    tenant: Tenant


class _Entered:
    """One `tenant_context`, from its beginning to its end."""

    __slots__ = ("is_open", "outer", "owner", "tenant")

    def __init__(self, tenant: Tenant, owner: object | None, outer: _Entered | None) -> None:
        self.tenant = tenant
        self.owner = owner
        self.outer = outer
        self.is_open = True


_entered: ContextVar[_Entered | None] = ContextVar("dbops_tenant", default=None)
_frameworks: list[Callable[[], Enclosing | None]] = []
_NOTHING = Enclosing(None, NO_TENANT)


def enclosed_by(framework: Callable[[], Enclosing | None]) -> None:
    """Let a framework say what request encloses the running code; it answers None where it knows of nothing."""
    if framework not in _frameworks:
        _frameworks.append(framework)


def current() -> Tenant:
    """Return the tenant of the running code; `NO_TENANT` or one without `org_id` where there is none."""
    enclosing = _enclosing()
    entered = _innermost(enclosing.owner)
    return enclosing.tenant if entered is None else entered.tenant


def resolve_org_id() -> OrgId:
    """Return the tenant's id; raise OrgContextMissing where there is none."""
    org_id = current().org_id
    if org_id is None:
        raise OrgContextMissing(
            "no tenant is known here",
            hint="within a request: install the guard and send a claim; elsewhere: with tenant_context(org_id)",
        )
    return org_id


@contextlib.contextmanager
def tenant_context(org_id: OrgId | None) -> Iterator[Tenant]:
    """Run the body for one tenant, or with None for nobody; the caller answers for the id being granted."""
    tenant = Tenant(_checked(org_id), verified=org_id is not None, source="tenant_context")
    enclosing = _enclosing()
    _refuse_another(enclosing, tenant)
    if enclosing.owner is not None and enclosing.tenant.org_id == org_id:
        tenant = enclosing.tenant
    entered = _Entered(tenant, enclosing.owner, _entered.get())
    _entered.set(entered)
    try:
        yield tenant
    finally:
        entered.is_open = False
        # Not a reset to what was before: a generator may end in another thread, or after a context begun later.
        if _entered.get() is entered:
            _entered.set(entered.outer)


def _enclosing() -> Enclosing:
    for framework in _frameworks:
        found = framework()
        if found is not None:
            return found
    return _NOTHING


def _innermost(owner: object | None) -> _Entered | None:
    entered = _entered.get()
    while entered is not None and not (entered.is_open and entered.owner is owner):
        entered = entered.outer
    return entered


def _refuse_another(enclosing: Enclosing, tenant: Tenant) -> None:
    own = enclosing.tenant.org_id
    if enclosing.owner is not None and None not in (own, tenant.org_id) and own != tenant.org_id:
        raise OrgContextConflict(
            "this request belongs to another tenant than tenant_context names",
            hint="work for several tenants belongs in a job, or in an endpoint marked @tenant_exempt",
        )


def _checked(org_id: OrgId | None) -> OrgId | None:
    """Return an id that can stand for one tenant; programs that pass anything else have a defect."""
    if isinstance(org_id, bool) or not isinstance(org_id, int | uuid.UUID | str | None):
        raise TypeError(f"a tenant is an int, a UUID or a text, not {type(org_id).__name__}")
    if isinstance(org_id, str) and (not org_id.strip() or "\0" in org_id):
        raise ValueError("an empty text is no tenant; None says that there is none")
    return org_id
