"""Roles, and who is a member of which."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("roles")
class Role(NamedTuple):
    """A role of the cluster, with the powers that no membership hands on."""

    name: str
    superuser: bool
    bypass_rls: bool


@read("memberships")
class Membership(NamedTuple):
    """That `member` was granted `role`; each grantor's grant is a row of its own.

    `inherits`: the member has the role's rights without doing anything; `can_set`: it may SET ROLE to it. Before 16
    `inherits` is the member's own attribute, every member may SET ROLE, and there is no `grantor` to name. The owner of
    the database is a member of pg_database_owner by nobody's grant.
    """

    role: str
    member: str
    inherits: bool
    can_set: bool
    admin: bool
    grantor: str | None
