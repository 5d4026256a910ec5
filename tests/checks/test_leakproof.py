"""What the rule says of an index is what the planner does with it for a role that obeys a policy."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import pytest

from dbops.checks.runner import run_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target

    Snapshot = Callable[[Target], Catalog]

TABLE = """
create extension if not exists pg_trgm;
create type state as enum ('open', 'closed');
create domain price as numeric(10, 2);
create function marked(text) returns text language plpgsql immutable leakproof as $$ begin return $1; end $$;
create table visit (
    org_id bigint not null, id bigint, cents bigint, small smallint, name text, code varchar(9), fixed char(9),
    at timestamptz, day date, ref uuid, address inet, flag bool, ratio double precision, digest bytea,
    amount numeric, price price, notes jsonb, words tsvector, tags text[], state state, span int4range, place point,
    primary key (org_id, id)
);
insert into visit (org_id, id, cents, amount, notes, tags, state, span)
select n % 3, n, n, n, '{"a": 1}', '{x}', 'open', int4range(n, n + 2) from generate_series(1, 300) as n;
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
create role dbops_leak_app;
grant select on visit to dbops_leak_app;
"""


class Search(NamedTuple):
    """What is indexed, the condition that the index was made for, and whether a policy leaves it an index condition."""

    keys: str
    condition: str
    works: bool


SEARCHES = (
    Search("(org_id, cents)", "cents = 5", works=True),
    Search("(org_id, small)", "small = 5::smallint", works=True),
    Search("(org_id, name)", "name = 'a'", works=True),
    Search("(org_id, code)", "code = 'a'", works=True),
    Search("(org_id, fixed)", "fixed = 'a'", works=True),
    Search("(org_id, at)", "at > '2026-01-01'::timestamptz", works=True),
    Search("(org_id, day)", "day = '2026-01-01'::date", works=True),
    Search("(org_id, ref)", "ref = '00000000-0000-0000-0000-000000000001'::uuid", works=True),
    Search("(org_id, address)", "address = '::1'::inet", works=True),
    Search("(org_id, ratio)", "ratio > 0.5::double precision", works=True),
    Search("(org_id, digest)", "digest = '\\x00'::bytea", works=True),
    Search("using hash (cents)", "cents = 5", works=True),
    Search("using brin (cents)", "cents = 5", works=True),
    Search("(org_id, marked(name))", "marked(name) = 'a'", works=True),
    Search("(org_id, (name::varchar))", "name::varchar = 'a'", works=True),
    Search("(org_id, greatest(cents, 0))", "greatest(cents, 0) = 5", works=True),
    Search("(org_id, greatest(name, lower('A')))", "greatest(name, lower('A')) = 'b'", works=True),
    Search("(org_id, (tags[1]))", "tags[1] = 'x'", works=True),
    Search("(org_id, amount)", "amount = 5", works=False),
    Search("(org_id, price)", "price > 5", works=False),
    Search("using brin (amount)", "amount > 5", works=False),
    Search("(org_id, state)", "state = 'open'", works=False),
    Search("(org_id, tags)", "tags = '{x}'::text[]", works=False),
    Search("(org_id, notes)", "notes = '{}'::jsonb", works=False),
    Search("(org_id, span)", "span = '[1,2)'::int4range", works=False),
    Search("using hash (amount)", "amount = 5", works=False),
    Search("using gin (notes)", "notes @> '{\"a\": 1}'::jsonb", works=False),
    Search("using gin (notes jsonb_path_ops)", "notes @> '{\"a\": 1}'::jsonb", works=False),
    Search("using gin (words)", "words @@ 'a'::tsquery", works=False),
    Search("using gin (tags)", "tags @> '{x}'::text[]", works=False),
    Search("using gist (span)", "span && '[1,2)'::int4range", works=False),
    Search("using gist (place)", "place <@ box '(0,0),(1,1)'", works=False),
    Search("using gin (name gin_trgm_ops)", "name like '%abc%'", works=False),
    Search("(org_id, lower(name))", "lower(name) = 'a'", works=False),
    Search("(org_id, (cents + 1))", "cents + 1 = 5", works=False),
    Search("(org_id, coalesce(cents, 0))", "coalesce(cents, 0) = 5", works=False),
    Search("(org_id, (cents::text))", "cents::text = '5'", works=False),
    Search("(org_id, (notes ->> 'a'))", "notes ->> 'a' = '1'", works=False),
)


@pytest.fixture
def connection(database: Target) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.conninfo(), password=database.password, autocommit=True) as connected:
        connected.execute(TABLE.encode())
        yield connected
        connected.execute("drop owned by dbops_leak_app; drop role dbops_leak_app")


def conditions(connection: psycopg.Connection[Any], condition: str, role: str | None) -> str:
    """Return every index condition of the plan that a role gets, the planner being told to avoid reading the table."""
    with connection.transaction(force_rollback=True):
        connection.execute("set local enable_seqscan = off; set local app.org_id = '1'")
        if role:
            connection.execute(f"set local role {role}".encode())
        row = connection.execute(
            f"explain (format json) select id from visit where org_id = 1 and {condition}".encode()
        )
        [plan] = row.fetchone() or ()
    return " ".join(re.findall(r'"(?:Index|Recheck) Cond": "((?:[^"\\]|\\.)*)"', json.dumps(plan)))


def letters(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: f"{search.keys} for {search.condition}")
def test_an_index_is_reported_if_and_only_if_the_planner_cannot_use_it_for_the_application(
    search: Search,
    connection: psycopg.Connection[Any],
    database: Target,
    snapshot: Snapshot,
    policy_of: Callable[..., Policy],
) -> None:
    connection.execute(f"create index judged on visit {search.keys}".encode())
    connection.execute("alter table visit drop constraint visit_pkey; analyze visit")
    wanted = conditions(connection, search.condition, None)
    got = conditions(connection, search.condition, "dbops_leak_app")
    beginning = letters(search.condition)[:4]
    assert beginning in letters(wanted), "the index is of no use to a superuser either"
    assert (beginning in letters(got)) is search.works, got
    tenancy = policy_of('[tenancy]\napp_roles = ["dbops_leak_app"]\n[audit]\nselect = ["index-unusable-under-rls"]')
    [check] = run_rules(snapshot(database), tenancy)
    assert [finding.object for finding in check.findings] == ([] if search.works else ["public.judged"])
    for finding in check.findings:
        assert connection.execute((finding.verify or "").encode()).fetchall() != []
