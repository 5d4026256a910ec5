"""A waiver matches nothing.

## What it detects

Entries of `[[audit.waive]]` that have not expired and match no finding of this run, although their rule ran and
answered; and entries for a rule that does not exist.

## Why it matters

What was waived has been mended, or the waiver has a misspelt object and never worked. Either way it would silently
accept the next finding that happens to match.

## How to fix

Remove the entry, or correct its rule or object: the object is compared with the finding's, as a glob.

## What it does not see

Entries for a rule that was not selected, was skipped or failed: nothing can be said of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.pages import nearest_rule
from dbops.checks.rule import Draft, Rule, rules
from dbops.model import CheckStatus
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.policy import Policy
    from dbops.model import Check
    from dbops.settings import WaiverEntry

RULE = Rule(severity=Severity.WARNING)
# Checks of a drill, whose findings can be waived in the same words; an audit cannot tell whether they still need it.
_ELSEWHERE = frozenset({"tenant-isolation"})


def review(checks: Sequence[Check], policy: Policy) -> Iterator[Draft]:
    """Yield each waiver that accepts nothing."""
    answered = {check.check: check for check in checks if check.status in {CheckStatus.PASS, CheckStatus.FAIL}}
    for declared in policy.waivers:
        entry = declared.value
        if entry.rule not in rules() and entry.rule not in _ELSEWHERE:
            detail = f"there is no such rule; {nearest_rule(entry.rule)}"
        elif entry.expired(policy.today) or entry.rule not in answered or _is_used(entry, answered[entry.rule]):
            continue
        else:
            detail = "no finding of the rule is on such an object"
        yield Draft(object=f"{entry.rule} {entry.object}", detail=detail, location=declared.location)


def _is_used(entry: WaiverEntry, check: Check) -> bool:
    return any(
        finding.waived and (finding.waived.reason, finding.waived.owner) == (entry.reason, entry.owner)
        for finding in check.findings
    )
