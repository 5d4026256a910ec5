"""Tables that are awkward to probe: a false alarm or a false pass would be easy, and neither happens."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.connection.process import _INHERITED
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.drill.isolation.options import IsolationOptions
from dbops.drill.isolation.verdicts import Outcome

from .conftest import APP, DOCS, HEALTHY, OWNER, TENANT, make_roles, plant, probe_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.binaries import Binaries
    from dbops.connection.target import Target

    from .conftest import Probed

    Plant = Callable[..., Target]
    Probe = Callable[..., Probed]

OPEN = "create policy own on public.docs using (true) with check (true);"


def _table(columns: str, rows: str, *, name: str = "public.docs", more: str = "") -> str:
    """Return a forced table of the owner's, with rows and the application's grants."""
    return f"""
        set role {OWNER};
        create table {name} ({columns});
        {rows};
        alter table {name} enable row level security;
        alter table {name} force row level security;
        grant select, insert, update, delete on {name} to {APP};
        {more};
        reset role;
    """


def test_quoted_and_mixed_case_names_and_schemas_off_the_search_path(planted: Plant, probe: Probe) -> None:
    name, column = '"Odd ""schema"."My %s docs"', '"Org ""Id%"'
    options = IsolationOptions(columns=('Org "Id%',), app_roles=(APP,))
    policy = f"create policy own on {name} using ({column} = {TENANT}) with check ({column} = {TENANT})"
    target = planted(
        f"""create schema "Odd ""schema" authorization {OWNER}; grant usage on schema "Odd ""schema" to {APP}""",
        _table(
            f'{column} bigint not null, "Weird %(x)s" text not null, "select" int',
            f"""insert into {name} select i % 2 + 1, 'a\\b''c', i from generate_series(1, 9) as i""",
            name=name,
        ),
        policy,
    )
    assert {name: Outcome.PASS} == probe(target, options).outcomes()
    planted(f"drop policy own on {name}; create policy own on {name} using (true)")
    assert {name: Outcome.LEAK} == probe(target, options).outcomes()


@pytest.mark.parametrize(
    ("kind", "id_type", "first", "second"),
    [
        ("uuid", "uuid", "8a52a3f6-3c06-4a5f-9a9b-0d3d3f9f0001", "8a52a3f6-3c06-4a5f-9a9b-0d3d3f9f0002"),
        ("text", "slug", "acme", "o''hara \\ sons"),
        ("varchar(40)", "text", "acme", "globex"),
        ("smallint", "int", "1", "2"),
        ("public.tenant_id", "int", "1", "2"),
    ],
)
def test_tenants_of_any_type(planted: Plant, probe: Probe, kind: str, id_type: str, first: str, second: str) -> None:
    options = IsolationOptions(columns=("org_id",), app_roles=(APP,), id_type=id_type)
    tenant = f"(select nullif(pg_catalog.current_setting('app.org_id', true), '')::{kind})"
    target = planted(
        f"set role {OWNER}; create domain public.tenant_id as bigint not null check (value > 0); reset role",
        _table(f"org_id {kind} not null, note text", f"insert into public.docs values ('{first}'), ('{second}')"),
        f"create policy own on public.docs using (org_id = {tenant}) with check (org_id = {tenant})",
    )
    assert {"public.docs": Outcome.PASS} == probe(target, options).outcomes()
    planted("drop policy own on public.docs", OPEN)
    assert {"read foreign", "insert foreign", "blind update", "steal"} <= probe(target, options).leaks()


AWKWARD = _table(
    """
        id bigint generated always as identity primary key,
        serial_no serial not null,
        org_id bigint not null,
        code public.positive not null,
        net numeric not null,
        gross numeric generated always as (net * 1.2) stored,
        tags text[] not null default '{}',
        at timestamptz not null default now(),
        check (net > 0)
    """,
    "insert into public.docs (org_id, code, net) select i % 2 + 1, i, i from generate_series(1, 8) as i",
)
DOMAIN = f"set role {OWNER}; create domain public.positive as int not null check (value > 0); reset role"


def test_identity_always_serials_generated_columns_domains_and_checks_raise_no_false_alarm(
    planted: Plant, probe: Probe
) -> None:
    """The application may not use the serial's sequence: a default would be refused with 42501 as well."""
    target = planted(DOMAIN, AWKWARD, HEALTHY)
    found = probe(target)
    assert {"public.docs": Outcome.PASS} == found.outcomes()
    states = {(one.probe, one.sqlstate) for one in found.verdict().observations if one.probe.startswith("insert")}
    assert states >= {("insert own", "23502"), ("insert foreign", "42501")}


