"""The write-ahead log is not archived.

## What it detects

That finished segments of the write-ahead log reach no archive: `archive_mode` is off, it is on without a command or
library, the command does nothing (`/bin/true`), the archiver's last word is that it failed, or a segment has waited for
longer than the RPO, as when the command hangs and so never fails. Where an RPO is declared, it is also compared with
`archive_timeout`, which bounds how long a segment that fills slowly stays on this server alone.

It is an error where an RPO is declared (in `dbops.toml`, or by a variable) and missed by that, and a warning where the
RPO is only the default. A standby that replays the log caps the severity at warning: it survives the loss of this
server, and repeats a wrong statement at once. Where a program such as pg_receivewal or Barman streams the log, nothing
is amiss with `archive_mode` off.

## Why it matters

Without an archive the newest backup is all there is: everything since is lost with the disk, and no statement that
deleted too much can be undone. A failing archiver loses the same, and keeps every segment besides, until the disk is
full and the server stops.

## How to fix

Off: choose a tool that archives (pgBackRest, WAL-G, Barman), set `archive_command` or `archive_library`, then
`archive_mode`, which takes a restart, and take a base backup afterwards. Failing: the server's log holds what the
command wrote; mend the cause, the archiver goes on by itself. A command that hangs has to be ended. Set
`archive_timeout` below the RPO. A database that nobody has to recover to the minute declares no RPO; one that is thrown
away, as in CI, ignores this rule.

## What it does not see

Whether what was archived can be restored: that takes a drill. Whether a command that reports success has stored
anything. Hosted services that keep the log by other means, Aurora apart; accept the finding there with a waiver that
says so. Segments that wait are shown to members of pg_monitor alone. A program that streams the log under another name
than its own counts as a standby.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbops.checks.catalog import ArchiveBacklog, Archiver, DurabilitySettings, WalSender
from dbops.checks.quantities import span
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.verify import statement
from dbops.quantities import counted
from dbops.settings import spell_duration
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[DurabilitySettings, Archiver], refines=[ArchiveBacklog, WalSender])

# pg_receivewal names itself so, Barman's is barman_receive_wal.
_ARCHIVING_PROGRAM = re.compile(r"receive_?wal|receivexlog", re.IGNORECASE)
_NO_LOCKS = "None. As a superuser; every process follows within seconds."
_RESTART = "None until the restart, which ends all sessions. As a superuser."


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield what keeps the log from an archive, or keeps it too long."""
    [settings] = catalog.rows(DurabilitySettings)
    if settings.storage_keeps_log:
        raise RuleSkippedError(
            "the service's own storage keeps the log", hint="its console says how far back it can restore"
        )
    if catalog.server.in_recovery and settings.archive_mode != "always":
        raise RuleSkippedError(
            "this server is a standby, which does not archive", hint="audit the primary, or set archive_mode = always"
        )
    if settings.archive_mode == "off":
        if not _programs(catalog):
            yield _off(catalog, policy, settings)
        return
    if not settings.archive_library and settings.archive_command != "set":
        yield _nowhere(catalog, policy, settings)
        return
    yield from _failing(catalog, policy)
    yield from _unbounded(catalog, policy, settings)


def _off(catalog: Catalog, policy: Policy, settings: DurabilitySettings) -> Draft:
    minimal = "; wal_level is minimal, so nothing could be" if settings.wal_level == "minimal" else ""
    lines = [
        "-- name a place that outlives this server, by the tool that backs it up:",
        "-- alter system set archive_command = '...';",
        *(["-- alter system set wal_level = replica;"] if minimal else []),
        "-- then restart the server after:",
        "-- alter system set archive_mode = on;",
    ]
    return _draft(
        policy,
        "archive_mode",
        f"is off: no segment of the log is archived{minimal}{_promised(policy)}{_copies(catalog)}",
        "off",
        severity=_severity(catalog, policy),
        fix=Fix("\n".join(lines), None, _RESTART),
    )


def _nowhere(catalog: Catalog, policy: Policy, settings: DurabilitySettings) -> Draft:
    if settings.archive_command == "no-op":
        text = "does nothing and reports success: every segment counts as archived, and none is"
    else:
        text = "is empty, with archive_mode on: segments pile up until the disk is full"
    fix = Fix(
        "-- name a place that outlives this server, by the tool that backs it up:\n"
        "-- alter system set archive_command = '...';\n-- select pg_catalog.pg_reload_conf();",
        None,
        _NO_LOCKS,
    )
    detail = f"{text}{_promised(policy)}{_copies(catalog)}"
    return _draft(
        policy,
        "archive_command",
        detail,
        settings.archive_command,
        severity=_severity(catalog, policy),
        fix=fix,
    )


