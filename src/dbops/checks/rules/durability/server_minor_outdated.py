"""Published fixes of PostgreSQL are missing.

## What it detects

That the server is older than the newest minor release of its major that this version of dbops knows of, or of a major
that gets no fixes any more; and the same of the client programs that a backup from this machine would be made and
restored with. The releases that it knows are those of November 2026: 15.20, 16.16, 17.12 and 18.7; 14 and older are
past their end of life.

## Why it matters

A minor release holds nothing but fixes, some of them for lost or corrupted data, some for security. Client programs
count as well: the psql of 15.18 runs shell commands that somebody has hidden in a dump.

## How to fix

Update the packages and restart the server; the data stays as it is, but read the release notes for what to rebuild
afterwards (indexes, now and then). Client programs need no restart. Of a major that is past its end, plan the upgrade.

## What it does not see

Fixes that a distribution or a hosted service has put into an older number, releases that came out after this version of
dbops, and programs on other machines. It says nothing about a new major.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import ClientPrograms, ServerRelease
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.connection.binaries import outdated
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[ServerRelease], refines=[ClientPrograms])


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield the server, and each set of client programs, that lacks fixes."""
    [server] = catalog.rows(ServerRelease)
    if behind := outdated(server.version):
        yield Draft(
            object="the server",
            detail=behind,
            verify=statement("version", ""),
            fix=Fix(
                "-- update its packages, then restart it", None, "None until the restart, which ends all sessions."
            ),
        )
    for programs in catalog.rows_if_readable(ClientPrograms):
        if behind := outdated(programs.version):
            yield Draft(
                object=", ".join(programs.names),
                subject="client programs",
                detail=f"{behind} ({programs.origin})",
                fix=Fix("-- update the packages of the client programs on this machine", None, "None."),
            )
