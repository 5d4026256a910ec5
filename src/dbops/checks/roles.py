"""Which roles a role can act as, and whose rights it has, through memberships of memberships.

`SET ROLE` goes along grants that allow it, all the way; rights come along grants that inherit, all the way, from the
role itself and from each role it can become. Attributes (superuser, BYPASSRLS) are never inherited: a role has them, or
becomes a role that has them. What it does not do: count a superuser as a member of everybody, which it is; `Powers`
says that it is one.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import Membership, Relation, Role
from dbops.checks.names import parse_identifier, qualified, quote
from dbops.checks.remediation import Fix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dbops.checks.catalog import Catalog

GRANT_LOCKS = "None on tables. Open sessions feel it at once."
OWNER_LOCKS = (
    "ACCESS EXCLUSIVE on each table for an instant; nothing is read or rewritten. The sequences of serial columns"
    " change hands with their table: whoever inserts needs USAGE on them."
)

_SHOWN = 3

# The grants that lead from a role to another one, the first being its own; none to itself.
Way = tuple[Membership, ...]


class Reach(NamedTuple):
    """What a role comes to: the roles it can become, and those whose rights it has, each with the shortest way."""

    becomes: Mapping[str, Way]
    rights_of: Mapping[str, Way]


@dataclass(frozen=True, slots=True)
class Owned:
    """The tables of one owner, and the way by which a role has that owner's rights."""

    owner: str
    way: Way
    tables: tuple[Relation, ...]


def role_named(catalog: Catalog, text: str) -> Role | None:
    """Return the role that a declaration names: as SQL would read it, else to the letter."""
    roles = catalog.once("roles by name", lambda: {role.name: role for role in catalog.rows(Role)})
    return roles.get(parse_identifier(text) or text) or roles.get(text)


def reach(catalog: Catalog, role: str) -> Reach:
    """Return what a role can become and whose rights it has, itself included; worked out once."""
    return catalog.once(("reach", role), lambda: _reach(catalog, role))


def _reach(catalog: Catalog, role: str) -> Reach:
    becomes = _along(catalog, {role: ()}, lambda grant: grant.can_set)
    return Reach(becomes, _along(catalog, becomes, lambda grant: grant.inherits))


def inherited(catalog: Catalog, role: str) -> Mapping[str, Way]:
    """Return the roles whose rights a role has without a SET ROLE, itself included, each with the shortest way."""
    return catalog.once(("inherited", role), lambda: _along(catalog, {role: ()}, lambda grant: grant.inherits))


def _along(catalog: Catalog, start: Mapping[str, Way], usable: Callable[[Membership], bool]) -> dict[str, Way]:
    """Return everything that usable grants lead to from `start`, the shortest way first, else in the order of names."""
    grants = catalog.once("grants by member", lambda: _by_member(catalog))
    found = dict(start)
    waiting = deque(found)
    while waiting:
        member = waiting.popleft()
        for grant in grants.get(member, ()):
            if usable(grant) and grant.role not in found:
                found[grant.role] = (*found[member], grant)
                waiting.append(grant.role)
    return found


def _by_member(catalog: Catalog) -> dict[str, list[Membership]]:
    grants: dict[str, list[Membership]] = defaultdict(list)
    for grant in catalog.rows(Membership):
        grants[grant.member].append(grant)
    return grants


def way_to_power(catalog: Catalog, role: str, has: Callable[[Role], bool]) -> tuple[Role, Way] | None:
    """Return a role with an attribute that `role` is or can become, itself first, and the way; None if none is."""
    roles = {one.name: one for one in catalog.rows(Role)}
    ways = sorted(reach(catalog, role).becomes.items(), key=lambda item: (len(item[1]), item[0]))
    return next(((roles[name], way) for name, way in ways if name in roles and has(roles[name])), None)


def owned_by(catalog: Catalog, role: str) -> tuple[Owned, ...]:
    """Return the tables whose owner's rights a role has: its own first, then by way and name of the owner."""
    tables = catalog.once("tables by owner", lambda: _by_owner(catalog))
    ways = sorted(reach(catalog, role).rights_of.items(), key=lambda item: (len(item[1]), item[0]))
    return tuple(Owned(name, way, tuple(tables[name])) for name, way in ways if name in tables)


