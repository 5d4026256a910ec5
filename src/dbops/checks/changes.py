"""What changed since the previous audit of the same database, by the fingerprints of its findings.

A finding counts as resolved only where its rule gave a whole answer this time: one that was skipped, failed, not run,
or could look at a part only has resolved nothing. It counts as new only where its rule had given an answer then: what
nobody had looked for may have been there all along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.model import Changes, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbops.model import Check, Finding, Report

_ANSWERS = frozenset({CheckStatus.PASS, CheckStatus.FAIL})


def changes_since(previous: Report, checks: Sequence[Check], *, partly: bool) -> Changes:
    """Return how the findings of `checks` differ from those of `previous`.

    `partly`: relations were left out, so that nothing can be said to be resolved.
    """
    then = {finding.fingerprint: finding for finding in findings_of(previous.checks)}
    now = {finding.fingerprint: finding for finding in findings_of(checks)}
    answered = set() if partly else {check.check for check in checks if _is_whole(check)}
    asked = answered_rules(previous)
    return Changes(
        since=previous.run_id,
        new=tuple(mark for mark, finding in now.items() if mark not in then and finding.rule in asked),
        resolved=tuple(mark for mark, finding in then.items() if mark not in now and finding.rule in answered),
        unchanged=sum(mark in then for mark in now),
    )


def previous_audit(reports: Iterable[Report], kind: str) -> Report | None:
    """Return the newest of `reports` that is an audit of a database, carried out to its end; None if there is none."""
    for report in reports:
        if report.command == "audit" and report.problem is None and report.target and report.target.kind == kind:
            return report
    return None


def answered_rules(report: Report) -> frozenset[str]:
    """Return the rules that gave an answer in a run, if only of a part."""
    return frozenset(check.check for check in report.checks if check.status in _ANSWERS)


def findings_of(checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield every finding, accepted ones too: they are still there."""
    for check in checks:
        yield from check.findings


def _is_whole(check: Check) -> bool:
    return check.status in _ANSWERS and check.reason is None
