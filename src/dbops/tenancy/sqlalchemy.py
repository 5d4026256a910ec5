"""A tenant bound to every transaction of an SQLAlchemy engine (extra `sqlalchemy`): Core, ORM, the second one too.

    engine = create_engine("postgresql+psycopg://…")
    bind_tenants(engine)

The rules:

1. When a transaction begins, the setting is set in it, for the current tenant or to nothing. With psycopg it leaves
   together with BEGIN.
2. A transaction that began before the tenant was known (who is signed in is often read in it) is bound when its next
   statement runs. One that is bound stays so: a statement for another tenant raises, it does not run for the first.
   Code without a tenant goes on in it: a session may commit when its `tenant_context` is over.
3. Rolling back to a savepoint takes back a setting that was set since; it is set again.
4. AUTOCOMMIT and two-phase transactions are errors: there the setting would not hold.
5. A claim that nobody has granted is refused, unless asked for. What speaks against a transaction is told by its first
   statement, and not when it begins: a connection of SQLAlchemy whose BEGIN has raised never begins one again.

What it does not do: bind what goes around the engine (`raw_connection()`); there no tenant is set, so policies show no
row. An asynchronous engine is bound by its `sync_engine`.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from dbops.errors import DbopsError
from dbops.tenancy.opening import can_open
from dbops.tenancy.postgres import SETTING, autocommit_error, checked_setting, is_idle, open_bound, tenant_setting
from dbops.tenancy.problems import OrgContextConflict, TenantBindingError, extra_missing

try:
    from sqlalchemy import event, text
except ModuleNotFoundError as missing:
    raise extra_missing("binding tenants to an engine", "SQLAlchemy", "sqlalchemy") from missing

import psycopg

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

_BIND_ANY = text("select pg_catalog.set_config(:setting, :tenant, true)")
_BOUND = "dbops_tenant"
_BINDING = "dbops_tenant_binding"
_TAKEN_BACK = "dbops_tenant_taken_back"
_AUTOCOMMIT = "dbops_tenant_autocommit"
_SAVEPOINTS = ("SAVEPOINT ", "ROLLBACK TO ", "RELEASE ")  # may be all that a failed transaction still takes

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def bind_tenants(engine: Engine, *, setting: str = SETTING, allow_unverified: bool = False) -> None:
    """Bind every transaction of `engine` to the tenant of the code that begins it."""
    if engine.dialect.name != "postgresql":
        raise TenantBindingError(
            f"the engine speaks {engine.dialect.name}, and only PostgreSQL has policies that read a setting",
            hint="use a postgresql+psycopg:// address",
        )
    binder = _Binder(checked_setting(setting), allow_unverified=allow_unverified)
    if engine in _engines:
        raise TenantBindingError("tenants are bound on this engine already", hint="call bind_tenants once")
    _engines.add(engine)
    event.listen(engine, "begin", binder.begin)
    event.listen(engine, "begin_twophase", _refuse_two_phases)
    event.listen(engine, "rollback_savepoint", _take_back)
    event.listen(engine, "before_cursor_execute", binder.before_statement)


class _Binder:
    """The listeners of one engine."""

    def __init__(self, setting: str, *, allow_unverified: bool) -> None:
        self._setting = setting
        self._allow_unverified = allow_unverified

    def begin(self, connection: Connection) -> None:
        """Bind the transaction that begins, to nothing where something speaks against it."""
        told = connection.info
        told.pop(_TAKEN_BACK, None)
        told.pop(_BOUND, None)
        told[_AUTOCOMMIT] = _is_autocommit(connection)
        if told[_AUTOCOMMIT]:
            return
        try:
            tenant = self._wanted()
        except DbopsError:  # which the first statement raises: it asks once more
            tenant = ""
        self._tell(connection, tenant)
        told[_BOUND] = tenant

    def before_statement(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        """See that the transaction is still the one of the running code."""
        told = connection.info
        if _BINDING in told or statement.startswith(_SAVEPOINTS):  # the first is the statement that binds
            return
        if told.get(_AUTOCOMMIT, False):
            raise autocommit_error()
        wanted, bound = self._wanted(), told.get(_BOUND, "")
        if bound and told.pop(_TAKEN_BACK, False):
            self._tell(connection, bound)
        if wanted in ("", bound):
            return
        if bound:
            raise OrgContextConflict(
                "the transaction is bound to another tenant than the running code works for",
                hint="commit, roll back or close the session before the tenant changes",
            )
        self._tell(connection, wanted)
        told[_BOUND] = wanted

    def _wanted(self) -> str:
        return tenant_setting(allow_unverified=self._allow_unverified)

    def _tell(self, connection: Connection, tenant: str) -> None:
        connection.info[_BINDING] = True
        try:
            _set(connection, self._setting, tenant)
        finally:
            del connection.info[_BINDING]


def _take_back(connection: Connection, *_: Any) -> None:
    connection.info[_TAKEN_BACK] = True


def _set(connection: Connection, setting: str, tenant: str) -> None:
    driver = connection.connection.driver_connection
    if isinstance(driver, psycopg.Connection) and is_idle(driver) and can_open(driver):
        open_bound(driver, (setting, tenant))
    else:
        connection.execute(_BIND_ANY, {"setting": setting, "tenant": tenant})


def _is_autocommit(connection: Connection) -> bool:
    options = connection.get_execution_options()
    said = getattr(connection.connection.dbapi_connection, "autocommit", False)
    return said is True or options.get("isolation_level") == "AUTOCOMMIT"


def _refuse_two_phases(_connection: Connection, _xid: Any) -> None:
    raise TenantBindingError(
        "a two-phase transaction cannot be bound to a tenant", hint="use an engine of its own, for no tenant's rows"
    )
