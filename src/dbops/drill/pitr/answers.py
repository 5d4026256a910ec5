"""The checks of a drill to a moment, as a report holds them. What this does not do: find anything out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dbops.model import Check, CheckStatus, Finding, Scope, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

_TITLES = {
    "base-backup": "The base backup is whole",
    "wal-archived": "What was just committed reaches the archive",
    "wal-timeline": "The archive holds no later timeline than the server's",
    "wal-complete": "The archived log is whole from the base backup to its newest segment",
    "recovered-to-time": "Recovered to a time, the copy has what was committed before it and nothing after",
    "recovered-to-tip": "Recovered to the newest archived record, the copy has every commit that is archived",
    "archive-untouched": "The archive is as it was before the drill",
    "wal-control": "A hole that is known is found",
}
_WHY = {
    "wal-archived": "what is not archived is lost with the server, and no recovery to a later moment is possible",
    "wal-timeline": "a recovery with default settings follows the newest timeline, and loses what this one has",
    "wal-complete": "a recovery over a hole ends well and says nothing; everything after the hole is lost",
    "recovered-to-time": "after a mistake of an operator the state before it could not be had",
    "recovered-to-tip": "what is archived could not be had back",
    "archive-untouched": "a drill must not change what it proves",
    "wal-control": "a check that cannot fail proves nothing",
}


def passed(name: str, method: str, scope: Scope | None = None) -> Check:
    """Return a check that passes."""
    return Check(check=name, title=_TITLES[name], status=CheckStatus.PASS, method=method, scope=scope)


def failed(name: str, method: str, wrong: Sequence[tuple[str, str]], remedy: str | None = None) -> Check:
    """Return a check that fails: what is wrong, as object and detail."""
    return Check(
        check=name,
        title=_TITLES[name],
        status=CheckStatus.FAIL,
        remedy=remedy,
        method=method,
        findings=tuple(
            Finding(
                rule=name,
                severity=Severity.ERROR,
                object=subject,
                detail=detail + (f". {remedy}" if remedy else ""),
                why=_WHY[name],
                fingerprint=hashlib.sha256(f"{name}\0{subject}".encode()).hexdigest()[:16],
            )
            for subject, detail in wrong
        ),
    )


def skipped(name: str, reason: str, remedy: str | None = None) -> Check:
    """Return a check that was not made, and why."""
    title = _TITLES.get(name, "")
    return Check(check=name, title=title, status=CheckStatus.SKIP, reason=reason, remedy=remedy)


def undecided(name: str, reason: str, remedy: str | None = None) -> Check:
    """Return a check that could not be carried out, and why."""
    return Check(check=name, title=_TITLES[name], status=CheckStatus.ERROR, reason=reason, remedy=remedy)