GENERATED = _table(
    "key text not null, note text, org_id bigint generated always as (split_part(key, ':', 1)::bigint) stored",
    "insert into public.docs (key) select (i % 2 + 1) || ':' || i from generate_series(1, 8) as i",
)


def test_a_generated_tenant_is_told_by_the_other_columns_and_who_gives_rows_away_by_them_is_not(
    planted: Plant, probe: Probe
) -> None:
    found = probe(planted(GENERATED, HEALTHY)).verdict()
    assert Outcome.INCONCLUSIVE is found.outcome
    assert {"move out", "steal"} == {one.probe for one in found.observations if one.outcome is not Outcome.PASS}
    foreign = [(one.outcome, one.sqlstate) for one in found.observations if one.probe == "insert foreign"]
    assert [(Outcome.PASS, "42501")] * 2 == foreign
    planted("drop policy own on public.docs", f"create policy r on public.docs for select using (org_id = {TENANT})")
    found = probe(planted("create policy i on public.docs for insert with check (true)")).verdict()
    assert {"insert foreign", "insert, no tenant", "insert, empty tenant"} == {
        one.probe for one in found.those(Outcome.LEAK)
    }


def test_no_row_is_made_up_for_a_generated_tenant(planted: Plant, probe: Probe) -> None:
    found = probe(planted(GENERATED.replace("(i % 2 + 1)", "1"), HEALTHY)).verdict()
    assert (Outcome.INCONCLUSIVE, []) == (found.outcome, found.those(Outcome.BROKEN))
    (rows,) = [one for one in found.observations if one.probe == "rows"]
    assert "fewer than two tenants have rows, and a generated tenant cannot be made up" == rows.words


def test_the_same_table_open_to_inserts_is_found(planted: Plant, probe: Probe) -> None:
    policies = f"""
        create policy s on public.docs for select using (org_id = {TENANT});
        create policy i on public.docs for insert with check (true);
    """
    found = probe(planted(DOMAIN, AWKWARD, policies))
    assert {"insert foreign", "insert foreign, whole row", "insert, no tenant", "insert, empty tenant"} == found.leaks()


REWRITE = f"""
    set role {OWNER};
    create function public.rewrite() returns trigger language plpgsql
    as $$ begin new.org_id := 1; return new; end $$;
    create trigger rewrite before insert or update on public.docs for each row execute function public.rewrite();
    reset role;
"""


@pytest.mark.parametrize("fires", ["", f"set role {OWNER}; alter table public.docs enable always trigger rewrite"])
def test_a_trigger_that_rewrites_the_tenant_neither_hides_a_leak_nor_makes_one_up(
    planted: Plant, probe: Probe, fires: str
) -> None:
    target = planted(DOCS, HEALTHY, REWRITE, fires, "reset role")
    assert {"public.docs": Outcome.PASS} == probe(target).outcomes()
    planted("drop policy own on public.docs", OPEN)
    assert {"insert foreign", "move out", "steal", "blind update"} <= probe(target).leaks()


def test_a_foreign_table_within_reach_is_inconclusive_for_no_policy_applies_to_it(planted: Plant, probe: Probe) -> None:
    found = probe(
        planted(
            DOCS,
            HEALTHY,
            "create foreign data wrapper nothing; create server elsewhere foreign data wrapper nothing",
            "create foreign table public.remote (org_id bigint, note text) server elsewhere",
            "create foreign table public.other (org_id bigint, note text) server elsewhere",
            "grant select on public.remote to iso_app",
        )
    )
    assert {"public.docs": Outcome.PASS, "public.remote": Outcome.INCONCLUSIVE} == found.outcomes()


