"""Tables whose tenant another table tells: proven by where rows stand, found where they leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbops.drill.isolation.options import IsolationOptions
from dbops.drill.isolation.verdicts import Outcome

from .conftest import APP, DOCS, HEALTHY, OWNER

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.target import Target

    from .conftest import Probed

    Plant = Callable[..., Target]
    Probe = Callable[..., Probed]

OPTIONS = IsolationOptions(app_roles=(APP,), tables=[("public", "lines"), ("public", "gone")])
LINES = f"""
    set role {OWNER};
    create table public.lines (doc_id bigint not null references public.docs (id), n int not null, text text,
        primary key (doc_id, n));
    alter table public.lines enable row level security, force row level security;
    grant select, insert, update, delete on public.lines to {APP};
    reset role;
    insert into public.lines select id, n, 'x' from public.docs, generate_series(1, 3) as n;
"""
# The policies of docs say which of them exist, for whoever asks.
THEIRS = "exists (select from public.docs where docs.id = lines.doc_id)"


@pytest.fixture
def source(planted: Plant) -> Target:
    """As a superuser fills it: the owner obeys the policies of docs."""
    return planted(DOCS, LINES, HEALTHY)


def test_a_table_without_a_tenant_column_is_proven_by_where_its_rows_stand(
    source: Target, planted: Plant, probe: Probe
) -> None:
    planted(f"create policy theirs on public.lines using ({THEIRS}) with check ({THEIRS})")
    found = probe(source, OPTIONS)
    assert {"public.docs": Outcome.PASS, "public.lines": Outcome.PASS} == found.outcomes()
    rows = {one.rows for one in found.verdict("public.lines").observations if one.probe == "read own"}
    assert {30} == rows


def test_what_both_tenants_see_or_reach_is_found(source: Target, planted: Plant, probe: Probe) -> None:
    planted("create policy theirs on public.lines using (true)")
    leaks = probe(source, OPTIONS).leaks("public.lines")
    assert {"read foreign", "read, no tenant", "update, no tenant"} <= leaks


@pytest.mark.parametrize(
    ("command", "leaks"),
    [
        ("for delete using (true)", {"blind delete", "delete, no tenant", "delete, empty tenant"}),
        ("for insert with check (true)", {"insert foreign"}),
        ("for update using (true) with check (true)", {"blind update", "update, no tenant", "update, empty tenant"}),
    ],
)
def test_a_policy_for_one_command_that_is_open_is_found_by_it(
    source: Target, planted: Plant, probe: Probe, command: str, leaks: set[str]
) -> None:
    planted(
        f"create policy theirs on public.lines using ({THEIRS}) with check ({THEIRS})",
        f"create policy more on public.lines {command}",
    )
    assert leaks == probe(source, OPTIONS).leaks("public.lines")


def test_a_listed_table_that_shows_nobody_anything_is_inconclusive(source: Target, probe: Probe) -> None:
    assert Outcome.INCONCLUSIVE is probe(source, OPTIONS).outcomes()["public.lines"]
