"""What the application asks of its database; `store_psycopg.py` and `store_sqlalchemy.py` are two ways to do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

# The two questions that come before the tenant is known. Each is a narrow SECURITY DEFINER function.
PASSKEY = "select org_id, user_id, credential, public_key, sign_count from public.passkey_owner({credential_id})"
ORGANIZATIONS = "select org_id from public.organizations_of({user_id})"

# Everything else names no tenant at all: policies see to that.
CUSTOMERS = "select org_id, id, code, name from public.customers order by id limit {limit}"
ORDERS = "select org_id, id, number, status from public.orders order by id"
PASSKEY_USED = (
    "update public.webauthn_credentials set sign_count = {sign_count}, last_used_at = pg_catalog.now() where id = {id}"
)


@dataclass(frozen=True)
class Passkey:
    """Whose credential it is, and what a signature is checked with."""

    org_id: int
    user_id: int
    id: int
    public_key: bytes
    sign_count: int


class Store(Protocol):
    """The database of the application."""

    def passkey(self, credential_id: bytes) -> Passkey | None:
        """Return the passkey of that name, of whatever tenant."""

    def organizations(self, user_id: int) -> list[int]:
        """Return the tenants that a user may act for."""

    def passkey_used(self, passkey: Passkey, sign_count: int) -> None:
        """Write down the new counter, as the passkey's tenant."""

    def customers(self, limit: int) -> list[dict[str, object]]:
        """Return customers of the current tenant."""

    def orders(self) -> Iterator[dict[str, object]]:
        """Yield the orders of the current tenant, as they come from the server."""
