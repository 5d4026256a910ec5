"""The statements that `dbops tenant policy` prints run as they are, and leave nothing for the audit to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.policy_ddl import ddl_from_names, ddl_of
from dbops.checks.rule import rules
from dbops.checks.runner import run_rules
from dbops.errors import UsageError
from dbops.settings import TenancyTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target

    Snapshot = Callable[[Target], Catalog]
    PolicyOf = Callable[..., Policy]
    RunSql = Callable[..., Any]

APP = "dbops_ddl_app"
TENANCY = f'[tenancy]\napp_roles = ["{APP}"]\n'
VISITS = """
create table clinic (org_id bigint, id bigint, primary key (org_id, id), unique (id));
create table visit (id bigint primary key, org_id bigint, clinic_id bigint references clinic (id), note text);
insert into clinic values (1, 1), (2, 2); insert into visit values (10, 1, 1), (20, 2, 2), (30, 2, 2);
"""


@pytest.fixture
def app_role(database: Target, run_sql: RunSql) -> Iterator[str]:
    run_sql(database, f"create role {APP} login")
    yield APP
    run_sql(database, f"drop owned by {APP}; drop role {APP}")


def run(target: Target, lines: tuple[str, ...]) -> None:
    """Run printed statements as psql would: each by itself, comments left out."""
    with psycopg.connect(target.conninfo(), password=target.password, autocommit=True) as connection:
        for line in lines:
            if line and not line.startswith("--"):
                connection.execute(line.encode())


def rows_seen(target: Target, role: str, org: str | None, sql: str) -> Any:
    with psycopg.connect(target.conninfo(), password=target.password) as connection:
        connection.execute(f"set local role {role}".encode())
        if org is not None:
            connection.execute("select set_config('app.org_id', %s, true)", [org])
        return connection.execute(sql.encode()).fetchall()


def tenancy_findings(catalog: Catalog, policy: Policy, table: str) -> list[str]:
    checks = [check for check in run_rules(catalog, policy) if rules()[check.check].family == "tenancy"]
    return [f"{one.rule}: {one.detail}" for check in checks for one in check.findings if one.object == table]


def test_what_is_printed_from_names_alone_keeps_tenants_apart(database: Target, run_sql: RunSql, app_role: str) -> None:
    run_sql(database, VISITS + f"grant select, insert, update, delete on visit to {app_role}")
    run(database, ddl_from_names("visit", TenancyTable(app_roles=(app_role,))))
    count = "select count(*) from visit"
    assert [rows_seen(database, app_role, org, count) for org in ("1", "2", "3", "", None)] == [
        [(1,)],
        [(2,)],
        [(0,)],
        [(0,)],
        [(0,)],
    ]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows_seen(database, app_role, "1", "insert into visit values (40, 2) returning id")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows_seen(database, app_role, "1", "update visit set org_id = 2 returning id")
    assert [(10,)] == rows_seen(database, app_role, "1", "delete from visit returning id")


def test_what_is_printed_of_a_database_leaves_nothing_to_say_and_nothing_to_print(
    database: Target, run_sql: RunSql, snapshot: Snapshot, policy_of: PolicyOf, app_role: str
) -> None:
    policy = policy_of(TENANCY)
    run_sql(database, VISITS + f"grant select, insert on visit to {app_role}; grant select on clinic to {app_role}")
    for table in ("clinic", "visit"):
        run(database, ddl_of(snapshot(database), policy, table))
    catalog = snapshot(database)
    # The key that does not carry the tenant stays for a person to drop; the new one stands beside it.
    assert [] == tenancy_findings(catalog, policy, "public.visit")
    assert ("-- public.visit: nothing is missing; dbops audit judges the policies that are there.",) == ddl_of(
        catalog, policy, "visit"
    )
    commands = run_sql(database, "select polcmd from pg_policy where polrelid = 'visit'::regclass order by polname")
    assert [("*",), ("a",), ("r",)] == commands
    assert [(1,)] == rows_seen(database, app_role, "1", "select count(*) from visit")


def test_only_what_is_missing_is_printed(
    database: Target, run_sql: RunSql, snapshot: Snapshot, policy_of: PolicyOf, app_role: str
) -> None:
    same = "org_id = (select nullif(current_setting('app.org_id', true), '')::bigint)"
    run_sql(
        database,
        "create table visit (org_id bigint not null, id bigint, primary key (org_id, id));"
        f"create policy tenant_floor on visit for select using ({same});"
        f"create policy seeing on visit for select to {app_role} using ({same});"
        "alter table visit enable row level security;"
        f"grant select, delete on visit to {app_role}",
    )
    printed = [
        line for line in ddl_of(snapshot(database), policy_of(TENANCY), "visit") if not line.startswith("--") and line
    ]
    floor, delete = [line.split()[2] for line in printed if line.startswith("create policy")]
    assert floor.startswith("tenant_floor_")  # the name is taken, by a policy that is no floor
    assert "tenant_delete" == delete
    assert printed[3:] == [
        "alter table public.visit enable row level security, force row level security;",
        "commit;",
    ]


def test_names_and_types_are_the_databases(
    database: Target, run_sql: RunSql, snapshot: Snapshot, policy_of: PolicyOf
) -> None:
    run_sql(
        database,
        'create schema "Sales"; create table "Sales"."Order" ("Org Id" uuid, at date) partition by range (at);'
        """create table "Sales".old partition of "Sales"."Order" for values from ('2024-01-01') to ('2030-01-01')""",
    )
    policy = policy_of('[tenancy]\ncolumns = ["Org Id"]\nsetting = "my.org"')
    lines = ddl_of(snapshot(database), policy, '"Sales"."Order"')
    assert any("""("Org Id" = (select nullif(current_setting('my.org', true), '')::uuid))""" in line for line in lines)
    assert 'alter table "Sales".old enable row level security, force row level security;' in lines
    run(database, lines)
    assert ('-- "Sales"."Order": nothing is missing; dbops audit judges the policies that are there.',) == ddl_of(
        snapshot(database), policy, '"Sales"."Order"'
    )


def test_a_line_break_in_a_name_ends_no_comment() -> None:
    lines = ddl_from_names('"a\n; drop table b"', TenancyTable())
    comments = [line for line in lines if line.startswith("--")]
    assert [line for line in comments if "\n" in line] == []


@pytest.mark.parametrize(
    ("table", "config", "message", "hint"),
    [
        ("visits", "", "the table public.visits does not exist", "did you mean public.visit?"),
        ("seen", "", "public.seen is no table of this server", "security_invoker"),
        ("event_1", "", "public.event_1 is a partition", "dbops tenant policy public.event"),
        ("currency", "", "public.currency has no tenant column (org_id)", "[tenancy] columns"),
        ("visit", 'exempt = [{ table = "visit", reason = "r" }]', "is declared to have no tenants", "exempt"),
        ("visit", 'app_roles = ["dbops_ddl_nobody"]', "there is no role dbops_ddl_nobody", "app_roles"),
        ("a.b.c", "", "'a.b.c' is no name of a table", ""),
    ],
)
def test_what_can_have_no_policies_is_refused_with_what_to_do(
    table: str,
    config: str,
    message: str,
    hint: str,
    snapshot_after: Callable[..., Catalog],
    policy_of: PolicyOf,
) -> None:
    catalog = snapshot_after(
        "create table visit (org_id bigint primary key); create view seen as select org_id from visit;"
        "create table currency (code text primary key);"
        "create table event (org_id bigint, at date) partition by range (at);"
        "create table event_1 partition of event for values from ('2024-01-01') to ('2030-01-01')"
    )
    with pytest.raises(UsageError) as caught:
        ddl_of(catalog, policy_of(f"[tenancy]\n{config}"), table)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
