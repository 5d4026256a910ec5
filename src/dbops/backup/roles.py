"""The roles of the source cluster, as a document beside the dump: without them no owner and no grant can come back.

Rows of the catalogs, not the text of `pg_dumpall`: that would have to be run as superuser, and it makes superusers. No
password is in it. What this does not do: recreate anything (the drill does, and leaves powers out).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from psycopg.rows import dict_row

from dbops.backup.source import read_sql
from dbops.model import Document

if TYPE_CHECKING:
    from dbops.connection.session import Session


class Role(Document):
    """A role and its attributes."""

    name: str
    superuser: bool
    inherit: bool
    create_role: bool
    create_db: bool
    login: bool
    replication: bool
    bypass_rls: bool


class Membership(Document):
    """`member` is a member of `role`; `inherit` and `set` are None before PostgreSQL 16."""

    role: str
    member: str
    grantor: str | None
    admin: bool
    inherit: bool | None = None
    set: bool | None = None


class RoleSettings(Document):
    """Stored settings ("name=value") of a role, of a database, or of a role in a database."""

    role: str | None
    database: str | None
    settings: tuple[str, ...]


class DatabaseGrant(Document):
    """A privilege on the database; a grantee of None is PUBLIC."""

    grantor: str
    grantee: str | None
    privilege: str
    grantable: bool


class Roles(Document):
    """Everything the restored copy needs to know about roles, and about the database itself."""

    schema_: Literal["dbops/roles/v1"] = "dbops/roles/v1"
    database_owner: str
    roles: tuple[Role, ...]
    memberships: tuple[Membership, ...]
    settings: tuple[RoleSettings, ...]
    database_acl: tuple[DatabaseGrant, ...]


def read_roles(session: Session, database_owner: str) -> Roles:
    """Return the roles of the cluster as this snapshot sees them (shared catalogs obey snapshots too)."""
    rows = {name: _rows(session, name) for name in ("roles", "memberships", "role_settings", "database_acl")}
    return Roles(
        database_owner=database_owner,
        roles=tuple(Role(**row) for row in rows["roles"]),
        memberships=tuple(Membership(**row) for row in rows["memberships"]),
        settings=tuple(RoleSettings(**row) for row in rows["role_settings"]),
        database_acl=tuple(DatabaseGrant(**row) for row in rows["database_acl"]),
    )


def _rows(session: Session, name: str) -> list[dict[str, object]]:
    with session.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(read_sql(name)).fetchall()
