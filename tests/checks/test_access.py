"""What a role may do in the end, compared with what the server says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.access import app_roles, applies, grantees, grants_on, identities, passes_by, privileges
from dbops.checks.row_policies import policies_of
from dbops.checks.tenants import tenant_table, tenant_tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.checks.catalog import Catalog, Relation
    from dbops.checks.policy import Policy

ROLES = """
create role dbops_case_owner; create role "dbops case, ""x""=y"; create role dbops_case_read;
create role dbops_case_app; create role dbops_case_lazy noinherit; create role dbops_case_root superuser;
create role dbops_case_dump bypassrls;
grant "dbops case, ""x""=y" to dbops_case_app;
grant dbops_case_read to "dbops case, ""x""=y";
grant dbops_case_dump to dbops_case_lazy;
create table visit (id int, org_id int, note text);
alter table visit owner to dbops_case_owner;
alter table visit enable row level security;
grant select, insert on visit to "dbops case, ""x""=y";
grant update (note) on visit to dbops_case_read;
grant delete on visit to dbops_case_app with grant option;
grant truncate on visit to dbops_case_lazy;
create policy own on visit to dbops_case_read using (org_id = 1);
"""
TENANCY = '[tenancy]\napp_roles = ["dbops_case_app", "dbops_case_lazy", "dbops_case_nobody"]\n'


def visit(catalog: Catalog) -> Relation:
    found = catalog.relation_named("public", "visit")
    assert found is not None
    return found


def test_privileges_come_by_inheritance_by_ownership_and_from_public(
    snapshot_after: Callable[..., Catalog],
) -> None:
    catalog = snapshot_after(ROLES + "grant references on visit to public;")
    table = visit(catalog)
    got = {
        role: "".join(sorted(privileges(catalog, role, table)))
        for role in ("dbops_case_app", 'dbops case, "x"=y', "dbops_case_read", "dbops_case_lazy", "dbops_case_owner")
    }
    assert got == {
        "dbops_case_app": "adrwx",
        'dbops case, "x"=y': "arwx",
        "dbops_case_read": "wx",
        "dbops_case_lazy": "Dx",
        "dbops_case_owner": "Dadmrtwx",
    }
    assert privileges(catalog, "dbops_case_root", table) == privileges(catalog, "dbops_case_owner", table)


def test_a_table_without_grants_is_its_owners_alone(snapshot_after: Callable[..., Catalog]) -> None:
    catalog = snapshot_after("create role dbops_case_app; create table visit (id int);")
    assert privileges(catalog, "dbops_case_app", visit(catalog)) == frozenset()
    assert grants_on(catalog, visit(catalog)) == {}


def test_a_session_acts_as_the_roles_it_can_become_and_policies_go_by_inheritance(
    snapshot_after: Callable[..., Catalog], policy_of: Callable[..., Policy]
) -> None:
    catalog, policy = snapshot_after(ROLES), policy_of(TENANCY)
    assert [role.name for role in app_roles(catalog, policy)] == ["dbops_case_app", "dbops_case_lazy"]
    found = {one.role.name: one.app_role for one in identities(catalog, policy)}
    assert found == {
        "dbops_case_app": "dbops_case_app",
        "dbops_case_lazy": "dbops_case_lazy",
        'dbops case, "x"=y': "dbops_case_app",
        "dbops_case_read": "dbops_case_app",
        "dbops_case_dump": "dbops_case_lazy",
    }
    [own] = policies_of(catalog, visit(catalog).oid)
    assert [name for name in found if applies(catalog, own, name)] == [
        "dbops_case_app",
        'dbops case, "x"=y',
        "dbops_case_read",
    ]
    passing = [one.role.name for one in identities(catalog, policy) if passes_by(catalog, one.role, visit(catalog))]
    assert passing == ["dbops_case_dump"]
    assert [role.name for role in grantees(catalog, visit(catalog))] == [
        'dbops case, "x"=y',
        "dbops_case_app",
        "dbops_case_lazy",
        "dbops_case_read",
    ]


def test_a_partition_is_its_parents_tenant_table(
    snapshot_after: Callable[..., Catalog], policy_of: Callable[..., Policy]
) -> None:
    catalog = snapshot_after(
        "create table visit (org_id int, at date) partition by range (at);"
        "create table visit_old partition of visit for values from ('2020-01-01') to ('2021-01-01');"
        "create table room (id int); create table clinic (id int, org_id int);"
    )
    policy = policy_of('[tenancy]\ntables = ["room"]\nexempt = [{ table = "clinic", reason = "none" }]')
    assert [one.name for one in tenant_tables(catalog, policy)] == ["public.room", "public.visit"]
    old = catalog.relation_named("public", "visit_old")
    assert old is not None
    found = tenant_table(catalog, policy, old.oid)
    assert found is not None
    assert (found.name, found.column and found.column.name) == ("public.visit", "org_id")
    assert tenant_table(catalog, policy, 0) is None


def test_the_columns_and_functions_of_a_policy_are_the_servers_word(snapshot_after: Callable[..., Catalog]) -> None:
    catalog = snapshot_after(
        "create table room (id int); create table visit (id int, org_id int, room_id int);"
        "create function here() returns int stable language sql as 'select 1';"
        "create policy p on visit using (org_id = here() and exists (select from room where room.id = room_id));"
    )
    [row] = policies_of(catalog, visit(catalog).oid)
    room = catalog.relation_named("public", "room")
    assert room is not None
    assert (row.columns, len(row.functions), row.relations) == ((2, 3), 1, (room.oid,))
