"""What is said of policies is what the server does by them: for policies as chance makes them, and for texts."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.fix_script import fix_script
from dbops.checks.holds import Hold, hold_in, lets_past, token
from dbops.checks.row_policies import Side, judged_tables, openings
from dbops.checks.rule import rules
from dbops.checks.runner import run_rules
from dbops.checks.setting_reads import made_safe, per_row, reduced, setting_reads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target

APP = "dbops_policies_app"
READ = "nullif(current_setting('app.org_id', true), '')::bigint"
TRUE, IGNORES, OPEN, BINDS = (
    "true",
    "n >= 0",
    f"org_id = coalesce((select {READ}), org_id)",
    f"org_id = (select {READ})",
)
# What OR joins is of one kind, or as firm: a condition beside the tenant's is taken for somebody's way in on purpose.
TEXTS = (
    TRUE,
    "1 = 1",
    IGNORES,
    OPEN,
    BINDS,
    f"{IGNORES} and {BINDS}",
    f"{OPEN} and {BINDS}",
    f"{OPEN} and {IGNORES}",
    f"{OPEN} or {BINDS}",
    f"{BINDS} or ({IGNORES} and {BINDS})",
    f"{BINDS} or {TRUE}",
    f"(select current_setting('app.org_id', true)) = '' or (select {READ}) is null or {BINDS}",
)
TABLES = 60


@pytest.fixture
def app_role(database: Target, run_sql: Callable[..., Any]) -> Iterator[str]:
    run_sql(database, f"create role {APP}; create role {APP}_not")
    yield APP
    run_sql(database, f"drop owned by {APP}, {APP}_not; drop role {APP}; drop role {APP}_not")


def any_policies(chance: random.Random, table: str) -> Iterator[str]:
    for number in range(chance.choice([1, 2, 2, 3, 4])):
        command = chance.choice(["all", "all", "select", "insert", "update", "delete"])
        kind = chance.choice(["permissive", "permissive", "restrictive"])
        role = chance.choice(["public", APP, APP, f"{APP}_not"])
        using = "" if command == "insert" else f" using ({chance.choice(TEXTS)})"
        check = f" with check ({chance.choice(TEXTS)})"
        if command in {"select", "delete"} or (command != "insert" and chance.random() < 0.5):
            check = ""
        yield f"create policy p{number} on {table} as {kind} for {command} to {role}{using}{check};"


def any_table(chance: random.Random, number: int) -> str:
    """Return a table of which the application may do everything, under any policies."""
    table = f"visit_{number:02}"
    return (
        f"create table {table} (org_id bigint, n int); insert into {table} values (1, 1), (2, 1), (2, 1);"
        f"alter table {table} enable row level security, force row level security;"
        f"grant select, insert, update, delete on {table} to {APP};" + "".join(any_policies(chance, table))
    )


def neglected(chance: random.Random, number: int) -> str:
    """Return what may have become of a table: not forced, switched off, the application's own, with fewer rights."""
    alter = f"alter table visit_{number:02}"
    may = chance.sample(["select", "insert", "update", "delete"], chance.choice([1, 4]))
    done = (
        f"{alter} no force row level security;",
        f"{alter} disable row level security, no force row level security;",
        f"{alter} owner to {APP};",
        f"revoke {', '.join(may)} on visit_{number:02} from {APP};",
    )
    return "".join(one for one in done if chance.random() < 0.25)


