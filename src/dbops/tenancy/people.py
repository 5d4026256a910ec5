"""Who is asking, and for which tenants they may: what an application says of its users, made into an `Identity`.

The rules: nobody is who is None or not authenticated; memberships come from the callable where there is one, else
from the user's `organizations` and `org_id`; a user's `org_id` is the tenant they mean when they name none. What cannot
be read as an id is a defect of the application and raises. What it does not do: sign anybody in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbops.tenancy.decide import Identity
from dbops.tenancy.parse import NotAnId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dbops.tenancy.context import OrgId
    from dbops.tenancy.parse import Reader


class People:
    """Who is asking, and for which tenants they may."""

    def __init__(
        self, ids: Reader, identity: Callable[[], Any], memberships: Callable[[Any], Iterable[Any]] | None
    ) -> None:
        self._ids = ids
        self._identity = identity
        self._memberships = memberships

    def asking(self) -> Identity | None:
        """Return who is signed in, with what they may; None for nobody."""
        user = self._identity()
        if user is None or not _is_authenticated(user):
            return None
        primary = self._primary(user)
        if self._memberships is not None:
            return Identity(self._ids_of(self._memberships(user)), primary)
        own = self._ids_of(getattr(user, "organizations", None))
        return Identity(own if primary is None else own | {primary}, primary)

    def _primary(self, user: Any) -> OrgId | None:
        value = getattr(user, "org_id", None)
        return None if value is None else taken(self._ids, value, "the user's org_id")

    def _ids_of(self, values: Iterable[Any] | None) -> frozenset[OrgId]:
        if isinstance(values, str | bytes):
            raise TypeError("memberships are a collection of ids, not one text")
        return frozenset(taken(self._ids, value, "a membership") for value in values or ())


def taken(ids: Reader, value: Any, what: str) -> OrgId:
    """Return the id that `value` is; `what` it is goes into the error."""
    try:
        return ids.take(value)
    except NotAnId as problem:
        raise TypeError(f"{what} of type {type(value).__name__} is no id of a tenant") from problem


def _is_authenticated(user: Any) -> bool:
    said = getattr(user, "is_authenticated", True)
    return bool(said() if callable(said) else said)