def _by_owner(catalog: Catalog) -> dict[str, list[Relation]]:
    tables: dict[str, list[Relation]] = defaultdict(list)
    for relation in catalog.rows(Relation):
        if relation.is_table:
            tables[relation.owner].append(relation)
    return tables


# In words


def spelled_way(way: Way) -> str:
    """Return a way in words: `as a member of ops, which is a member of dba`."""
    return "as a member of " + ", which is a member of ".join(quote(grant.role) for grant in way)


def spelled_tables(tables: Sequence[Relation]) -> str:
    """Return the names of tables, a few of many."""
    names = [qualified(table.schema, table.name) for table in tables[:_SHOWN]]
    more = len(tables) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


# What mends it


def revoke(catalog: Catalog, way: Way) -> Fix | None:
    """Return what takes a membership away.

    None where several lead there one after the other, since which of them is too much is not to be told from here, and
    for the membership that no grant made.
    """
    if len(way) != 1:
        return None
    [first] = way
    grants = [g for g in catalog.rows(Membership) if (g.role, g.member) == (first.role, first.member)]
    if any(grant.grantor is None for grant in grants) and first.role == "pg_database_owner":
        return None
    return Fix(
        "\n".join(f"revoke {quote(g.role)} from {quote(g.member)}{_granted_by(g)};" for g in grants),
        "\n".join(f"grant {quote(g.role)} to {quote(g.member)}{_options(g)}{_granted_by(g)};" for g in grants),
        GRANT_LOCKS,
    )


def _granted_by(grant: Membership) -> str:
    return f" granted by {quote(grant.grantor)}" if grant.grantor else ""


def _options(grant: Membership) -> str:
    if grant.grantor is None:
        return " with admin option" if grant.admin else ""
    options = {"admin": grant.admin, "inherit": grant.inherits, "set": grant.can_set}
    return f" with {', '.join(f'{name} {str(value).lower()}' for name, value in options.items())}"


def hand_over(catalog: Catalog, tables: Sequence[Relation], barred: Iterable[str]) -> Fix | None:
    """Return what gives tables to the role that owns most of the others, the old owner keeping the use of them.

    None where nobody but `barred` roles, and those whose rights they have, owns any table.
    """
    tainted = {name for role in barred for name in reach(catalog, role).rights_of}
    owners = catalog.once("tables by owner", lambda: _by_owner(catalog))
    heirs = sorted(owners.keys() - tainted, key=lambda name: (-len(owners[name]), name))
    if not heirs:
        return None
    heir = quote(heirs[0])
    names = [(qualified(table.schema, table.name), quote(table.owner)) for table in tables]
    forth = [
        line
        for name, owner in names
        for line in (
            f"alter table {name} owner to {heir};",
            f"grant select, insert, update, delete on {name} to {owner};",
        )
    ]
    back = [f"alter table {name} owner to {owner};" for name, owner in names]
    return Fix("\n".join(("begin;", *forth, "commit;")), "\n".join(("begin;", *back, "commit;")), OWNER_LOCKS)


def alter_role(role: Role, *words: str) -> Fix:
    """Return what gives a role attributes, or takes them (`nobypassrls`)."""
    opposite = {
        "superuser": "nosuperuser",
        "nosuperuser": "superuser",
        "bypassrls": "nobypassrls",
        "nobypassrls": "bypassrls",
    }
    name = quote(role.name)
    return Fix(
        f"alter role {name} {' '.join(words)};",
        f"alter role {name} {' '.join(opposite[word] for word in words)};",
        GRANT_LOCKS,
    )


def joined(fixes: Iterable[Fix | None]) -> Fix | None:
    """Return several fixes as one, each once; None unless every part can be mended."""
    parts = list(dict.fromkeys(fixes))
    known = [part for part in parts if part is not None]
    if not known or len(known) != len(parts):
        return None
    undo = [part.undo for part in reversed(known) if part.undo]
    locks = dict.fromkeys(part.locks for part in known if part.locks)
    return Fix("\n".join(part.sql for part in known), "\n".join(undo) or None, " ".join(locks) or None)
