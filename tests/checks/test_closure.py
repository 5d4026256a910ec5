"""The promise of `--fix`: applied, none of what it mends is found again, no expectation is broken, nothing is new."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.catalog import Catalog, StatisticsWindow, TableActivity
from dbops.checks.fix_script import FixScript, fix_script
from dbops.checks.fixes import plan
from dbops.checks.rule import rules
from dbops.checks.runner import run_rules
from dbops.demo import erp as demo
from dbops.demo.run import demo_policy

from .loading import load_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dbops.checks.policy import Policy
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Check, Finding

    Snapshot = Callable[[Target], Catalog]
    PolicyOf = Callable[..., Policy]

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
NEEDS_15 = "fk_and_duplicates.sql"


@dataclass(frozen=True)
class Closed:
    """What an audit found, the script it wrote, and what the next audit found."""

    before: tuple[Check, ...]
    script: FixScript
    after: tuple[Check, ...]
    left: frozenset[str]

    def check(self) -> None:
        before, after = by_fingerprint(self.before), by_fingerprint(self.after)
        assert {k: told(f) for k, f in after.items() if k not in before} == {}, "\n".join(self.script.statements)
        assert {k: told(f) for k, f in after.items() if k not in self.left} == {}, "\n".join(self.script.statements)
        assert self.script.mended == len(before) - len(self.left)


def by_fingerprint(checks: Iterable[Check]) -> dict[str, Finding]:
    return {finding.fingerprint: finding for check in checks for finding in check.findings}


def told(finding: Finding) -> str:
    return f"{finding.rule} {finding.object}: {finding.detail}"


def unchanged(catalog: Catalog) -> Catalog:
    return catalog


def close(target: Target, policy: Policy, snapshot: Snapshot, seen: Callable[[Catalog], Catalog] = unchanged) -> Closed:
    """Audit, apply the script, audit again; `seen` changes what the audits see."""
    catalog = seen(snapshot(target))
    before = run_rules(catalog, policy)
    script = fix_script(catalog, policy, before)
    left = frozenset(one.finding.fingerprint for one in plan(catalog, policy, before).left)
    with psycopg.connect(target.conninfo(), password=target.password, autocommit=True) as connection:
        for statement in script.statements:
            connection.execute(statement.encode())
    if catalog.server.version < 150000:
        time.sleep(1)  # until then counters went through a process of their own, and were up to half a second old
    return Closed(before, script, run_rules(seen(snapshot(target)), policy), left)


def rules_of(checks: Iterable[Check]) -> set[str]:
    return {finding.rule for check in checks for finding in check.findings}


# The databases of others


def test_the_broken_demo_is_mended(erp: Target, snapshot: Snapshot) -> None:
    with psycopg.connect(erp.conninfo(), password=erp.password, autocommit=True) as connection:
        planted = demo.break_it(connection)
    closed = close(erp, demo_policy(), snapshot)
    closed.check()
    of_the_server = {finding.rule for key, finding in by_fingerprint(closed.before).items() if key in closed.left}
    assert {defect.rule for defect in planted} & rules_of(closed.after) <= of_the_server
    assert "matview-breaks-restore" in of_the_server  # its fix makes a role
    assert "duplicate-index" not in of_the_server


@pytest.mark.parametrize("name", [NEEDS_15, "pagila.sql"])
def test_a_fixture_is_mended(
    name: str, database: Target, server: ScratchServer, snapshot: Snapshot, policy_of: PolicyOf
) -> None:
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    if name == NEEDS_15 and server.binaries.major < 15:
        pytest.skip("needs PostgreSQL 15")
    load_plain(database, path.read_text())
    closed = close(database, policy_of(), snapshot)
    closed.check()
    assert not rules_of(closed.after) & {"fk-without-index", "duplicate-index", "redundant-index", "invalid-index"}


# Fixes that want the same thing, or the opposite

CLINIC = "create table clinic (id bigint primary key, at date, n int);"
INVALID = "update pg_index set indisvalid = false where indexrelid::regclass::text in ({});"


def expect(name: str, columns: str, rest: str = "") -> str:
    return f'[[expect.index]]\nid = "{name}"\ntable = "visit"\ncolumns = [{columns}]\n{rest}\n'


CASES = {
    "one index serves a foreign key and an expectation": (
        CLINIC + "create table visit (id bigint primary key, clinic_id bigint references clinic, at date)",
        expect("at", '"clinic_id", "at desc"'),
        1,
    ),
    "an index declared with prefix is covered by a longer one": (
        "create table visit (id bigint primary key, at date, n int)",
        expect("short", '"at"', 'match = "prefix"') + expect("long", '"at", "n"'),
        1,
    ),
    "an index declared exactly is made beside the longer one": (
        "create table visit (id bigint primary key, at date, n int)",
        expect("short", '"at"') + expect("long", '"at", "n"'),
        2,
    ),
    "what becomes the beginning of a new index goes": (
        "create table visit (id bigint primary key, at date, n int); create index on visit (at)",
        expect("long", '"at", "n"'),
        2,
    ),
    "what becomes the beginning of a new index stays where it is declared": (
        "create table visit (id bigint primary key, at date, n int); create index on visit (at)",
        expect("short", '"at"') + expect("long", '"at", "n"'),
        1,
    ),
    "an index becomes a copy of a new unique one": (
        "create table visit (id bigint primary key, number int); create index on visit (number)",
        expect("number", '"number"', "unique = true"),
        2,
    ),
    "a predicate typed otherwise is the same": (
        (
            "create table visit (id bigint primary key, at date, n int, code text);"
            "create index on visit (lower(code)) where code is not null and n > 0"
        ),
        expect("code", '"lower( code )", "at"', 'where = "(n > 0) and code is not null"'),
        2,
    ),
    "foreign keys over the same columns, in two orders and one alone": (
        (
            "create table room (a int, b int, primary key (a, b), unique (b, a));"
            "create table visit (id bigint primary key, a int, b int, foreign key (a, b) references room,"
            " foreign key (b, a) references room (b, a), foreign key (a) references visit_kind)"
        ),
        "",
        1,
    ),
    "a decoy is a copy of another index": (
        (
            "create table visit (id bigint primary key, at date, n int);"
            "create index wanted on visit (n); create index copy on visit (n)"
        ),
        expect("at", '"at"', 'name = "wanted"'),
        3,
    ),
    "a decoy covers a foreign key": (
        CLINIC + "create table visit (id bigint primary key, clinic_id bigint references clinic, at date);"
        "create index wanted on visit (clinic_id)",
        expect("at", '"at"', 'name = "wanted"'),
        3,
    ),
    "a decoy does the work of an index that would be redundant": (
        (
            "create table visit (id bigint primary key, at date, n int, m int);"
            "create index wanted on visit (at, n); create index short on visit (at)"
        ),
        expect("m", '"m"', 'name = "wanted"'),
        3,
    ),
    "a table has the declared name": (
        "create table visit (id bigint primary key, at date); create table wanted (id int primary key)",
        expect("at", '"at"', 'name = "wanted"'),
        1,
    ),
    "two tables whose new indexes would have one name": (
        CLINIC + "create table visit_a (id bigint primary key, b bigint references clinic);"
        "create table visit (id bigint primary key, a_b bigint references clinic)",
        "",
        2,
    ),
    "a declared name is the one that another index would get": (
        CLINIC + "create table visit (id bigint primary key, clinic_id bigint references clinic, at date)",
        expect("at", '"at"', 'name = "ix_visit_clinic_id"'),
        2,
    ),
    "two copies, one of which can become the primary key": (
        (
            "create table visit (number int not null);"
            "create unique index a on visit (number); create unique index b on visit (number)"
        ),
        "",
        2,
    ),
    "two invalid indexes of one structure": (
        "create table visit (id bigint primary key, at date); create index a on visit (at);"
        "create index b on visit (at);" + INVALID.format("'a', 'b'"),
        "",
        2,
    ),
    "an invalid index is declared, and so is a copy of it": (
        "create table visit (id bigint primary key, at date); create index a on visit (at);"
        "create index b on visit (at);" + INVALID.format("'a', 'b'"),
        expect("at", '"at"'),
        2,
    ),
    "the beginning of an invalid index that is built anew": (
        "create table visit (id bigint primary key, at date, n int); create index a on visit (at);"
        "create index b on visit (at, n);" + INVALID.format("'b'"),
        "",
        2,
    ),
    "an invalid index would only be the beginning of a new one": (
        "create table visit (id bigint primary key, at date, n int); create index a on visit (at);"
        + INVALID.format("'a'"),
        expect("long", '"at", "n"'),
        2,
    ),
    "an invalid index covers a foreign key, and is the beginning of another invalid one": (
        CLINIC + "create table visit (id bigint primary key, clinic_id bigint references clinic, at date);"
        "create index a on visit (clinic_id); create index b on visit (clinic_id, at);" + INVALID.format("'a', 'b'"),
        "",
        2,
    ),
    "a leftover of REINDEX would cover a foreign key": (
        CLINIC + "create table visit (id bigint primary key, clinic_id bigint references clinic, at date);"
        "create index visit_ccnew on visit (clinic_id);" + INVALID.format("'visit_ccnew'"),
        "",
        2,
    ),
    "a chain of redundant indexes": (
        (
            "create table visit (id bigint primary key, at date, n int, m int); create index on visit (at);"
            "create index on visit (at, n); create index on visit (at, n); create index on visit (at, n, m)"
        ),
        "",
        3,
    ),
}
PARTITIONED = (
    "create table visit (at date, clinic_id bigint {}) partition by range (at);"
    "create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');"
    "create table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01')"
    " partition by list (clinic_id);"
    "create table visit_2_1 partition of visit_2 for values in (1);"
    "create table visit_2_2 partition of visit_2 for values in (2);"
)
CASES |= {
    "a partitioned foreign key finds an index begun for it": (
        CLINIC + PARTITIONED.format("references clinic") + "create index begun on only visit (clinic_id)",
        "",
        None,
    ),
    "a partition has twice what it needs once": (
        CLINIC + PARTITIONED.format("references clinic") + "create index a on visit_1 (clinic_id);"
        "create index b on visit_1 (clinic_id)",
        "",
        None,
    ),
    "an expectation of a partitioned table, and the beginnings that its partitions have": (
        PARTITIONED.format("") + "create index on visit_1 (clinic_id); create index on visit_2 (clinic_id)",
        expect("clinic", '"clinic_id", "at"'),
        None,
    ),
    "an incomplete index beside its finished copy": (
        PARTITIONED.format("") + "create index a on visit (clinic_id); create index b on only visit (clinic_id)",
        "",
        None,
    ),
    "an incomplete index of which a finished one is the beginning": (
        PARTITIONED.format("") + "create index a on visit (clinic_id); create index b on only visit (clinic_id, at)",
        "",
        None,
    ),
    "copies of partitioned indexes, and a redundant one": (
        PARTITIONED.format("") + "create index a on visit (clinic_id); create index b on visit (clinic_id);"
        "create index c on visit (clinic_id, at); create index d on visit_2_1 (clinic_id)",
        "",
        None,
    ),
    "a declared index begun, with a part that is invalid": (
        PARTITIONED.format("") + "create index a on only visit (clinic_id); create index b on visit_1 (clinic_id);"
        + INVALID.format("'b'") + "alter index a attach partition b",
        expect("clinic", '"clinic_id"'),
        None,
    ),
}  # fmt: skip
# What only a newer server has: the least major, and the SQL.
NEWER = {
    "a NOT NULL that was never validated stands in the way of a primary key": (
        18,
        (
            "create table visit (number int); alter table visit add constraint given not null number not valid;"
            "create unique index on visit (number); create table room (code text unique);"
            "alter table room add constraint coded not null code not valid;"
        ),
    ),
    "a foreign key that is enforced from now on wants an index": (
        18,
        (
            "create table clinic (id int primary key); create table visit (id int primary key, clinic_id int"
            " references clinic not enforced, other_id int references clinic not enforced);"
            "create index on visit (other_id, id);"
        ),
    ),
}
TENANTS = "create table clinic (org_id bigint not null, id bigint generated always as identity primary key);"
TENANCY = '[tenancy]\ncolumns = ["org_id"]\n'
CASES |= {
    "a foreign key gets the tenant, and its indexes make others superfluous": (
        TENANTS + "create index on clinic (org_id);"
        "create table visit (org_id bigint not null, id uuid primary key, clinic_id bigint references clinic);"
        "create index on visit (org_id); create index on visit (clinic_id);",
        TENANCY,
        4,
    ),
    "two foreign keys get the tenant by one index of the table that they refer to": (
        TENANTS + "create table visit (org_id bigint, id uuid primary key, clinic_id bigint references clinic);"
        "create table room (org_id bigint default 1, id uuid primary key, clinic_id bigint references clinic);",
        TENANCY,
        None,
    ),
    "a declared index does what a foreign key with the tenant would need": (
        TENANTS + "create table visit (org_id bigint not null, id uuid primary key, clinic_id bigint references clinic,"
        " at date);",
        TENANCY + expect("long", '"org_id", "clinic_id", "at"'),
        None,
    ),
    "keys get the tenant, and an index that it begins becomes superfluous": (
        ("create table visit (org_id bigint not null, id uuid primary key, number int unique, code text, mail text);"
        "create index on visit (org_id); create unique index on visit (code); create unique index on visit"
        " (lower(mail)) where mail is not null;"),
        TENANCY,
        None,
    ),
    "a key in words becomes one of the tenant": (
        "create table visit (org_id bigint not null, code text primary key);",
        TENANCY,
        None,
    ),
    "a key that is declared as it is stays so": (
        "create table visit (org_id bigint not null, id uuid primary key, number int unique, code text unique);",
        TENANCY + expect("number", '"number"', "unique = true")
        + '[[expect.constraint]]\nid = "code"\ntable = "visit"\nkind = "unique"\ncolumns = ["code"]\n',
        None,
    ),
    "a key that covers a foreign key stays so": (
        ("create table org (id bigint primary key, name text);"
        "create table visit (org_id bigint not null, id uuid primary key, owner_id bigint unique references org);"),
        TENANCY,
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_fixes_that_meet_do_not_collide(
    title: str, database: Target, snapshot: Snapshot, policy_of: PolicyOf, run_sql: Callable[..., Any]
) -> None:
    sql, policy, statements = CASES[title]
    run_sql(database, "create table visit_kind (a int primary key);" + sql)
    closed = close(database, policy_of(policy), snapshot)
    closed.check()
    assert left_of(closed, "indexes", "expectations") == []
    if statements is not None:
        about_indexes = [s for s in closed.script.statements if " index " in s]
        assert statements == len(about_indexes), "\n".join(closed.script.statements)


@pytest.mark.parametrize("title", NEWER)
def test_fixes_of_what_newer_servers_have_do_not_collide(
    title: str,
    database: Target,
    server: ScratchServer,
    snapshot: Snapshot,
    policy_of: PolicyOf,
    run_sql: Callable[..., Any],
) -> None:
    major, sql = NEWER[title]
    if server.binaries.major < major:
        pytest.skip(f"needs PostgreSQL {major}")
    run_sql(database, sql)
    closed = close(database, policy_of(""), snapshot)
    closed.check()
    assert left_of(closed, "indexes", "keys") == []


def test_an_unused_index_goes_and_its_copies_with_it_but_not_the_last_cover(
    database: Target, snapshot: Snapshot, policy_of: PolicyOf, run_sql: Callable[..., Any]
) -> None:
    run_sql(
        database,
        CLINIC + "create table visit (id bigint primary key, clinic_id bigint references clinic, at date, n int);"
        "create index a on visit (clinic_id); create index b on visit (clinic_id); create index c on visit (n);"
        "create index d on visit (clinic_id, n); create index e on visit (at); create index f on visit (at, n);"
        "update pg_class set relpages = 500 where relname in ('a', 'b', 'c', 'd', 'e', 'f')",
    )

    def after_a_month(catalog: Catalog) -> Catalog:
        rows: dict[type[tuple[object, ...]], tuple[Any, ...]] = dict(catalog._rows)
        visit = next(oid for oid, relation in catalog.relations.items() if relation.name == "visit")
        rows[StatisticsWindow] = (StatisticsWindow(30 * 86400, on_standby=False),)
        rows[TableActivity] = (TableActivity(visit, 1000, 0, 0),)
        return Catalog(catalog.server, rows, catalog._failures)

    closed = close(database, policy_of(), snapshot, after_a_month)
    closed.check()
    assert {"unused-index", "duplicate-index", "redundant-index"} <= rules_of(closed.before)
    assert {"clinic_pkey", "visit_pkey", "d"} == {index.name for index in snapshot(database).indexes.values()}


def test_indexes_of_a_collation_that_moved_on_are_built_anew_unless_they_go(
    database: Target, snapshot: Snapshot, policy_of: PolicyOf, run_sql: Callable[..., Any]
) -> None:
    run_sql(
        database,
        "do $$ begin create collation moved (provider = icu, locale = 'de'); exception when feature_not_supported then"
        " execute 'create collation moved (provider = builtin, locale = ''C.UTF-8'')'; end $$;"
        "create table visit (id bigint primary key, name text collate moved unique, place text collate moved);"
        "create index a on visit (place); create index b on visit (place);"
        "update pg_collation set collversion = '0.1' where collname = 'moved'",
    )
    closed = close(database, policy_of(), snapshot)
    closed.check()
    assert "collation-version-drift" in rules_of(closed.before)
    assert "reindex index concurrently public.b" not in closed.script.statements


def test_a_bloated_index_is_built_anew_unless_it_goes(
    database: Target, snapshot: Snapshot, policy_of: PolicyOf, run_sql: Callable[..., Any]
) -> None:
    run_sql(
        database,
        "create table visit (id bigint primary key, n int, m int); insert into visit select g, g, g"
        " from generate_series(1, 1000) g; create index a on visit (n); create index b on visit (n);"
        "create index c on visit (m)",
    )
    run_sql(database, "analyze visit; update pg_class set relpages = 5000 where relname in ('b', 'c')")
    closed = close(database, policy_of(), snapshot)
    closed.check()
    assert "index-bloat" in rules_of(closed.before)
    assert ["reindex index concurrently public.c"] == [s for s in closed.script.statements if "reindex" in s]


# Whatever there may be


@pytest.mark.parametrize("seed", range(4))
def test_what_chance_makes_of_indexes_is_mended(
    seed: int, database: Target, snapshot: Snapshot, policy_of: PolicyOf, run_sql: Callable[..., Any]
) -> None:
    chance = random.Random(seed)  # noqa: S311  (nothing secret)
    run_sql(database, "create table clinic (a int primary key, b int unique); create table room (a int, b int,"
        " primary key (a, b), unique (b, a));")  # fmt: skip
    policy = ""
    for number in range(25):
        policy += any_table(chance, f"visit_{number}", lambda sql: run_sql(database, sql))
    closed = close(database, policy_of(policy), snapshot)
    closed.check()
    assert {"fk-without-index", "redundant-index", "invalid-index"} <= rules_of(closed.before)
    assert {"expected-index-missing", "expected-index-decoy", "expected-index-invalid"} & rules_of(closed.before)
    assert left_of(closed, "indexes", "expectations") == []


def left_of(closed: Closed, *families: str) -> list[str]:
    """Return what the script leaves of some families of rules."""
    left = [finding for key, finding in by_fingerprint(closed.before).items() if key in closed.left]
    return [told(finding) for finding in left if rules()[finding.rule].family in families]


KEYS = (
    "(a) references clinic",
    "(b) references clinic (b)",
    "(a, b) references room",
    "(b, a) references room (b, a)",
)


def any_table(chance: random.Random, name: str, execute: Callable[[str], Any]) -> str:
    """Make a table with indexes and foreign keys as chance will have it; return what is expected of it."""
    partitioned = chance.random() < 0.3
    execute(f"create table {name} (a int, b int, c int, d text){' partition by list (a)' if partitioned else ''}")
    for part in range(2 if partitioned else 0):
        execute(f"create table {name}_p{part} partition of {name} for values in ({part})")
    for key in KEYS:
        if chance.random() < 0.4:
            execute(f"alter table {name} add foreign key {key}")
    for number in range(chance.randrange(7)):
        index = f"{name}_{number}"
        only = "only " if partitioned and chance.random() < 0.3 else ""
        unique = "unique " if not partitioned and chance.random() < 0.15 else ""
        execute(f"create {unique}index {index} on {only}{name} ({', '.join(any_columns(chance))}){any_rest(chance)}")
        if not partitioned and chance.random() < 0.25:
            execute(f"update pg_index set indisvalid = false where indexrelid = '{index}'::regclass")
    policy = ""
    names = chance.sample(range(9), 3)
    for number in range(chance.randrange(3)):
        keys = ", ".join(f'"{column}"' for column in any_columns(chance))
        called = f'name = "{name}_{names[number]}"\n' if chance.random() < 0.5 else ""
        match = 'match = "prefix"\n' if chance.random() < 0.5 else ""
        policy += f'[[expect.index]]\nid = "{name}-{number}"\ntable = "{name}"\ncolumns = [{keys}]\n{called}{match}'
    return policy


def any_columns(chance: random.Random) -> list[str]:
    columns = ["a", "b", "c", "lower(d)"]
    chance.shuffle(columns)
    return [c + chance.choice(["", "", "", " desc"]) for c in columns[: chance.choice([1, 1, 2, 2, 3])]]


def any_rest(chance: random.Random) -> str:
    return chance.choice(["", "", "", " include (c)"]) + chance.choice(["", "", "", " where c > 0"])
