"""A function that runs with its owner's rights looks up names where its caller says.

## What it detects

SECURITY DEFINER functions and procedures that somebody besides their owner may call, or that are triggers, and that

- fix no `search_path`, or one with `$user` in it: a warning;
- fix one that does not end with `pg_temp` (an empty one aside): temporary tables then come before all others; an info;
- may be called by PUBLIC while their owner passes by row-level security: a warning.

What is left is the way to look across tenants on purpose. The lookup of a passkey (WebAuthn), which has to find a
credential before the tenant is known, is such a function: owned by a role that passes by row-level security and may
read nothing else, with a fixed `search_path`, callable by the application and nobody else. It is not reported.

## Why it matters

A caller who sets `search_path`, or makes a temporary table, decides what a bare name in such a function means: a table
of the caller's own, or a function and an operator that then run with the owner's rights. Where the owner passes by
row-level security that is the way to every tenant. PUBLIC may call a new function unless somebody revokes it.

## How to fix

Run the statements of the finding. They fix the path that names are looked up by today, with `pg_temp` behind it; a
schema of that path in which callers may create things is still a danger, so qualify names in the body and shorten the
path to `pg_catalog, pg_temp`. Where it is PUBLIC that may call it, and it is configured who the application is, the
right goes to those roles alone.

## What it does not see

What the body does with names that it builds itself, and functions that call such a function. Functions of extensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks import access, tenants
from dbops.checks.access import app_roles, passes_by
from dbops.checks.catalog import DefinerFunction, SearchPath
from dbops.checks.names import qualified, quote, unquote
from dbops.checks.reachable import role_of
from dbops.checks.remediation import Fix
from dbops.checks.roles import GRANT_LOCKS, joined
from dbops.checks.rule import Draft, Rule
from dbops.checks.search_paths import parse_path, spell_path
from dbops.checks.tenants import tenancy_of, tenant_tables
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[*tenants.NEEDED, *access.NEEDED, DefinerFunction], refines=[SearchPath])

_SETTING = "search_path="
_DEFAULT = '"$user", public'
_USER, _TEMPORARY = "$user", "pg_temp"
_LOCKS = "None on tables. Calls that have begun go on as they are."


class Danger(NamedTuple):
    """One way to misuse a function: its name for the fingerprint, a sentence, how bad, and what mends it."""

    name: str
    detail: str
    severity: Severity
    fix: Fix | None


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each function that its callers can turn to their own ends."""
    tenancy_of(catalog, policy)
    for function in catalog.rows(DefinerFunction):
        if dangers := [*_of_its_path(catalog, function), *_of_its_callers(catalog, policy, function)]:
            yield _draft(function, dangers)


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Every SECURITY DEFINER function."""
    tenancy_of(catalog, policy)
    total = len(catalog.rows(DefinerFunction))
    return Scope(checked=total, total=total)


def _draft(function: DefinerFunction, dangers: list[Danger]) -> Draft:
    name = _name(function)
    return Draft(
        object=name,
        detail=f"runs as {quote(function.owner)}; " + "; ".join(danger.detail for danger in dangers),
        signature=tuple(danger.name for danger in dangers),
        severity=max((danger.severity for danger in dangers), key=list(Severity).index),
        verify=statement("rights_of_function", name),
        fix=joined(danger.fix for danger in dangers),
    )


def _name(function: DefinerFunction) -> str:
    return f"{qualified(function.schema, function.name)}({function.arguments})"


# Where names are looked up


def _of_its_path(catalog: Catalog, function: DefinerFunction) -> Iterator[Danger]:
    if not function.trigger and not _callers(function):
        return
    was = next((text.removeprefix(_SETTING) for text in function.settings if text.startswith(_SETTING)), None)
    path = parse_path(was) if was is not None else ()
    alter = f"alter routine {_name(function)}"
    back = f"{alter} reset search_path;" if was is None else f"{alter} set search_path = {spell_path(path)};"
    if was is None or _USER in path:
        wanted = spell_path(_path_today(catalog, function, path))
        said = "the caller decides where it looks up names" if was is None else f"its search_path is {was}"
        fix = Fix(f"{alter} set search_path = {wanted};", back, _LOCKS)
        yield Danger("search_path", said, Severity.WARNING, fix)
    elif any(path) and path[-1] != _TEMPORARY:
        wanted = spell_path((*(schema for schema in path if schema != _TEMPORARY), _TEMPORARY))
        fix = Fix(f"{alter} set search_path = {wanted};", back, _LOCKS)
        yield Danger("pg_temp", "temporary tables come first in its search_path", Severity.INFO, fix)


def _path_today(catalog: Catalog, function: DefinerFunction, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the schemas that a caller with the usual path has it look in, its own among them, and pg_temp last."""
    usual = next((row.path for row in catalog.rows_if_readable(SearchPath) if row.role is None), _DEFAULT)
    schemas = [schema for schema in path or parse_path(usual) if schema and schema not in {_USER, _TEMPORARY}]
    return (*dict.fromkeys([*schemas, function.schema]), _TEMPORARY)


# Who calls it


def _callers(function: DefinerFunction) -> list[str]:
    """Return whoever may call it besides its owner; nothing stands for PUBLIC."""
    callers = (item.rpartition("/")[0].rpartition("=")[0] for item in function.items)
    names = (unquote(text) if text.startswith('"') else text for text in callers)
    return [name for name in names if name != function.owner]


def _of_its_callers(catalog: Catalog, policy: Policy, function: DefinerFunction) -> Iterator[Danger]:
    if function.trigger or "" not in _callers(function) or not _passes_by(catalog, policy, function):
        return
    name = _name(function)
    heirs = ", ".join(quote(role.name) for role in app_roles(catalog, policy))
    fix = None
    if heirs:
        fix = Fix(
            f"revoke execute on routine {name} from public;\ngrant execute on routine {name} to {heirs};",
            f"grant execute on routine {name} to public;\nrevoke execute on routine {name} from {heirs};",
            GRANT_LOCKS,
        )
    yield Danger("public", "PUBLIC may call it, and row-level security does not apply to it", Severity.WARNING, fix)


def _passes_by(catalog: Catalog, policy: Policy, function: DefinerFunction) -> bool:
    owner = role_of(catalog, function.owner)
    if owner is None:
        return False
    if owner.superuser or owner.bypass_rls:
        return True
    tables = (tenant.table for tenant in tenant_tables(catalog, policy))
    return any(table.rls_enabled and passes_by(catalog, owner, table) for table in tables)
