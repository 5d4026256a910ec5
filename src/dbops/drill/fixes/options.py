"""What the proof of fixes starts from, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbops.checks.catalog import LoggedStatement
    from dbops.checks.policy import Policy


@dataclass(frozen=True, slots=True)
class FixOptions:
    """The policy of the audit, and the statements that take most time at the source, where that is known."""

    policy: Policy
    workload: tuple[LoggedStatement, ...] = ()