def test_an_empty_table_gets_rows_of_the_plainest_values_for_as_long_as_it_is_probed(
    planted: Plant, probe: Probe, run_sql: Callable[..., list[tuple[object, ...]]]
) -> None:
    columns = """
        org_id bigint not null, id serial, day date not null, kind public.kind not null, ok boolean not null,
        data jsonb not null, code uuid not null unique, tags text[] not null, state text not null default 'new'
        check (state in ('new', 'old')), span interval not null, host inet not null, period int4range not null
    """
    kind = f"set role {OWNER}; create type public.kind as enum ('a', 'b'); reset role"
    target = planted(kind, _table(columns, "select"), HEALTHY)
    found = probe(target)
    assert Outcome.PASS is found.verdict().outcome
    assert {1} == {one.rows for one in found.verdict().observations if one.control and one.rows is not None}
    planted("drop policy own on public.docs", OPEN)
    assert {"read foreign", "steal", "blind delete"} <= probe(target).leaks()
    assert [(0, False)] == run_sql(target, "select (select count(*) from docs), is_called from docs_id_seq")


def test_an_empty_table_that_takes_no_such_row_is_inconclusive_and_its_writes_are_tried_all_the_same(
    planted: Plant, probe: Probe
) -> None:
    picky = "alter table public.docs alter note set not null, add check (note like 'n%')"
    target = planted(DOCS, HEALTHY, "delete from public.docs", picky)
    found = probe(target)
    assert {"public.docs": Outcome.INCONCLUSIVE} == found.outcomes()
    planted("drop policy own on public.docs", OPEN)
    assert {"insert foreign", "insert, no tenant", "insert, empty tenant"} == probe(target).leaks()


def test_a_table_of_one_tenant_gets_a_row_of_another_for_as_long_as_it_is_probed(
    planted: Plant, probe: Probe, run_sql: Callable[..., list[tuple[object, ...]]]
) -> None:
    target = planted(DOCS, HEALTHY, "delete from public.docs where org_id <> 1")
    found = probe(target)
    assert {"public.docs": Outcome.PASS} == found.outcomes()
    assert {"read own", "read foreign", "steal", "blind delete"} <= {one.probe for one in found.verdict().observations}
    planted("drop policy own on public.docs", OPEN)
    assert {"read foreign", "steal", "blind delete"} <= probe(target).leaks()
    assert [(10,)] == run_sql(target, "select count(*) from docs")


def test_a_table_of_one_tenant_that_takes_no_other_row_is_inconclusive_with_the_sqlstate(
    planted: Plant, probe: Probe
) -> None:
    only = "alter table public.docs add constraint only_one check (org_id = 1)"
    found = probe(planted(DOCS, HEALTHY, "delete from public.docs where org_id <> 1", only))
    assert {"public.docs": Outcome.INCONCLUSIVE} == found.outcomes()
    (why,) = (one.words for one in found.verdict().observations if one.probe == "rows")
    assert "a row of another could not be made (SQLSTATE 23514)" in why


def test_a_tenant_column_may_be_called_anything(planted: Plant, server: ScratchServer) -> None:
    """Also what a column of the self-check's tables would be called."""
    target = planted(
        DOCS,
        HEALTHY,
        "alter table public.docs rename column note to text; alter table public.docs rename column org_id to note",
    )
    probed = probe_in(server, target, IsolationOptions(columns=("note",), app_roles=(APP,)))
    assert {"public.docs": Outcome.PASS} == probed.outcomes()


def test_a_role_that_may_only_insert_is_proven_by_its_inserts(planted: Plant, probe: Probe) -> None:
    target = planted(DOCS, HEALTHY, f"revoke select, update, delete on public.docs from {APP}")
    assert {"public.docs": Outcome.PASS} == probe(target).outcomes()


