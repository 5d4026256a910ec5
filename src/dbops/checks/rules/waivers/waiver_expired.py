"""A waiver has expired.

## What it detects

Entries of `[[audit.waive]]` whose `expires` has passed. They accept nothing any more, so what they accepted is reported
again beside this. The rule runs whatever is selected; where it is ignored, the report has a note instead.

## Why it matters

Somebody accepted a risk until a day and promised to look at it again: the day has come.

## How to fix

Mend what was waived and remove the entry, or decide anew and set another date.

## What it does not see

Whether the reason still holds before that day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.rule import Draft, Rule
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.policy import Policy
    from dbops.model import Check

RULE = Rule(severity=Severity.ERROR, unasked=lambda policy: bool(policy.expired_waivers))


def review(checks: Sequence[Check], policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every review has it)
    """Yield each waiver that has run out."""
    for declared in policy.expired_waivers:
        entry = declared.value
        yield Draft(
            object=f"{entry.rule} {entry.object}",
            detail=f"expired on {entry.expires}; {entry.owner} had accepted it: {entry.reason}",
            location=declared.location,
        )
