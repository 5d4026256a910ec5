"""The rules about keys and capacity: what no case can plant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg

from dbops.checks.policy import Policy
from dbops.checks.runner import run_rules
from dbops.model import CheckStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.checks.catalog import Catalog
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Check


def check_of(catalog: Catalog, slug: str) -> Check:
    [check] = run_rules(catalog, Policy(select=(slug,)))
    return check


SEQUENCES = """
create table visit (id serial primary key);
create table "Odd note" (id integer generated always as identity primary key);
select setval('visit_id_seq', 2000000000), setval('"Odd note_id_seq"', 2000000000);
"""


def test_a_sequence_that_may_not_be_read_is_a_skip_whose_grant_mends_it(
    database: Target, server: ScratchServer, run_sql: Callable[..., Any], snapshot: Callable[[Target], Catalog]
) -> None:
    run_sql(database, SEQUENCES + 'create role "No body" login')
    nobody = server.target(database.database, user="No body")
    check = check_of(snapshot(nobody), "integer-exhaustion")
    assert (CheckStatus.SKIP, "2 of the sequences may not be read", ()) == (check.status, check.reason, check.findings)
    assert 'grant select on sequence public."Odd note_id_seq", public.visit_id_seq to "No body";' == check.remedy
    run_sql(database, check.remedy or "")
    granted = check_of(snapshot(nobody), "integer-exhaustion")
    assert ['public."Odd note"', "public.visit"] == [finding.object for finding in granted.findings]
    run_sql(database, 'drop owned by "No body"; drop role "No body"')


def test_what_was_found_stands_beside_what_may_not_be_read(
    database: Target, server: ScratchServer, run_sql: Callable[..., Any], snapshot: Callable[[Target], Catalog]
) -> None:
    run_sql(database, SEQUENCES + "create role half_seeing login; grant usage on sequence visit_id_seq to half_seeing")
    check = check_of(snapshot(server.target(database.database, user="half_seeing")), "integer-exhaustion")
    assert ["public.visit"] == [finding.object for finding in check.findings]
    assert (CheckStatus.FAIL, "1 of the sequences may not be read") == (check.status, check.reason)
    assert 'grant select on sequence public."Odd note_id_seq" to half_seeing;' == check.remedy
    run_sql(database, "drop owned by half_seeing; drop role half_seeing")


def test_a_sequence_that_another_session_alters_is_not_waited_for(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[[Target], Catalog]
) -> None:
    run_sql(database, SEQUENCES)
    with psycopg.connect(database.conninfo(), password=database.password) as altering:
        altering.execute("alter sequence visit_id_seq cache 5")
        check = check_of(snapshot(database), "integer-exhaustion")  # waiting would end in a lock timeout
        altering.rollback()
    assert ['public."Odd note"'] == [finding.object for finding in check.findings]
    assert "another session alters public.visit_id_seq" == check.reason


def test_more_sequences_than_the_lock_table_has_room_for_are_not_all_asked(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[[Target], Catalog]
) -> None:
    [(budget,)] = run_sql(
        database,
        "select current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int / 4",
    )
    run_sql(
        database,
        f"{SEQUENCES} insert into visit select from generate_series(1, 9); analyze visit;"
        f" do $$ begin for i in 1..{budget} loop execute format('create sequence s%s as int', i); end loop; end $$",
    )
    check = check_of(snapshot(database), "integer-exhaustion")
    assert "public.visit" in {finding.object for finding in check.findings}
    assert "only those of the largest tables were asked" in (check.reason or "")


LISTS = """
create table article (id int primary key, tags text, "odd name" text);
insert into article select i, array_to_string(array(select 'tag' || j from generate_series(0, i % 4) as j), ','), 'word'
  from generate_series(1, 200) as i;
create table held_back (id int primary key, tags text);
insert into held_back select id, tags from article;
alter table held_back enable row level security;
analyze article, held_back;
"""


def test_samples_that_may_not_be_seen_are_a_skip_whose_remedy_shows_them(
    database: Target, server: ScratchServer, run_sql: Callable[..., Any], snapshot: Callable[[Target], Catalog]
) -> None:
    run_sql(database, LISTS + "create role no_reader login; grant select on held_back to no_reader")
    check = check_of(snapshot(server.target(database.database, user="no_reader")), "delimited-list-column")
    assert (CheckStatus.SKIP, ()) == (check.status, check.findings)
    denied, protected = (check.reason or "").split("; ")
    assert denied.startswith("2 of the text columns may not be read")
    assert protected.startswith("1 of the tables shows no samples")
    assert 'grant select (tags, "odd name") on public.article to no_reader;' in (check.remedy or "")
    run_sql(database, check.remedy or "")
    told = check_of(snapshot(server.target(database.database, user="no_reader")), "delimited-list-column")
    assert ["public.article", "public.held_back"] == [finding.object for finding in told.findings]
    run_sql(database, "drop owned by no_reader; drop role no_reader")


def test_no_sample_travels(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[[Target], Catalog]
) -> None:
    run_sql(database, LISTS)
    catalog = snapshot(database)
    assert [finding.object for finding in check_of(catalog, "delimited-list-column").findings]
    assert "tag0" not in json.dumps(catalog.to_json())
