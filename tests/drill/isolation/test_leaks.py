"""Each way in which policies let tenants through, planted and found; and healthy tables, in which nothing is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbops.drill.isolation.options import IsolationOptions
from dbops.drill.isolation.verdicts import Outcome

from .conftest import APP, DOCS, HEALTHY, OPTIONS, OWNER, RESTORER, TENANT

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.target import Target

    from .conftest import Probed

    Plant = Callable[..., Target]
    Probe = Callable[..., Probed]

READS = {"read foreign", "read, no tenant", "read, empty tenant", "read, unknown tenant", "kept plan, foreign"}
WRITES = {"insert foreign", "move out", "blind update", "steal", "blind delete"}


def policies(
    select: str = TENANT, insert: str = TENANT, update: str = TENANT, update_check: str = TENANT, delete: str = TENANT
) -> str:
    """Return one policy for each command; each argument is what org_id is compared with, or "true"."""

    def of(what: str) -> str:
        return "true" if what == "true" else f"org_id = {what}"

    return f"""
        create policy s on public.docs for select using ({of(select)});
        create policy i on public.docs for insert with check ({of(insert)});
        create policy u on public.docs for update using ({of(update)}) with check ({of(update_check)});
        create policy d on public.docs for delete using ({of(delete)});
    """


def test_a_healthy_table_passes_every_probe(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, HEALTHY))
    assert {"public.docs": Outcome.PASS} == found.outcomes()
    assert {Outcome.PASS} == {one.outcome for one in found.verdict().observations}


def test_healthy_policies_for_each_command_pass_too(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, policies()))
    assert {"public.docs": Outcome.PASS} == found.outcomes()


def test_no_row_level_security_leaks_everything(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, HEALTHY, "alter table public.docs disable row level security"))
    assert Outcome.LEAK is found.verdict().outcome
    assert found.leaks() >= {"row security active"} | READS | WRITES


def test_an_owner_whom_nobody_forces_leaks_everything(planted: Plant, probe: Probe) -> None:
    target = planted(DOCS, HEALTHY, "alter table public.docs no force row level security")
    assert Outcome.PASS is probe(target).verdict().outcome
    found = probe(target, role=OWNER)
    assert found.leaks() >= {"row security active"} | READS | WRITES


def test_a_role_that_bypasses_row_level_security_leaks(planted: Plant, probe: Probe) -> None:
    target = planted(
        DOCS,
        HEALTHY,
        "drop role if exists iso_bypass; create role iso_bypass nologin bypassrls in role iso_app",
        f"grant iso_bypass to {RESTORER}",
    )
    found = probe(target, role="iso_bypass")
    planted("drop role iso_bypass")
    assert found.leaks() >= {"row security active"} | READS


def test_with_check_true_lets_foreign_rows_in_and_own_rows_out(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, policies(insert="true", update_check="true")))
    whole = "insert foreign, whole row"
    assert {"insert foreign", whole, "insert, no tenant", "insert, empty tenant", "move out"} == found.leaks()


def test_a_check_that_another_column_opens_is_found_by_a_whole_row(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, policies(insert=f"{TENANT} or note like 'n%'")))
    assert {"insert foreign, whole row"} == found.leaks()


def test_delete_using_true_is_found_by_a_delete_without_where(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, policies(delete="true")))
    assert {"blind delete", "delete, no tenant", "delete, empty tenant"} == found.leaks()
    rows = {one.rows for one in found.verdict().observations if one.probe == "blind delete"}
    assert {20} == rows


def test_update_using_true_is_found_though_the_check_holds(planted: Plant, probe: Probe) -> None:
    """A foreign row cannot be changed and stay foreign; it can be made one's own."""
    found = probe(planted(DOCS, policies(update="true")))
    assert {"steal"} == found.leaks()


def test_update_using_and_check_true_changes_every_tenants_rows(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, policies(update="true", update_check="true")))
    assert {"blind update", "steal", "move out", "update, no tenant", "update, empty tenant"} == found.leaks()


def test_coalesce_is_found_by_a_session_without_tenant_alone(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, policies(*[f"coalesce({TENANT}, org_id)"] * 5)))
    assert {"no tenant", "empty tenant"} == {probe.partition(", ")[2] for probe in found.leaks()}
    assert {"read, no tenant", "insert, no tenant", "update, no tenant", "delete, no tenant"} < found.leaks()


def test_a_policy_that_reads_another_setting_is_broken_not_passed(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, HEALTHY.replace("app.org_id", "app.tenant_id")))
    assert {"public.docs": Outcome.BROKEN} == found.outcomes()


