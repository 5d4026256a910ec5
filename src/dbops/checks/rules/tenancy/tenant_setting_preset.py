"""Sessions begin with a tenant that nobody chose.

## What it detects

`ALTER ROLE … SET`, `ALTER DATABASE … SET` and `ALTER ROLE … IN DATABASE … SET` of the tenant's setting
(`[tenancy] setting`) to anything but the empty string. Where `[tenancy] app_roles` is configured, roles that are not
among them are left out: one that reports on a single tenant may well be tied to it.

## Why it matters

A request that forgets to set its tenant works, as the preset one, and its rows are read and written in the wrong
tenant's name. Every RESET and every new connection of the pool falls back to it.

## How to fix

Reset it, with the statement of the finding; sessions that are open keep it until they end.

## What it does not see

Values from `postgresql.conf`, from `ALTER SYSTEM`, from the connection string of the application (`options=-c …`), and
functions with a SET clause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.access import app_roles
from dbops.checks.catalog import Role, SettingPreset
from dbops.checks.names import literal, quote
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.setting_reads import same_setting
from dbops.checks.tenants import NEEDED, tenancy_of
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.ERROR, needs=(*NEEDED, Role, SettingPreset))

_LOCKS = "None on tables. New sessions feel it."


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each preset of the tenant's setting."""
    setting = tenancy_of(catalog, policy).setting
    ours = {role.name for role in app_roles(catalog, policy)}
    for preset in catalog.rows(SettingPreset):
        if same_setting(preset.name, setting) and preset.value != "" and (not ours or preset.role in {None, *ours}):
            yield _draft(preset)


def _draft(preset: SettingPreset) -> Draft:
    where = f" in the database {quote(preset.database)}" if preset.database else ""
    whose = f"the role {quote(preset.role)}" if preset.role else "every role"
    return Draft(
        object=quote(whom) if (whom := preset.role or preset.database) else "all roles",
        detail=f"sessions of {whose}{where} begin with {preset.name} set",
        signature=("role" if preset.role else "", "database" if preset.database else ""),
        verify=statement("presets_of_setting", preset.name),
        fix=_fix(preset),
    )


def _fix(preset: SettingPreset) -> Fix:
    """Return what resets it; without a way back where the value is not known."""
    target = f"role {quote(preset.role)}" if preset.role else "role all"
    if preset.database:
        place = quote(preset.database)
        target = f"{target} in database {place}" if preset.role else f"database {place}"
    name = ".".join(map(quote, preset.name.split(".")))
    undo = f"alter {target} set {name} = {literal(preset.value)};" if preset.value else None
    return Fix(f"alter {target} reset {name};", undo, _LOCKS)