def reached(connection: psycopg.Connection[Any], org: str | None, sql: str) -> int:
    """Return how many rows a statement of the application saw or wrote, -1 where a policy refused a row."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"set local role {APP}")
        connection.execute("select set_config('app.org_id', %s, true)", [org or ""])
        try:
            with connection.transaction():
                return connection.execute(sql.encode()).rowcount
        except psycopg.errors.InsufficientPrivilege:
            return -1


def leaks(connection: psycopg.Connection[Any], table: str, org: str | None) -> set[Side]:
    """Return the sides on which rows of tenant 2 are in reach of a session of tenant 1, or of none."""
    own = 1 if org else 0
    found = set()
    if reached(connection, org, f"select from {table}") > own:
        found.add(Side.READ)
    [may] = connection.execute("select has_table_privilege(%s, %s, 'update')", [APP, table]).fetchone() or (None,)
    # A row that was reached, and whose new form is refused, was reached all the same.
    if may and not 0 <= reached(connection, org, f"update {table} set n = 0") <= own:
        found.add(Side.CHANGE)
    if reached(connection, org, f"delete from {table}") > own:
        found.add(Side.REMOVE)
    if reached(connection, org, f"insert into {table} values (2, 0)") == 1:
        found.add(Side.ADD)
    if org and reached(connection, org, f"update {table} set org_id = 2") > 0:
        found.add(Side.REWRITE)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_what_policies_leave_open_is_what_the_server_lets_through(
    seed: int,
    database: Target,
    app_role: str,
    run_sql: Callable[..., Any],
    snapshot: Callable[[Target], Catalog],
    policy_of: Callable[..., Policy],
) -> None:
    chance = random.Random(seed)  # noqa: S311  (nothing secret)
    run_sql(database, "".join(any_table(chance, number) for number in range(TABLES)))
    catalog, policy = snapshot(database), policy_of(f'[tenancy]\napp_roles = ["{app_role}"]')
    judged = {one.table.name: openings(catalog, policy, one) for one in judged_tables(catalog, policy)}
    assert TABLES == len(judged)
    said = {tuple(sorted({one.hold for one in found})) for found in judged.values()}
    assert {(), (Hold.FAILS_OPEN,), (Hold.ALWAYS_TRUE,), (Hold.IGNORES,)} <= said
    with psycopg.connect(database.conninfo(), password=database.password, autocommit=True) as connection:
        for table, found in judged.items():
            policies = run_sql(
                database,
                "select polname, polcmd, polpermissive, pg_get_expr(polqual, polrelid),"
                f" pg_get_expr(polwithcheck, polrelid) from pg_policy where polrelid = '{table}'::regclass",
            )
            wide = {one.side for one in found if one.is_wide}
            assert wide == leaks(connection, table, "1"), policies
            # Without a tenant no row is reached whose new form could be looked at, unless the old one was.
            assert {one.side for one in found} - {Side.REWRITE} == leaks(connection, table, None), policies


@pytest.mark.parametrize("seed", range(2))
def test_what_is_left_open_is_closed_by_the_script_and_nothing_else_is_said_after_it(
    seed: int,
    database: Target,
    app_role: str,
    run_sql: Callable[..., Any],
    snapshot: Callable[[Target], Catalog],
    policy_of: Callable[..., Policy],
) -> None:
    chance = random.Random(seed)  # noqa: S311  (nothing secret)
    run_sql(database, "".join(any_table(chance, n) + neglected(chance, n) for n in range(TABLES // 2)))
    tenancy = [slug for slug, rule in rules().items() if rule.family == "tenancy"]
    policy = policy_of(f"audit = {{select = {tenancy}}}\ntenancy = {{app_roles = ['{app_role}']}}")
    catalog = snapshot(database)
    checks = run_rules(catalog, policy)
    found = {check.check for check in checks if check.findings}
    assert {"policy-always-true", "blind-write-gap", "write-check-missing", "policy-fails-open"} <= found
    assert {"policy-without-rls", "rls-not-forced", "app-role-bypasses-rls", "policy-missing-for-command"} <= found
    with psycopg.connect(database.conninfo(), password=database.password, autocommit=True) as connection:
        for statement in fix_script(catalog, policy, checks).statements:
            connection.execute(statement.encode())
        after = run_rules(snapshot(database), policy)
        assert [] == [f"{one.rule} {one.object}: {one.detail}" for check in after for one in check.findings]
        tables = [f"visit_{number:02}" for number in range(TABLES // 2)]
        assert {} == {
            table: open_ for table in tables for org in ("1", None) if (open_ := leaks(connection, table, org))
        }


@pytest.mark.parametrize(
    ("text", "hold"),
    [
        ("true", Hold.ALWAYS_TRUE),
        ("(1 = 1)", Hold.ALWAYS_TRUE),
        ("(org_id = org_id)", Hold.ALWAYS_TRUE),
        ("(org_id IS NOT NULL)", Hold.ALWAYS_TRUE),
        ('("Org" = "Org")', Hold.ALWAYS_TRUE),
        ("((org_id = 1) OR ((id > 0) OR true))", Hold.ALWAYS_TRUE),
        ("((org_id = 1) AND true)", Hold.BINDS),
        ("(note = ' OR true OR '::text)", Hold.IGNORES),
        ("(old_org_id = 1)", Hold.IGNORES),
        ('("org_id 2" = 1)', Hold.IGNORES),
        ("((id = 1) OR (org_id = 1))", Hold.BINDS),
        ("(org_id = COALESCE(current_setting('a.b'::text, true), 'x'::text))", Hold.FAILS_OPEN),
        ("(org_id = COALESCE(current_setting('a.b'::text, true), ''::text))", Hold.BINDS),
        (
            "(org_id = COALESCE((NULLIF(current_setting('a.b'::text, true), ''::text))::integer, '-1'::integer))",
            Hold.BINDS,
        ),
        ("((current_setting('a.b'::text, true) IS NULL) OR (org_id = 1))", Hold.FAILS_OPEN),
        ("((current_setting('a.b'::text, true) IS NOT NULL) AND (org_id = 1))", Hold.BINDS),
        ("CASE WHEN (current_setting('a.b'::text, true) IS NULL) THEN true ELSE (org_id = 1) END", Hold.FAILS_OPEN),
        ("CASE WHEN (current_setting('a.b'::text, true) IS NULL) THEN false ELSE (org_id = 1) END", Hold.BINDS),
    ],
)
def test_how_firmly_a_text_holds(text: str, hold: Hold) -> None:
    assert hold == hold_in(reduced(text), token("org_id"))


@pytest.mark.parametrize(
    ("text", "past"),
    [
        ("((org_id = 1) OR (id = 1))", True),
        ("((org_id = 1) OR ((org_id = 2) AND (id = 1)))", False),
        ("((org_id = 1) OR ((org_id = 2) OR (id = 1)))", True),
        ("(((org_id = 1) OR (id = 1)) AND (org_id = 2))", False),
        ("(((org_id = 1) OR (id = 1)) AND (id = 2))", True),
        ("((org_id = 1) AND (note = ' OR '::text))", False),
    ],
)
def test_what_or_puts_in_the_place_of_the_tenant_lets_past(text: str, past: bool) -> None:
    assert past == lets_past(reduced(text), token("org_id"))


@pytest.mark.parametrize(
    "text",
    [
        "(org_id = (current_setting('app.org_id'::text))::bigint)",
        "(org_id = (NULLIF(current_setting('app.org_id'::text, true), ''::text))::bigint)",
        "(org_id = ( SELECT (current_setting('app.org_id'::text, true))::bigint AS current_setting))",
        "(org_id = (NULLIF(current_setting('app.org_id'::text), ''::text))::bigint)",
        "((org_id = public.tenant()) AND (note <> 'current_setting('::text))",
    ],
)
def test_a_text_made_safe_reads_safely_and_once_and_stays_as_it_is_then(text: str) -> None:
    safe = made_safe(text, "app.org_id", calls=["public.tenant()"])
    assert all(read.is_safe for read in setting_reads(safe))
    assert () == per_row(safe, ["public.tenant()"])
    assert safe == made_safe(safe, "app.org_id", calls=["public.tenant()"])
