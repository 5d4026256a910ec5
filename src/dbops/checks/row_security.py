"""SQL that switches row-level security on, and that makes its policies hold.

Switched on alone it would hide every row, so policies come with it where there are none. A policy is mended in one way,
whichever rule speaks of it: two findings about one policy print the same statement, and no fix takes back another's.
Read once for a statement, the tenant is null where the session has none, and nothing equals null.
What it does not do: judge policies (`row_policies.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.holds import Hold
from dbops.checks.names import fresh_name, literal, quote
from dbops.checks.remediation import Fix
from dbops.checks.row_policies import calls_of, hold_of, misread
from dbops.checks.setting_reads import made_safe
from dbops.checks.tenants import tenancy_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dbops.checks.catalog import Catalog, Column, RowPolicy
    from dbops.checks.policy import Policy
    from dbops.checks.row_policies import Judged
    from dbops.settings import TenancyTable

LOCKS = "ACCESS EXCLUSIVE on the table for an instant; nothing is read or rewritten."


def enable_row_security(table: str) -> Fix:
    """Return what makes the policies of a table count, for its owner too; `table` is its canonical name."""
    return Fix(
        f"alter table {table} enable row level security, force row level security;",
        f"alter table {table} disable row level security, no force row level security;",
        LOCKS,
    )


def force_row_security(table: str) -> Fix:
    """Return what makes the owner of a table obey its policies."""
    return Fix(
        f"alter table {table} force row level security;", f"alter table {table} no force row level security;", LOCKS
    )


def isolate_tenants(catalog: Catalog, tenancy: TenancyTable, table: str, column: Column) -> Fix:
    """Return policies that let each tenant see and write its own rows, and only then switch them on."""
    on = enable_row_security(table)
    same = same_tenant(catalog, tenancy, column)
    return Fix(
        "\n".join(
            (
                "begin;",
                f"create policy tenant_floor on {table} as restrictive using ({same}) with check ({same});",
                f"create policy tenant_rows on {table} using ({same}) with check ({same});",
                on.sql,
                "commit;",
            )
        ),
        "\n".join(
            ("begin;", on.undo or "", f"drop policy tenant_rows on {table};", f"drop policy tenant_floor on {table};")
        )
        + "\ncommit;",
        LOCKS,
    )


def same_tenant(catalog: Catalog, tenancy: TenancyTable, column: Column) -> str:
    """Return the condition that a row is the session's tenant's."""
    return tenant_condition(column.name, tenancy.setting, catalog.types[column.type].name)


def tenant_condition(column: str, setting: str, data_type: str) -> str:
    """Return the condition that a row is the session's tenant's; `data_type` is spelled as SQL does."""
    return f"{quote(column)} = (select nullif(current_setting({literal(setting)}, true), '')::{data_type})"


def mend_policies(catalog: Catalog, policy: Policy, judged: Judged, rows: Iterable[RowPolicy]) -> Fix | None:
    """Return what makes policies of a table hold, and reads in them safe; None where that is a person's to write."""
    altered = [
        _altered(catalog, policy, judged, row) for row in sorted(set(rows), key=lambda row: (row.name, row.command))
    ]
    done = [one for one in altered if one]
    if not done or len(done) != len(altered):
        return None
    return Fix("\n".join(forth for forth, _ in done), "\n".join(back for _, back in done), LOCKS)


def _altered(catalog: Catalog, policy: Policy, judged: Judged, row: RowPolicy) -> tuple[str, str] | None:
    """Return the statement that mends one policy and the one that takes it back, None where nothing would change."""
    was = (row.using_expression, row.check_expression)
    now = tuple(_mended(catalog, policy, judged, row, text) for text in was)
    if now == was:
        return None
    head = f"alter policy {quote(row.name)} on {judged.name}"
    return f"{head}{_clauses(*now)};", f"{head}{_clauses(*was)};"


def _clauses(using: str | None, check: str | None) -> str:
    parts = ((" using", using), (" with check", check))
    return "".join(f"{word} ({text})" for word, text in parts if text is not None)


def _mended(catalog: Catalog, policy: Policy, judged: Judged, row: RowPolicy, text: str | None) -> str | None:
    if text is None:
        return None
    tenancy = tenancy_of(catalog, policy)
    hold = hold_of(catalog, policy, judged, row, text)
    floor = same_tenant(catalog, tenancy, judged.column) if judged.column else None
    if hold is Hold.ALWAYS_TRUE:
        return floor or text
    if judged.tied(row):
        renamed = misread(catalog, tenancy, row)
        renamed = renamed if len(renamed) == 1 else ()
        text = made_safe(text, tenancy.setting, renamed=renamed, calls=calls_of(catalog, row))
    return f"{text} and {floor}" if floor and hold < Hold.BINDS else text


def allow_commands(catalog: Catalog, tenancy: TenancyTable, judged: Judged, wanted: Mapping[str, Sequence[str]]) -> Fix:
    """Return permissive policies for commands, by word (`insert`), each for the roles that want it."""
    if judged.column is None:
        raise ValueError("a policy needs a tenant column")
    same = same_tenant(catalog, tenancy, judged.column)
    taken = {row.name for row in judged.policies}
    forth, back = [], []
    for command, roles in wanted.items():
        name = fresh_name("tenant", (command,), taken, plain=True, shape=judged.name)
        forth.append(create_policy(name, judged.name, command, ", ".join(map(quote, roles)), same))
        back.append(f"drop policy {quote(name)} on {judged.name};")
    return Fix("\n".join(forth), "\n".join(back), LOCKS)


def create_policy(name: str, table: str, command: str, roles: str, condition: str) -> str:
    """Return the statement that lets roles do one thing with the rows for which a condition holds."""
    using = "" if command == "insert" else f" using ({condition})"
    check = f" with check ({condition})" if command in {"insert", "update"} else ""
    return f"create policy {quote(name)} on {table} for {command} to {roles}{using}{check};"
