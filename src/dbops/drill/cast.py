"""The roles of the source, recreated on the copy without their powers.

Every statement is composed here from recorded names, and none is text of the archive: they run as superuser. Rules, in
order:

1. No role can log in, create roles or databases, or replicate; none is a superuser. Passwords are not known anyway.
2. Who was a superuser gets BYPASSRLS, so that row-level security gives the same answers, and may read all data, so that
   his materialized views can be computed.
3. Of the predefined roles, only those are granted that cannot reach the operating system.
4. The restorer is a member of every role; the reader reads everything. Both have random names and passwords.

What this does not do: bring back settings of roles.
"""

from __future__ import annotations

import secrets as random_tokens
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbops.backup.roles import Membership, Role, Roles

_HARMLESS = frozenset(
    {
        "pg_read_all_data",
        "pg_write_all_data",
        "pg_monitor",
        "pg_read_all_settings",
        "pg_read_all_stats",
        "pg_stat_scan_tables",
        "pg_maintain",
    }
)
# Functions may carry these in their definition. Not log_min_messages and its kin: with them, the archive could hide its
# own errors from the log that the verdict is read from.
_PARAMETERS = (
    "session_replication_role",
    "deadlock_timeout",
    "log_min_duration_statement",
    "log_statement",
    "temp_file_limit",
    "track_functions",
)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who there is on the copy: the roles of the source, the restorer and the reader."""

    roles: Roles
    restorer: str = field(default_factory=lambda: f"dbops_restorer_{random_tokens.token_hex(4)}")
    reader: str = field(default_factory=lambda: f"dbops_reader_{random_tokens.token_hex(4)}")
    restorer_password: str = field(default_factory=lambda: random_tokens.token_urlsafe(24), repr=False)
    reader_password: str = field(default_factory=lambda: random_tokens.token_urlsafe(24), repr=False)

    @property
    def names(self) -> list[str]:
        """The recreated roles."""
        return [role.name for role in self.roles.roles]

    def left_out(self) -> list[str]:
        """Return the memberships that are not recreated, in words."""
        # Memberships among the predefined roles are part of every server.
        lost = (one for one in self.roles.memberships if not self._kept(one) and not one.member.startswith("pg_"))
        return sorted({f"{one.member} in {one.role}" for one in lost})

    def statements(self, major: int) -> Iterator[sql.Composable]:
        """Yield what makes the roles on a server of that major version."""
        yield from (_create(role) for role in self.roles.roles)
        yield from self._own_roles()
        yield from self._memberships(major)
        yield from self._restorers_memberships(major)
        if major >= 15:
            parameters = sql.SQL(", ").join(map(sql.Identifier, _PARAMETERS))
            yield sql.SQL("grant set on parameter {} to {}").format(parameters, sql.Identifier(self.restorer))

    def _own_roles(self) -> Iterator[sql.Composable]:
        for name, password in ((self.restorer, self.restorer_password), (self.reader, self.reader_password)):
            yield sql.SQL("create role {} login bypassrls password {}").format(
                sql.Identifier(name), sql.Literal(password)
            )
        superusers = (role.name for role in self.roles.roles if role.superuser)
        yield sql.SQL("grant pg_read_all_data to {}").format(identifiers([self.reader, *superusers]))

    def _memberships(self, major: int) -> Iterator[sql.Composable]:
        inherits = {role.name: role.inherit for role in self.roles.roles}
        for one in _merged(one for one in self.roles.memberships if self._kept(one)):
            pair = {"role": sql.Identifier(one.role), "member": sql.Identifier(one.member)}
            if major >= 16:
                # Before 16 it was the member who inherited, or did not; and everybody could SET ROLE.
                inherit = inherits[one.member] if one.inherit is None else one.inherit
                yield sql.SQL("grant {role} to {member} with admin {admin}, inherit {inherit}, set {set}").format(
                    **pair, admin=_truth(one.admin), inherit=_truth(inherit), set=_truth(one.set is not False)
                )
            else:
                option = sql.SQL(" with admin option" if one.admin else "")
                yield sql.SQL("grant {role} to {member}").format(**pair) + option

    def _kept(self, one: Membership) -> bool:
        known = set(self.names)
        return one.member in known and (one.role in known or one.role in _HARMLESS)

    def _restorers_memberships(self, major: int) -> Iterator[sql.Composable]:
        if self.names:
            options = sql.SQL(" with inherit true, set true" if major >= 16 else "")
            everybody = identifiers(self.names)
            yield sql.SQL("grant {} to {}").format(everybody, sql.Identifier(self.restorer)) + options


def identifiers(names: Iterable[str]) -> sql.Composed:
    """Return names as a quoted list."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _create(role: Role) -> sql.Composable:
    inherit = sql.SQL("inherit" if role.inherit else "noinherit")
    bypass = sql.SQL("bypassrls" if role.bypass_rls or role.superuser else "nobypassrls")
    return sql.SQL("create role {} nologin nosuperuser nocreatedb nocreaterole noreplication {} {}").format(
        sql.Identifier(role.name), inherit, bypass
    )


def _merged(memberships: Iterable[Membership]) -> list[Membership]:
    """Return one membership for each pair: since 16 several grantors may have granted the same one."""
    found: dict[tuple[str, str], Membership] = {}
    for one in memberships:
        known = found.get((one.role, one.member))
        found[one.role, one.member] = one if known is None else _either(known, one)
    return list(found.values())


def _either(first: Membership, second: Membership) -> Membership:
    return first.model_copy(
        update={
            "admin": first.admin or second.admin,
            "inherit": None if first.inherit is None else first.inherit or bool(second.inherit),
            "set": None if first.set is None else first.set or bool(second.set),
        }
    )


def _truth(value: bool) -> sql.SQL:  # noqa: FBT001  (the very thing it is about)
    return sql.SQL("true" if value else "false")
