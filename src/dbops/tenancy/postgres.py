"""A tenant bound to a transaction of psycopg, for policies that read a setting.

    with pool.connection() as connection, tenant_transaction(connection):
        connection.execute("select …")

The rules:

1. The setting lives in the transaction alone (`set_config(…, true)`), as a parameter. A session's setting would stay on
   a pooled connection for whoever gets it next.
2. It is always set: to nothing where there is no tenant, whatever the session or the role had preset.
3. BEGIN and the setting leave together (`opening.py`): a bound transaction takes no more round trips than a plain one.
4. A claim that nobody has granted is refused, unless asked for.
5. A connection in autocommit, in a transaction, or bound to another tenant is an error, not a surprise.

What it does not do: survive SQL injection. Whoever can run SQL of their own can set the setting.
"""

from __future__ import annotations

import contextlib
import re
import weakref
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

from dbops.tenancy.context import current, tenant_context
from dbops.tenancy.opening import AsyncOpened, Opened, can_open, opening
from dbops.tenancy.problems import TenantBindingError, UnverifiedTenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from dbops.tenancy.context import OrgId

SETTING = "app.org_id"
BIND = "select pg_catalog.set_config(%s, %s, true)"

_SETTING_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)+", re.ASCII | re.IGNORECASE)
# What each connection is bound to while one of our transactions is open on it.
_bound: weakref.WeakKeyDictionary[Any, tuple[str, str]] = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def tenant_transaction(
    connection: psycopg.Connection[Any],
    org_id: OrgId | None = None,
    *,
    setting: str = SETTING,
    allow_unverified: bool = False,
) -> Iterator[psycopg.Connection[Any]]:
    """Run the body in a transaction of the current tenant: committed at its end, rolled back when it raises.

    With an `org_id` (in a job, or an exempt request) it is that tenant's, and so is the body. Within another one of the
    same tenant it is a savepoint.
    """
    if org_id is not None:
        with (
            tenant_context(org_id),
            tenant_transaction(connection, setting=setting, allow_unverified=allow_unverified),
        ):
            yield connection
        return
    binding = (checked_setting(setting), tenant_setting(allow_unverified=allow_unverified))
    if _is_nested(connection, binding):
        with connection.transaction():
            yield connection
        return
    with _opened(connection, binding), _remembered(connection, binding):
        yield connection


@contextlib.asynccontextmanager
async def async_tenant_transaction(
    connection: psycopg.AsyncConnection[Any],
    org_id: OrgId | None = None,
    *,
    setting: str = SETTING,
    allow_unverified: bool = False,
) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """As `tenant_transaction`, for an asynchronous connection."""
    if org_id is not None:
        with tenant_context(org_id):
            async with async_tenant_transaction(connection, setting=setting, allow_unverified=allow_unverified):
                yield connection
        return
    binding = (checked_setting(setting), tenant_setting(allow_unverified=allow_unverified))
    if _is_nested(connection, binding):
        async with connection.transaction():
            yield connection
        return
    async with _opened_async(connection, binding):
        with _remembered(connection, binding):
            yield connection


def tenant_setting(*, allow_unverified: bool) -> str:
    """Return what the setting is to be for the running code; raise UnverifiedTenant for a mere claim."""
    tenant = current()
    if tenant.org_id is not None and not tenant.verified and not allow_unverified:
        raise UnverifiedTenant(
            f"the tenant is claimed ({tenant.source}) and granted by nobody; no transaction is bound to it",
            hint="sign somebody in, or say allow_unverified=True where anybody may read any tenant's rows",
        )
    return tenant.setting


def checked_setting(name: str) -> str:
    """Return the name of a setting that a transaction can hold; raise for anything else."""
    if not _SETTING_NAME.fullmatch(name):
        raise TenantBindingError(f"{name[:80]!r} is no name of a custom setting", hint=f"such as {SETTING}")
    return name


def autocommit_error() -> TenantBindingError:
    """Return the error for a connection on which a setting would end with the statement that sets it."""
    return TenantBindingError(
        "the connection is in autocommit: a tenant can only be bound to a transaction",
        hint="open it without autocommit; a statement outside a transaction would run for no tenant",
    )


def is_idle(connection: psycopg.BaseConnection[Any]) -> bool:
    """Say whether no transaction is open on the connection."""
    return connection.info.transaction_status == TransactionStatus.IDLE


def _is_nested(connection: psycopg.BaseConnection[Any], binding: tuple[str, str]) -> bool:
    """Say whether the connection is within a transaction bound as wanted; raise where it can be bound in no way."""
    if connection.autocommit:
        raise autocommit_error()
    if is_idle(connection) or connection.closed:  # of a closed one the driver says so itself
        return False
    bound = _bound.get(connection)
    if bound == binding:
        return True
    raise TenantBindingError(
        "the connection is in a transaction that is not bound to this tenant"
        if bound is None
        else "the connection is in a transaction that is bound to another tenant",
        hint="commit or roll back before tenant_transaction begins one of its own",
    )


@contextlib.contextmanager
def _opened(connection: psycopg.Connection[Any], binding: tuple[str, str]) -> Iterator[None]:
    if can_open(connection):
        with Opened(connection):
            open_bound(connection, binding)
            yield
    else:
        with connection.transaction():
            # Not the connection's own cursors, which may want another style of parameters, nor a prepared statement,
            # which a pooler between transactions would lose.
            psycopg.Cursor(connection).execute(BIND, binding, prepare=False)
            yield


@contextlib.asynccontextmanager
async def _opened_async(connection: psycopg.AsyncConnection[Any], binding: tuple[str, str]) -> AsyncIterator[None]:
    if can_open(connection):
        async with AsyncOpened(connection):
            async with connection.lock:
                await connection.wait(opening(connection, binding))
            yield
    else:
        async with connection.transaction():
            await psycopg.AsyncCursor(connection).execute(BIND, binding, prepare=False)
            yield


def open_bound(connection: psycopg.Connection[Any], binding: tuple[str, str]) -> None:
    """Begin a transaction with the setting in it, in one round trip; whoever calls ends it."""
    with connection.lock:
        connection.wait(opening(connection, binding))


@contextlib.contextmanager
def _remembered(connection: Any, binding: tuple[str, str]) -> Iterator[None]:
    _bound[connection] = binding
    try:
        yield
    finally:
        _bound.pop(connection, None)
