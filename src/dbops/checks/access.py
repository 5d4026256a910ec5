"""What the application can do in the end: the roles it is or can become, and what each of them is granted.

The rules, in order, as PostgreSQL has them: a session acts as one role at a time (an *identity*), its own or one it can
SET ROLE to; an identity has the rights of every role it inherits from, whether granted or owned, and those of PUBLIC;
a policy applies to it if it is for PUBLIC or for a role whose rights it has; superusers, BYPASSRLS (both never
inherited) and the owner of a table that is not forced pass by row-level security.
The application's roles are `[tenancy] app_roles`. Where none is configured, whoever was granted something on a table
stands in for them when that table is looked at: `grantees`.
What it does not do: follow views and functions, which act as their owner.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import Membership, Relation, Role, RowPolicy, TableColumns
from dbops.checks.names import unquote
from dbops.checks.roles import inherited, reach, role_named
from dbops.checks.rule import RuleSkippedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.roles import Way

# The reads that the functions here want.
NEEDED = (Relation, Role, Membership, TableColumns)

PUBLIC = "public"

# A privilege in the letter that an ACL has for it.
SELECT, INSERT, UPDATE, DELETE, TRUNCATE = "r", "a", "w", "d", "D"
_ALL = frozenset("arwdDxtm")
_WORDS = {SELECT: "SELECT", INSERT: "INSERT", UPDATE: "UPDATE", DELETE: "DELETE", TRUNCATE: "TRUNCATE"}
# Roles that come with PostgreSQL and have rights on every table (14 and later).
_PREDEFINED = {"pg_read_all_data": frozenset("r"), "pg_write_all_data": frozenset("awd")}

_ITEM = re.compile(r'("(?:[^"]|"")*"|[^=]*)=([A-Za-z*]*)/')


class Identity(NamedTuple):
    """A role that a session of the application can act as: `role`, and how `app_role` comes to be it."""

    app_role: str
    role: Role
    way: Way

    @property
    def is_above_policies(self) -> bool:
        """Whether row-level security never applies to it."""
        return self.role.superuser or self.role.bypass_rls


def app_roles(catalog: Catalog, policy: Policy) -> tuple[Role, ...]:
    """Return the configured roles of the application that exist, in the order of the configuration."""
    named = policy.tenancy.app_roles if policy.tenancy else ()
    found = (role_named(catalog, text) for text in named)
    return tuple(dict.fromkeys(role for role in found if role))


def require_app_roles(catalog: Catalog, policy: Policy) -> tuple[Role, ...]:
    """Return the roles of the application; RuleSkippedError where none is configured, or one does not exist."""
    named = policy.tenancy.app_roles if policy.tenancy else ()
    if not named:
        raise RuleSkippedError(
            "nobody has said which roles the application signs in as",
            hint='add to dbops.toml: [tenancy] app_roles = ["app"]',
        )
    if missing := [text for text in named if role_named(catalog, text) is None]:
        raise RuleSkippedError(
            f"configured under [tenancy] app_roles, and no role of this server: {', '.join(missing)}",
            hint="correct the names in dbops.toml, quoted as in SQL",
        )
    return app_roles(catalog, policy)


def identities(catalog: Catalog, policy: Policy) -> tuple[Identity, ...]:
    """Return everything the application's roles are or can become, each role once, by the shortest way."""
    key = ("identities", tuple(role.name for role in app_roles(catalog, policy)))
    return catalog.once(key, lambda: _identities(catalog, app_roles(catalog, policy)))


def _identities(catalog: Catalog, roles: Iterable[Role]) -> tuple[Identity, ...]:
    by_name = _roles(catalog)
    found: dict[str, Identity] = {}
    every = (
        Identity(app.name, by_name[name], way)
        for app in roles
        for name, way in reach(catalog, app.name).becomes.items()
        if name in by_name
    )
    for one in sorted(every, key=lambda one: (len(one.way), one.role.name)):
        found.setdefault(one.role.name, one)
    return tuple(found.values())


def passes_by(catalog: Catalog, role: Role, table: Relation) -> bool:
    """Return whether row-level security of a table does not apply to a role."""
    if not table.rls_enabled or role.superuser or role.bypass_rls:
        return True
    return not table.rls_forced and table.owner in inherited(catalog, role.name)


def applies(catalog: Catalog, row_policy: RowPolicy, role: str) -> bool:
    """Return whether a policy is for a role: for PUBLIC, or for one whose rights it has."""
    if PUBLIC in row_policy.roles:
        return True
    rights = inherited(catalog, role)
    return any(name in rights for name in row_policy.roles)


def privileges(catalog: Catalog, role: str, table: Relation) -> frozenset[str]:
    """Return the letters of everything a role may do with a relation, or with some columns of it."""
    rights = inherited(catalog, role)
    known = _roles(catalog).get(role)
    if table.owner in rights or (known and known.superuser):
        return _ALL
    granted = grants_on(catalog, table)
    letters = [granted.get(PUBLIC, frozenset()), *(granted.get(name, frozenset()) for name in rights if name != PUBLIC)]
    return frozenset().union(*letters, *(more for name, more in _PREDEFINED.items() if name in rights))


def grants_on(catalog: Catalog, table: Relation) -> Mapping[str, frozenset[str]]:
    """Return the letters that were granted on a relation or columns of it by grantee; PUBLIC is `public`."""
    return _parsed((*table.grants, *granted_on_columns(catalog, table)))


def granted_on_columns(catalog: Catalog, table: Relation) -> tuple[str, ...]:
    """Return what was granted on columns of a relation, item by item."""
    tables = catalog.rows(TableColumns)
    grants = catalog.once("column grants", lambda: {row.table: row.grants for row in tables if row.grants})
    return grants.get(table.oid, ())


def grantees(catalog: Catalog, table: Relation) -> tuple[Role, ...]:
    """Return the roles that were granted something on a table and obey its policies, by name; never the owner."""
    roles = _roles(catalog)
    named = (roles[name] for name in sorted(grants_on(catalog, table)) if name in roles)
    return tuple(r for r in named if r.name != table.owner and not r.superuser and not r.bypass_rls)


def spelled_privilege(letter: str) -> str:
    """Return the word for the letter of an ACL."""
    return _WORDS.get(letter, letter)


def _roles(catalog: Catalog) -> Mapping[str, Role]:
    return catalog.once("roles by exact name", lambda: {role.name: role for role in catalog.rows(Role)})


@cache
def _parsed(items: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
    """Return letters by grantee; the grant options (`*`) are of no concern here."""
    found: dict[str, frozenset[str]] = {}
    for item in items:
        if match := _ITEM.match(item):
            name = _grantee(match[1])
            found[name] = found.get(name, frozenset()) | frozenset(match[2].replace("*", ""))
    return found


def _grantee(spelling: str) -> str:
    """Return the role of an item; nothing before the `=` is PUBLIC, and an ACL does not fold case."""
    if not spelling:
        return PUBLIC
    return unquote(spelling) if spelling.startswith('"') else spelling