def test_a_table_that_shows_nobody_anything_is_broken_not_passed(planted: Plant, probe: Probe) -> None:
    restrictive = f"create policy floor on public.docs as restrictive using (org_id = {TENANT})"
    found = probe(planted(DOCS, restrictive))
    assert {"public.docs": Outcome.BROKEN} == found.outcomes()
    assert {"read own", "insert own", "kept plan, own"} == {one.probe for one in found.verdict().those(Outcome.BROKEN)}


def test_a_preset_tenant_is_found_by_a_session_that_names_none(planted: Plant, probe: Probe) -> None:
    target = planted(DOCS, HEALTHY)
    assert Outcome.PASS is probe(target, presets={"search_path": "public"}).verdict().outcome
    found = probe(target, presets={"app.org_id": "2"})
    assert {"read, no tenant", "insert, no tenant", "update, no tenant", "delete, no tenant"} >= found.leaks()
    assert "read, no tenant" in found.leaks()


HELPER = """
    create function public.tenant() returns bigint language sql immutable
    as $$ select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint $$;
"""


def test_an_immutable_helper_is_found_by_a_plan_that_is_kept(planted: Plant, probe: Probe) -> None:
    policy = "create policy own on public.docs using (org_id = public.tenant()) with check (org_id = public.tenant());"
    found = probe(planted(DOCS, HELPER, policy))
    assert {"kept plan, foreign"} == found.leaks()
    stable = probe(planted("alter function public.tenant() stable"))
    assert {"public.docs": Outcome.PASS} == stable.outcomes()


def test_truncate_is_a_leak_that_no_policy_stops(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, HEALTHY, f"grant truncate on public.docs to {APP}"))
    assert {"truncate"} == found.leaks()


def test_rows_of_no_tenant_that_everybody_sees_are_found_even_where_there_are_none_yet(
    planted: Plant, probe: Probe
) -> None:
    nullable = "alter table public.docs alter org_id drop not null;"
    shared = f"create policy own on public.docs using (org_id = {TENANT} or org_id is null)"
    target = planted(DOCS, nullable, shared)
    found = probe(target)
    assert {"read nobody's", "kept plan, nobody's", "read, no tenant nobody's"} <= found.leaks(
        "public.docs (rows of no tenant)"
    )
    assert {"blind update", "blind delete", "steal"} <= found.leaks()
    planted(
        "drop policy own on public.docs",
        policies(),
        "create policy more on public.docs for select using (org_id is null)",
    )
    shared_to_read = probe(target)
    assert {"public.docs": Outcome.PASS, "public.docs (rows of no tenant)": Outcome.LEAK} == shared_to_read.outcomes()
    planted("drop policy more on public.docs")
    assert {"public.docs": Outcome.PASS} == probe(target).outcomes()


def test_a_key_that_tenants_share_tells_that_a_row_exists(planted: Plant, probe: Probe) -> None:
    found = probe(planted(DOCS, HEALTHY, "alter table public.docs add constraint docs_only_note unique (note)"))
    assert {"public.docs": Outcome.PASS, "public.docs_only_note": Outcome.LEAK} == found.outcomes()
    assert {True} == {one.doubtful for one in found.verdict("public.docs_only_note").observations}


@pytest.mark.parametrize("columns", ["*", "note"])
def test_a_view_that_looks_with_its_owners_eyes_is_found(planted: Plant, probe: Probe, columns: str) -> None:
    unforced = "alter table public.docs no force row level security;"
    view = f"set role {OWNER}; create view public.every_doc as select {columns} from public.docs; reset role;"
    grant = f"grant select on public.every_doc to {APP}"
    found = probe(planted(DOCS, HEALTHY, unforced, view, grant))
    assert {"public.docs": Outcome.PASS, "public.every_doc": Outcome.LEAK} == found.outcomes()
    invoker = probe(planted("alter view public.every_doc set (security_invoker = true)"))
    assert {"public.docs": Outcome.PASS, "public.every_doc": Outcome.PASS} == invoker.outcomes()


def test_a_view_that_makes_up_whose_its_rows_are_is_found(planted: Plant, probe: Probe) -> None:
    """Counted by the column, each row is one's own; and a session without tenant sees none."""
    found = probe(
        planted(
            DOCS,
            HEALTHY,
            f"create view public.shown as select {TENANT} as org_id, note from public.docs where {TENANT} is not null",
            "grant select on public.shown to iso_app",
        )
    )
    assert {"public.docs": Outcome.PASS, "public.shown": Outcome.LEAK} == found.outcomes()
    assert {"without the other's rows"} == found.leaks("public.shown")


