"""The store over psycopg: each piece of work is one `tenant_transaction` on a pooled connection."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool
from store import CUSTOMERS, ORDERS, ORGANIZATIONS, PASSKEY, PASSKEY_USED, Passkey

from dbops.tenancy import tenant_context
from dbops.tenancy.postgres import tenant_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection


class PsycopgStore:
    """The database over a pool of `size` connections."""

    def __init__(self, url: str, *, size: int) -> None:
        self._pool = ConnectionPool(url, min_size=1, max_size=size, kwargs={"row_factory": dict_row}, open=True)

    def passkey(self, credential_id: bytes) -> Passkey | None:
        """Return the passkey of that name, of whatever tenant."""
        with self._transaction() as connection:
            row = connection.execute(PASSKEY.format(credential_id="%s"), (credential_id,)).fetchone()
        return row and Passkey(row["org_id"], row["user_id"], row["credential"], row["public_key"], row["sign_count"])

    def organizations(self, user_id: int) -> list[int]:
        """Return the tenants that a user may act for."""
        with self._transaction() as connection:
            return [row["org_id"] for row in connection.execute(ORGANIZATIONS.format(user_id="%s"), (user_id,))]

    def passkey_used(self, passkey: Passkey, sign_count: int) -> None:
        """Write down the new counter, as the passkey's tenant."""
        with tenant_context(passkey.org_id), self._transaction() as connection:
            connection.execute(PASSKEY_USED.format(sign_count="%s", id="%s"), (sign_count, passkey.id))

    def customers(self, limit: int) -> list[dict[str, object]]:
        """Return customers of the current tenant."""
        with self._transaction() as connection:
            return connection.execute(CUSTOMERS.format(limit="%s"), (limit,)).fetchall()

    def orders(self) -> Iterator[dict[str, object]]:
        """Yield the orders of the current tenant, as they come from the server."""
        with self._transaction() as connection, connection.cursor("orders") as cursor:
            yield from cursor.execute(ORDERS)

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()

    @contextmanager
    def _transaction(self) -> Iterator[Connection[Any]]:
        with self._pool.connection() as connection, tenant_transaction(connection):
            yield connection