def test_grants_on_columns_are_enough_to_probe_with(planted: Plant, probe: Probe) -> None:
    grants = f"""
        revoke all on public.docs from {APP};
        grant select (note), insert (org_id, note), update (note) on public.docs to {APP};
    """
    target = planted(DOCS, HEALTHY, grants)
    assert {"public.docs": Outcome.PASS} == probe(target).outcomes()
    planted("drop policy own on public.docs", OPEN)
    assert {"read foreign", "insert foreign", "blind update"} <= probe(target).leaks()


@pytest.mark.parametrize(("default", "check", "outcome"), [
    ("nullif(current_setting('app.org_id', true), '')::bigint", "true", Outcome.PASS),
    ("1", f"org_id = {TENANT}", Outcome.PASS), ("1", "true", Outcome.LEAK), ("null", "org_id is null", Outcome.LEAK),
])  # fmt: skip
def test_a_role_that_may_not_say_whose_a_new_row_is_inserts_what_the_default_makes_of_it(
    planted: Plant, probe: Probe, default: str, check: str, outcome: Outcome
) -> None:
    target = planted(
        DOCS,
        HEALTHY.replace("using", "for select using").partition(" with check")[0],
        f"create policy new on public.docs for insert with check ({check});"
        f"alter table public.docs alter column org_id drop not null, alter column org_id set default {default};"
        f"revoke insert on public.docs from {APP}; grant insert (note) on public.docs to {APP}",
    )
    probed = probe(target)
    assert outcome is probed.verdict().outcome
    found = [one.outcome for one in probed.verdict().observations if one.probe == "insert by default"]
    assert outcome in found
    assert len(found) == 2


def test_inserts_that_leave_a_key_to_its_default_move_no_sequence(
    planted: Plant, probe: Probe, run_sql: Callable[..., Any]
) -> None:
    """Nothing brings a sequence back: it would be a trace of the probes."""
    target = planted(
        DOCS,
        HEALTHY,
        "create table public.items (org_id bigint not null, id serial primary key, note text);"
        "insert into public.items (org_id, note) select org_id, note from public.docs;"
        f"alter table public.items owner to {OWNER}; alter table public.items enable row level security;"
        + HEALTHY.replace("docs", "items")
        + f"revoke insert on public.docs from {APP};"
        f"grant insert (org_id, note), select, delete on public.docs, public.items to {APP};"
        f"grant usage on sequence public.items_id_seq to {APP};"
        "create view public.notes with (security_invoker = true) as select org_id, note from public.items;"
        f"grant select, insert on public.notes to {APP}",
    )
    where = "select last_value from public.docs_id_seq union all select last_value from public.items_id_seq"
    before = run_sql(target, where)
    probed = probe(target)
    assert dict.fromkeys(("public.docs", "public.items", "public.notes"), Outcome.PASS) == probed.outcomes()
    inserts = [one for one in probed.proof.verdicts if any(seen.probe == "insert own" for seen in one.observations)]
    assert len(inserts) == 3
    assert before == run_sql(target, where)


def test_a_role_that_may_only_delete_proves_nothing_by_deleting_nothing(planted: Plant, probe: Probe) -> None:
    target = planted(DOCS, HEALTHY, f"revoke all on public.docs from {APP}; grant delete on public.docs to {APP}")
    assert {"public.docs": Outcome.INCONCLUSIVE} == probe(target).outcomes()
    planted("drop policy own on public.docs", OPEN)
    assert {"blind delete"} <= probe(target).leaks()


def test_a_policy_that_raises_without_a_tenant_is_a_refusal(planted: Plant, probe: Probe) -> None:
    strict = "org_id = pg_catalog.current_setting('app.org_id')::bigint"
    found = probe(planted(DOCS, f"create policy own on public.docs using ({strict}) with check ({strict})"))
    assert {"public.docs": Outcome.PASS} == found.outcomes()
    states = {one.probe: one.sqlstate for one in found.verdict().observations}
    assert ("42704", "22P02") == (states["read, no tenant"], states["read, empty tenant"])