def _failing(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield that the archiver fails, or that it has not said anything for too long."""
    [archiver] = catalog.rows(Archiver)
    backlog = next(iter(catalog.rows_if_readable(ArchiveBacklog)), None)
    limit = policy.rpo.value.total_seconds()
    waits = f"; {_segments(backlog)}" if backlog and backlog.segments else ""
    if archiver.failing:
        since = archiver.last_archived_seconds
        last = "nothing was ever archived" if since is None else f"the last success was {span(since)} ago"
        # Until the RPO has passed since the last success nothing is lost that may not be.
        missed = since is None or since > limit
        yield _draft(
            policy,
            "archiver",
            f"fails at {archiver.last_failed}, {_times(archiver.failed)} in all; {last}{waits}"
            f"{_promised(policy)}{_copies(catalog)}",
            "failing",
            severity=_severity(catalog, policy) if missed else None,
        )
    elif backlog and backlog.segments and backlog.oldest_seconds > limit:
        yield _draft(
            policy,
            "archiver",
            f"has not finished, and does not fail: {_segments(backlog)}, more than the RPO of"
            f" {_rpo(policy)}; the command hangs or is too slow{_copies(catalog)}",
            "behind",
            severity=_severity(catalog, policy),
        )


def _unbounded(catalog: Catalog, policy: Policy, settings: DurabilitySettings) -> Iterator[Draft]:
    """Yield that a declared RPO is longer kept on this server alone than it may be."""
    timeout, limit = settings.archive_timeout_seconds, policy.rpo.value
    if (
        not policy.rpo.declared
        or 0 < timeout <= limit.total_seconds()
        or catalog.server.in_recovery
        or _copies(catalog)
    ):
        return
    text = f"is {span(timeout)}" if timeout else "is off"
    wanted = max(1, int(limit.total_seconds()) // 3)
    yield Draft(
        object="archive_timeout",
        detail=f"{text}, and the RPO is {_rpo(policy)}: when little is written, a segment is archived later",
        signature=("archive_timeout",),
        verify=statement("archiving", "archive_timeout"),
        location=policy.rpo.location,
        fix=Fix(
            f"alter system set archive_timeout = '{wanted}s';\nselect pg_catalog.pg_reload_conf();",
            f"alter system set archive_timeout = '{timeout}s';\nselect pg_catalog.pg_reload_conf();",
            f"{_NO_LOCKS} Each switch archives a whole segment, mostly empty: compress them.",
        ),
    )


def _draft(  # noqa: PLR0913  (a finding has these parts)
    policy: Policy, name: str, detail: str, what: str, *, severity: Severity | None, fix: Fix | None = None
) -> Draft:
    return Draft(
        object=name,
        detail=detail,
        signature=(what,),
        severity=severity,
        verify=statement("archiving", name),
        fix=fix,
        location=policy.rpo.location,
    )


def _severity(catalog: Catalog, policy: Policy) -> Severity | None:
    """Return how bad it is to miss the RPO: None, a warning, where nobody declared it or somebody else has the log."""
    return Severity.ERROR if policy.rpo.declared and not catalog.rows_if_readable(WalSender) else None


def _promised(policy: Policy) -> str:
    return f"; the RPO is {_rpo(policy)}" if policy.rpo.declared else ""


def _rpo(policy: Policy) -> str:
    return spell_duration(policy.rpo.value)


def _programs(catalog: Catalog) -> list[str]:
    """Return the programs that archive the log by streaming it."""
    names = [row.application for row in catalog.rows_if_readable(WalSender)]
    return [name for name in names if _ARCHIVING_PROGRAM.search(name)]


def _others(catalog: Catalog) -> int:
    """Return how many are sent the log besides."""
    return len(catalog.rows_if_readable(WalSender)) - len(_programs(catalog))


def _copies(catalog: Catalog) -> str:
    """Say who else has the log, nothing where nobody has."""
    if programs := _programs(catalog):
        return f"; {', '.join(programs)} receives the log as well"
    if not (count := _others(catalog)):
        return ""
    standbys = "a standby has" if count == 1 else f"{count} standbys have"
    return f"; {standbys} the log as well, which helps when this server is lost, and not when rows are deleted"


def _segments(backlog: ArchiveBacklog) -> str:
    waits = counted(backlog.segments, "segment waits", "segments wait")
    return f"{waits}, the oldest for {span(backlog.oldest_seconds)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