def test_a_view_that_reads_for_one_tenant_and_writes_for_all_is_found(planted: Plant, probe: Probe) -> None:
    view = f"""
        alter table public.docs no force row level security;
        set role {OWNER};
        create view public.my_docs as select * from public.docs where org_id = {TENANT};
        reset role;
        grant select, insert, update, delete on public.my_docs to {APP};
    """
    found = probe(planted(DOCS, HEALTHY, view))
    assert {"insert foreign", "move out"} == found.leaks("public.my_docs")
    planted("alter view public.my_docs set (check_option = local)")
    checked = probe(planted()).verdict("public.my_docs")
    assert Outcome.INCONCLUSIVE is checked.outcome
    states = {one.probe: one.sqlstate for one in checked.observations if one.sqlstate}
    assert ("23502", "44000") == (states["insert foreign"], states["move out"])
    planted("alter view public.my_docs set (security_invoker = true)", "alter view public.my_docs reset (check_option)")
    assert {"public.docs": Outcome.PASS, "public.my_docs": Outcome.PASS} == probe(planted()).outcomes()


def test_a_view_for_which_a_trigger_writes_is_inconclusive_since_triggers_are_off(planted: Plant, probe: Probe) -> None:
    """The server takes a view's trigger that does not fire for a row that was written."""
    found = probe(
        planted(
            DOCS,
            HEALTHY,
            "create view public.shown with (security_invoker) as select * from public.docs",
            "create view public.above with (security_invoker) as select * from public.shown",
            "grant select, insert on public.shown, public.above to iso_app",
            "create function public.put() returns trigger language plpgsql as $$ begin"
            " insert into public.docs (org_id, note) values (new.org_id, new.note); return new; end $$",
            "create trigger put instead of insert on public.shown for each row execute function public.put()",
        )
    )
    views = {f"public.{name}": Outcome.INCONCLUSIVE for name in ("above", "shown")}
    assert {"public.docs": Outcome.PASS, **views} == found.outcomes()
    assert {"write"} == {one.probe for one in found.verdict("public.shown").those(Outcome.INCONCLUSIVE)}


def test_a_view_that_cannot_be_written_to_is_judged_by_what_it_shows(planted: Plant, probe: Probe) -> None:
    view = f"""
        create view public.sums with (security_invoker = true)
        as select org_id, pg_catalog.count(*) as docs from public.docs group by org_id;
        grant select, insert, update, delete on public.sums to {APP};
    """
    assert Outcome.PASS is probe(planted(DOCS, HEALTHY, view)).outcomes()["public.sums"]


def test_a_view_over_a_view_that_adds_everybody_up_is_found(planted: Plant, probe: Probe) -> None:
    views = f"""
        alter table public.docs no force row level security;
        set role {OWNER};
        create view public.inner_docs as select * from public.docs;
        create view public.totals as select pg_catalog.count(*) as docs from public.inner_docs;
        reset role;
        grant select on public.totals to {APP};
    """
    found = probe(planted(DOCS, HEALTHY, views))
    assert {"public.docs": Outcome.PASS, "public.totals": Outcome.LEAK} == found.outcomes()


def test_a_materialized_view_is_found(planted: Plant, probe: Probe) -> None:
    view = (
        f"create materialized view public.frozen as select * from public.docs; grant select on public.frozen to {APP}"
    )
    found = probe(planted(DOCS, HEALTHY, view))
    assert {"public.docs": Outcome.PASS, "public.frozen": Outcome.LEAK} == found.outcomes()


def test_a_materialized_view_that_cannot_be_told_apart_or_is_empty_is_inconclusive(
    planted: Plant, probe: Probe
) -> None:
    views = f"""
        create materialized view public.totals as select pg_catalog.count(*) as docs from public.docs;
        create materialized view public.later as select * from public.docs with no data;
        grant select on public.totals, public.later to {APP};
    """
    found = probe(planted(DOCS, HEALTHY, views))
    assert [Outcome.INCONCLUSIVE] * 2 == [found.outcomes()[f"public.{name}"] for name in ("totals", "later")]


@pytest.mark.parametrize("volatility", ["stable", "volatile"])
@pytest.mark.parametrize("argument", ["", "p_org_id bigint"])
def test_a_function_that_looks_with_its_owners_eyes_is_found(
    planted: Plant, probe: Probe, volatility: str, argument: str
) -> None:
    condition = "where org_id = p_org_id" if argument else ""
    function = f"""
        alter table public.docs no force row level security;
        set role {OWNER};
        create function public.all_docs({argument}) returns setof public.docs language sql {volatility} security definer
        as $$ select * from public.docs {condition} $$;
        reset role;
    """
    found = probe(planted(DOCS, HEALTHY, function))
    assert {"public.docs": Outcome.PASS, f"public.all_docs({argument})": Outcome.LEAK} == found.outcomes()


