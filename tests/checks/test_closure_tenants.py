"""The promise of `--fix` where tenants are kept apart: what chance makes of tables, views and grants is mended."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from .test_closure import close, rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target

    Snapshot = Callable[[Target], Catalog]

APP, OWNER, BOSS, DUMP = (f"dbops_chance_{name}" for name in ("app", "owner", "boss", "dump"))
POLICY = f"""
[tenancy]
columns = ["org_id"]
app_roles = ["{APP}"]
"""
TENANT = "org_id = (select nullif(current_setting('app.org_id', true), '')::bigint)"


@pytest.fixture
def connection(database: Target) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session with roles to choose from; they belong to the whole cluster, so they go at the end."""
    names = f"{APP}, {OWNER}, {BOSS}, {DUMP}"
    with psycopg.connect(database.conninfo(), password=database.password, autocommit=True) as connected:
        before = {name for (name,) in connected.execute("select rolname from pg_roles")}
        connected.execute(
            f"create role {APP}; create role {OWNER}; create role {BOSS} bypassrls; create role {DUMP};"
            f"grant usage on schema public to {names}"
        )
        yield connected
        made = [name for (name,) in connected.execute("select rolname from pg_roles") if name not in before]
        for name in made:
            connected.execute(f'drop owned by "{name}" cascade'.encode())
        for name in made:
            connected.execute(f'drop role "{name}"'.encode())


@pytest.mark.parametrize("seed", range(4))
def test_what_chance_makes_of_tenants_is_mended(
    seed: int,
    database: Target,
    connection: psycopg.Connection[Any],
    snapshot: Snapshot,
    policy_of: Callable[..., Policy],
) -> None:
    chance = random.Random(seed)  # noqa: S311  (nothing secret)
    for statement in any_database(chance):
        connection.execute(statement.encode())
    closed = close(database, policy_of(POLICY), snapshot)
    closed.check()
    assert len({rule for rule in rules_of(closed.before) if "tenant" in rule or "rls" in rule}) >= 4


def any_database(chance: random.Random) -> Iterator[str]:
    """Yield what makes tables of tenants, and views of them, as chance will have it."""
    tables = [f"visit_{number}" for number in range(8)]
    for number, table in enumerate(tables):
        yield from any_table(chance, table, tables[:number])
    for number in range(5):
        yield from any_view(chance, f"view_{number}", chance.choice(tables))
    if chance.random() < 0.5:
        yield f"grant select on all tables in schema public to {DUMP}"


def any_table(chance: random.Random, table: str, others: list[str]) -> Iterator[str]:
    def perhaps(text: str, likely: float = 0.5) -> str:
        return text if chance.random() < likely else ""

    partitioned = chance.random() < 0.25
    key = chance.choice(["primary key (org_id, id)", "primary key (id)"])
    columns = [
        f"org_id bigint{perhaps(' not null')}{perhaps(' default 1', 0.3)}",
        "id bigint generated always as identity",
        f"number int{perhaps(' unique') if not partitioned else ''}",
        f"code text{perhaps(' unique', 0.3) if not partitioned else ''}",
        "amount numeric(10, 2)",
        "other_id bigint",
        key,
    ]
    yield f"create table {table} ({', '.join(columns)}){' partition by hash (id)' if partitioned else ''}"
    if partitioned:
        yield f"create table {table}_0 partition of {table} for values with (modulus 1, remainder 0)"
    if not partitioned:
        yield f"create unique index {table}_id on {table} (id{perhaps(', org_id')})"
    for number in range(chance.randrange(4)):
        columns = chance.sample(["org_id", "id", "number", "code", "amount", "other_id", "lower(code)"], 2)
        unique = "" if partitioned else perhaps("unique ", 0.2)
        yield f"create {unique}index {table}_{number}_idx on {table} ({', '.join(columns)})"
    yield f"alter table {table} owner to {OWNER}"
    if chance.random() < 0.6:
        yield f"alter table {table} enable row level security{perhaps(', force row level security')}"
        yield f"create policy tenant_floor on {table} as restrictive using ({TENANT}) with check ({TENANT})"
        yield f"create policy tenant_rows on {table} using ({TENANT}) with check ({TENANT})"
    rights = ", ".join(chance.sample(["select", "insert", "update", "delete", "truncate"], 3))
    yield f"grant {rights} on {table} to {chance.choice([APP, 'public'])}"
    if partitioned and chance.random() < 0.5:
        yield f"grant select on {table}_0 to {APP}"
    for other in chance.sample(others, min(len(others), 2)):
        yield (
            f"do $$ begin alter table {table} add foreign key (other_id) references {other} (id);"
            " exception when invalid_foreign_key or feature_not_supported then null; end $$"
        )


def any_view(chance: random.Random, name: str, table: str) -> Iterator[str]:
    kind = chance.choice(["view", "materialized view"])
    yield f"grant select on {table} to {OWNER}, {BOSS}"
    yield f"create {kind} {name} as select org_id, id, amount from {table}"
    yield f"alter {kind} {name} owner to {chance.choice([OWNER, BOSS])}"
    if chance.random() < 0.7:
        yield f"grant select on {name} to {chance.choice([APP, 'public'])}"
