"""Who of the application may do something with one relation, and what takes that right away.

Where `[tenancy] app_roles` is configured those roles count, and all they can become; elsewhere every role that was
granted something on the relation and obeys policies, and PUBLIC. Rights that come by owning a relation, or by being a
superuser, are not taken away by a REVOKE: rules about roles speak of them.
What it does not do: look at schemas. A relation in a schema that is closed to a role counts as reachable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import access
from dbops.checks.access import (
    PUBLIC,
    granted_on_columns,
    grantees,
    grants_on,
    identities,
    privileges,
)
from dbops.checks.catalog import Role
from dbops.checks.names import qualified, quote, unquote
from dbops.checks.remediation import Fix
from dbops.checks.roles import GRANT_LOCKS, inherited

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dbops.checks.catalog import Catalog, Relation
    from dbops.checks.policy import Policy

READ = frozenset(access.SELECT)
CHANGE = frozenset((access.INSERT, access.UPDATE, access.DELETE))


def role_of(catalog: Catalog, name: str) -> Role | None:
    """Return the role with exactly that name."""
    return catalog.once("roles by exact name", lambda: {role.name: role for role in catalog.rows(Role)}).get(name)


def who_may(catalog: Catalog, policy: Policy, relation: Relation, letters: Collection[str]) -> tuple[str, ...]:
    """Return the roles of the application that obey policies and have one of the rights on a relation, by name."""
    if access.app_roles(catalog, policy):
        roles = [one.role for one in identities(catalog, policy)]
        able = [role for role in roles if not (role.superuser or role.bypass_rls)]
    else:
        able = list(grantees(catalog, relation))
    wanted = frozenset(letters)
    found = {role.name for role in able if privileges(catalog, role.name, relation) & wanted}
    if not access.app_roles(catalog, policy) and grants_on(catalog, relation).get(PUBLIC, frozenset()) & wanted:
        found.add(PUBLIC)
    return tuple(sorted(found))


def granted_to(catalog: Catalog, relation: Relation, roles: Sequence[str], letter: str) -> tuple[str, ...]:
    """Return the grantees from whom roles have a right on a relation, PUBLIC first; none where no grant gives it."""
    granted = grants_on(catalog, relation)
    sources = {PUBLIC, *(name for role in roles if role != PUBLIC for name in inherited(catalog, role))}
    found = {name for name in sources if letter in granted.get(name, frozenset()) and name != relation.owner}
    return tuple(sorted(found, key=lambda name: (name != PUBLIC, name)))


def take_away(catalog: Catalog, relation: Relation, roles: Sequence[str], letter: str) -> Fix | None:
    """Return what takes a right away; None where something other than a grant of the owner gives it."""
    grantees_of_it = granted_to(catalog, relation, roles, letter)
    on_columns = granted_on_columns(catalog, relation)
    if not grantees_of_it:
        return None
    if any(relation.owner in inherited(catalog, role) for role in roles if role != PUBLIC):
        return None
    if any(_grantor(item) != relation.owner for item in (*relation.grants, *on_columns)):
        return None  # REVOKE takes back what its own role, or the owner, has granted, and nothing else
    word, name = access.spelled_privilege(letter).lower(), qualified(relation.schema, relation.name)
    names = ", ".join("public" if one == PUBLIC else quote(one) for one in grantees_of_it)
    # What was granted on columns goes along, and only a person can say which it was.
    undo = None if on_columns else f"grant {word} on {name} to {names};"
    return Fix(f"revoke {word} on {name} from {names};", undo, GRANT_LOCKS)


def _grantor(item: str) -> str:
    spelling = item.rpartition("/")[2]
    return unquote(spelling) if spelling.startswith('"') else spelling


def spelled(roles: Sequence[str]) -> str:
    """Return roles in words."""
    return ", ".join("PUBLIC" if name == PUBLIC else quote(name) for name in roles)