def test_a_definer_function_that_keeps_to_the_tenant_passes_and_others_are_named(planted: Plant, probe: Probe) -> None:
    functions = f"""
        alter table public.docs no force row level security;
        set role {OWNER};
        create function public.my_docs() returns setof public.docs language sql stable security definer
        as $$ select * from public.docs where org_id = {TENANT} $$;
        create function public.doc(wanted bigint) returns setof public.docs language sql stable security definer
        as $$ select * from public.docs where id = wanted $$;
        create sequence public.calls;
        create function public.counts() returns bigint language sql security definer
        as $$ select pg_catalog.nextval('public.calls') $$;
        reset role;
    """
    target = planted(DOCS, HEALTHY, functions)
    found = probe(target)
    assert Outcome.PASS is found.outcomes()["public.my_docs()"]
    assert Outcome.INCONCLUSIVE is found.outcomes()["public.counts()"]
    assert ["public.doc(wanted bigint)"] == found.proof.not_called


PARTITIONED = f"""
    set role {OWNER};
    create table public.log (org_id bigint not null, at date not null, note text, constraint log_pkey
        primary key (org_id, at)) partition by range (at);
    create table public.log_1 partition of public.log for values from ('2026-01-01') to ('2026-02-01');
    create table public.log_2 partition of public.log for values from ('2026-02-01') to ('2026-03-01');
    insert into public.log select i % 3 + 1, date '2026-01-01' + i, 'n' from generate_series(1, 50) as i;
    alter table public.log enable row level security, force row level security;
    create policy own on public.log using (org_id = {TENANT}) with check (org_id = {TENANT});
    grant select, insert, update, delete on public.log to {APP};
    reset role;
"""


def test_a_partition_reached_by_its_own_name_is_found(planted: Plant, probe: Probe) -> None:
    target = planted(PARTITIONED)
    not_granted = {"public.log_1": Outcome.NOT_GRANTED, "public.log_2": Outcome.NOT_GRANTED}
    assert {"public.log": Outcome.PASS, **not_granted} == probe(target).outcomes()
    planted(f"grant select on public.log_1 to {APP}")
    assert {"public.log": Outcome.PASS, **not_granted, "public.log_1": Outcome.LEAK} == probe(target).outcomes()


def test_rows_that_are_made_up_in_a_partition_or_a_child_raise_no_false_alarm_in_its_parent(
    planted: Plant, probe: Probe
) -> None:
    """An empty DEFAULT partition takes the plainest row, and so does a child by inheritance."""
    both = f"using (org_id = {TENANT}) with check (org_id = {TENANT})"
    found = probe(
        planted(
            DOCS,
            HEALTHY,
            f"set role {OWNER}; create table public.docs_child () inherits (public.docs)",
            "create table public.log (org_id bigint not null, at date not null) partition by range (at)",
            "create table public.log_2026 partition of public.log for values from ('2026-01-01') to ('2027-01-01')",
            "create table public.log_rest partition of public.log default",
            "insert into public.log select i % 2 + 1, date '2026-01-01' + i from generate_series(1, 9) as i",
            *(
                f"alter table public.{name} enable row level security, force row level security;"
                f" create policy own on public.{name} {both}; grant select, insert on public.{name} to iso_app"
                for name in ("docs_child", "log", "log_2026", "log_rest")
            ),
        )
    )
    assert {"docs", "docs_child", "log", "log_2026", "log_rest"} == {one.split(".")[1] for one in found.outcomes()}
    assert {Outcome.PASS} == set(found.outcomes().values())


def test_partitions_by_tenant_are_proven_through_their_root(planted: Plant, probe: Probe) -> None:
    target = planted(
        PARTITIONED.replace("partition by range (at)", "partition by list (org_id)")
        .replace("for values from ('2026-01-01') to ('2026-02-01')", "for values in (1)")
        .replace("for values from ('2026-02-01') to ('2026-03-01')", "for values in (2, 3)")
    )
    assert Outcome.PASS is probe(target).outcomes()["public.log"]


def test_a_role_without_privileges_is_not_granted_and_one_without_schema_neither(planted: Plant, probe: Probe) -> None:
    target = planted(DOCS, HEALTHY, f"revoke all on public.docs from {APP}")
    assert {"public.docs": Outcome.NOT_GRANTED} == probe(target).outcomes()
    planted(f"grant select on public.docs to {APP}; revoke usage on schema public from {APP}, public")
    assert {"public.docs": Outcome.NOT_GRANTED} == probe(target).outcomes()


def test_an_exempt_table_is_waived_with_its_reason(planted: Plant, probe: Probe) -> None:
    options = IsolationOptions(app_roles=(APP,), exempt={("public", "docs"): "the same for all"})
    verdict = probe(planted(DOCS), options).verdict()
    assert (Outcome.WAIVED, "the same for all") == (verdict.outcome, verdict.reason)
    assert OPTIONS.exempt == {}
