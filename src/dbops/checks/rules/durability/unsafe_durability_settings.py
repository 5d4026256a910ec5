"""A setting gives up what a commit promises.

## What it detects

- `fsync = off`, or `full_page_writes = off`: errors.
- `zero_damaged_pages`, `ignore_checksum_failure` or `ignore_invalid_pages` on: errors; for one role or database,
  warnings.
- `synchronous_commit = off` for the whole server: a warning; for a role or a database: an info, since somebody chose
  what may be lost.
- `wal_level = minimal`: a warning.

## Why it matters

These settings trade the data for speed, or for getting something out of a damaged table. Without fsync or full page
writes a crash of the machine can leave a cluster that does not start, or one that starts with silently wrong pages,
which then go into every backup. The next three delete or pass over damage instead of stopping at it. With
synchronous_commit off, commits that were confirmed may be gone after a crash; nothing is corrupted. With the minimal
log there can be no base backup, no archive and no standby.

## How to fix

Reset them. All but wal_level take effect with a reload. A cluster that ran without fsync is safe only from the moment
when everything that it wrote is on disk: `checkpoint`, then `initdb --sync-only` on the stopped server, or an operating
system's sync. One that has crashed meanwhile should be restored from a backup.

## What it does not see

File systems that write whole pages (ZFS, or storage that says so), where full_page_writes is not needed: accept the
finding with a waiver. Write caches that lie. Settings that a session or a function makes for itself; the server's value
of synchronous_commit where the audit's own role has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import DurabilityOverride, DurabilitySettings
from dbops.checks.names import literal, quote
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.ERROR, needs=[DurabilitySettings, DurabilityOverride])

_ON = frozenset({"on", "true", "yes", "1", "t", "y"})
_OFF = frozenset({"off", "false", "no", "0", "f", "n"})
# How many rounds of the WAL writer a commit may wait to be written, by PostgreSQL's own documentation.
_ROUNDS = 3
_RELOAD_LOCKS = "None. Outside a transaction, as a superuser; every process follows within seconds."


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each setting that makes commits unsafe, the server's first."""
    [settings] = catalog.rows(DurabilitySettings)
    if not settings.fsync:
        yield _of_server("fsync", "is off: after a crash of the machine the whole cluster may be unusable", "on")
    if not settings.full_page_writes and not settings.storage_keeps_log:
        detail = "is off: a page that a crash leaves half written cannot be mended"
        yield _of_server("full_page_writes", detail, "on")
    if settings.zero_damaged_pages:
        yield _of_server("zero_damaged_pages", "is on: reading a damaged page empties it for good", "off")
    if settings.ignore_checksum_failure:
        detail = "is on: pages with a wrong checksum are read, and written back, as if they were right"
        yield _of_server("ignore_checksum_failure", detail, "off")
    if settings.ignore_invalid_pages:
        detail = "is on: recovery passes over what it cannot apply, and starts a cluster with holes"
        yield _of_server("ignore_invalid_pages", detail, "off", reload=False)
    if (settings.synchronous_commit or "").lower() in _OFF:
        yield _of_server("synchronous_commit", f"is off for all: {_lost(settings)}", "on", Severity.WARNING)
    if settings.wal_level == "minimal":
        detail = "is minimal: no base backup, no archive and no standby is possible"
        yield _of_server("wal_level", detail, "replica", Severity.WARNING, reload=False)
    for override in catalog.rows(DurabilityOverride):
        if draft := _of_some(override, settings):
            yield draft


def _lost(settings: DurabilitySettings) -> str:
    return f"a crash loses what was committed in the last {_ROUNDS * settings.wal_writer_delay_ms} ms"


def _of_server(name: str, detail: str, value: str, severity: Severity | None = None, *, reload: bool = True) -> Draft:
    then = "select pg_catalog.pg_reload_conf();" if reload else "-- then restart the server"
    return Draft(
        object=name,
        detail=detail,
        severity=severity,
        verify=statement("setting", name),
        fix=Fix(
            f"alter system set {name} = {literal(value)};\n{then}",
            f"alter system reset {name};\n{then}",
            _RELOAD_LOCKS if reload else "None until the restart, which ends all sessions. As a superuser.",
        ),
    )


def _of_some(override: DurabilityOverride, settings: DurabilitySettings) -> Draft | None:
    """Return what a role or database has set for itself, None where it is on the safe side."""
    value = override.value.lower()
    if override.name == "synchronous_commit":
        detail = f"is off for {_whose(override)}: {_lost(settings)}" if value in _OFF else None
    else:
        detail = f"is on for {_whose(override)}: what is damaged is passed over" if value in _ON else None
    if detail is None:
        return None
    who = _spelled(override)
    return Draft(
        object=override.name,
        detail=detail,
        signature=(override.role or "", override.database or ""),
        severity=Severity.INFO if override.name == "synchronous_commit" else Severity.WARNING,
        verify=statement("setting", override.name),
        fix=Fix(
            f"alter {who} reset {override.name};",
            f"alter {who} set {override.name} = {literal(override.value)};",
            "None; sessions follow when they connect anew.",
        ),
    )


def _whose(override: DurabilityOverride) -> str:
    role = f"the role {quote(override.role)}" if override.role else ""
    if override.database is None:
        return role or "all roles"
    return f"{role} in this database" if role else "this database"


def _spelled(override: DurabilityOverride) -> str:
    """Return the words of ALTER that the setting hangs on."""
    if override.role is None and override.database is not None:
        return f"database {quote(override.database)}"
    where = f" in database {quote(override.database)}" if override.database else ""
    return f"role {quote(override.role) if override.role else 'all'}{where}"
