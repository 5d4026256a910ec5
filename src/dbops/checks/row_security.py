"""SQL that switches row-level security on, with policies where there are none: alone it would hide every row.

What it does not do: judge policies that are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.names import literal, quote
from dbops.checks.remediation import Fix

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog, Column
    from dbops.settings import TenancyTable

_LOCKS = "ACCESS EXCLUSIVE on the table for an instant; nothing is read or rewritten."


def enable_row_security(table: str) -> Fix:
    """Return what makes the policies of a table count, for its owner too; `table` is its canonical name."""
    return Fix(
        f"alter table {table} enable row level security, force row level security;",
        f"alter table {table} disable row level security, no force row level security;",
        _LOCKS,
    )


def force_row_security(table: str) -> Fix:
    """Return what makes the owner of a table obey its policies."""
    return Fix(
        f"alter table {table} force row level security;", f"alter table {table} no force row level security;", _LOCKS
    )


def isolate_tenants(catalog: Catalog, tenancy: TenancyTable, table: str, column: Column) -> Fix:
    """Return policies that let each tenant see and write its own rows, and only then switch them on."""
    on = enable_row_security(table)
    setting = f"current_setting({literal(tenancy.setting)}, true)"
    tenant = f"(select nullif({setting}, '')::{catalog.types[column.type].name})"
    same = f"{quote(column.name)} = {tenant}"
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
        _LOCKS,
    )