def test_a_policy_that_hides_some_own_rows_is_broken(planted: Plant, probe: Probe) -> None:
    """That the own rows are all in sight is what makes the rest a proof."""
    some = f"org_id = {TENANT} and id % 2 = 0"
    found = probe(planted(DOCS, f"create policy own on public.docs using ({some}) with check (org_id = {TENANT})"))
    assert {"public.docs": Outcome.BROKEN} == found.outcomes()


def test_a_policy_that_also_looks_at_other_columns_gets_whole_rows(planted: Plant, probe: Probe) -> None:
    both = f"org_id = {TENANT} and note like 'n%'"
    found = probe(planted(DOCS, f"create policy own on public.docs using ({both}) with check ({both})"))
    assert {"public.docs": Outcome.PASS} == found.outcomes()


@pytest.fixture
def german(binaries: Binaries, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScratchServer]:
    """A server that speaks German, where this machine can make it do so."""
    localedef = shutil.which("localedef")
    if localedef is None or not Path("/usr/share/i18n/locales/de_DE").exists():
        pytest.skip("no German locale can be made here")
    with tempfile.TemporaryDirectory(prefix="dbops-locale-") as directory:
        Path(directory).chmod(0o755)  # the server may run as another user
        made = [localedef, "-i", "de_DE", "-f", "UTF-8", f"{directory}/de_DE.UTF-8"]
        subprocess.run(made, check=True, capture_output=True)
        monkeypatch.setenv("LOCPATH", directory)
        monkeypatch.setattr("dbops.connection.process._INHERITED", (*_INHERITED, "LOCPATH"))
        with ScratchServer(binaries, settings={"fsync": "off", "lc_messages": "de_DE.UTF-8"}) as server:
            make_roles(server)
            yield server


def test_messages_in_another_language_change_nothing(german: ScratchServer) -> None:
    target = german.target("postgres")
    with scratch(german, "postgres") as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute("select from nowhere")
    if "existiert nicht" not in str(refused.value):
        pytest.skip("this PostgreSQL has no German messages")
    plant(german, target, DOCS, HEALTHY)
    assert {"public.docs": Outcome.PASS} == probe_in(german, target).outcomes()
    plant(german, target, "drop policy own on public.docs", OPEN)
    assert Outcome.LEAK is probe_in(german, target).verdict().outcome


def test_a_probe_that_takes_too_long_is_inconclusive(
    planted: Plant, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbops.drill.isolation.prove._PROBE_SECONDS", 1.0)
    slow = f"org_id = {TENANT} and (select pg_catalog.pg_sleep(3)) is not null"
    found = probe(planted(DOCS, f"create policy own on public.docs using ({slow}) with check (org_id = {TENANT})"))
    assert {"public.docs": Outcome.INCONCLUSIVE} == found.outcomes()
    assert "57014" in {one.sqlstate for one in found.verdict().those(Outcome.INCONCLUSIVE)}


def test_a_table_that_the_restorer_cannot_count_is_inconclusive_and_the_others_are_proven(
    planted: Plant, probe: Probe
) -> None:
    odd = f"create table public.odd (org_id bigint not null); grant insert on public.odd to {APP}"
    found = probe(planted(DOCS, HEALTHY, odd))
    assert Outcome.PASS is found.verdict().outcome
    assert {"insert foreign", "row security active"} <= found.leaks("public.odd")
    planted(
        "alter table public.odd enable row level security",
        f"create policy own on public.odd using (org_id = {TENANT}) with check (org_id = {TENANT})",
    )
    verdict = probe(planted()).verdict("public.odd")
    assert Outcome.INCONCLUSIVE is verdict.outcome
    assert ["its rows cannot be counted (SQLSTATE 42501)"] == [
        one.words for one in verdict.observations if one.probe == "rows"
    ]
