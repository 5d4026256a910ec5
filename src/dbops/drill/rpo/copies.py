"""A copy of the data that survives something, in the figures that a recovery point objective is judged by.

Three figures, never one: `now` is what would be lost at this moment, `worst` the most that would have been lost at any
moment of the time looked at, `bound` what the configuration guarantees. None is "not known", with the reason in words.
What this does not do: measure (a module per kind of copy does), or judge (`matrix.py`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping


class Scenario(enum.StrEnum):
    """A way to lose data; each leaves other copies."""

    HOST_LOSS = "host loss"
    OPERATOR_ERROR = "operator error"
    SITE_LOSS = "site loss"


class Kind(enum.StrEnum):
    """What a copy is; the names that `[drill] offsite` takes."""

    DUMPS = "dumps"
    WAL = "wal"
    REPLICA = "replica"


@dataclass(frozen=True, slots=True)
class SurvivingCopy:
    """One copy. `doubt` says why it cannot be relied on, whatever its figures; `unbounded` why nothing bounds it.

    `at_most` stands for `worst` where only a limit of it is known: enough to meet an objective, not to miss one.
    `broken` says why there is less than there seems. `method` says how the figures came about, `remedy` what would
    bring it within an objective it misses.
    """

    kind: Kind
    name: str
    method: str
    now: dt.timedelta | None = None
    worst: dt.timedelta | None = None
    at_most: dt.timedelta | None = None
    bound: dt.timedelta | None = None
    unbounded: str | None = None
    doubt: str | None = None
    broken: str | None = None
    remedy: str = ""
    inputs: Mapping[str, int | str | None] = field(default_factory=dict)

    @property
    def known(self) -> tuple[dt.timedelta, ...]:
        """The figures that are known."""
        return tuple(one for one in (self.now, self.worst, self.bound) if one is not None)

    @property
    def highest(self) -> dt.timedelta | None:
        """The worst, or what it was at most."""
        return self.at_most if self.worst is None else self.worst

    @property
    def exposure(self) -> dt.timedelta | None:
        """The figure it is judged by: the largest that is known."""
        return max((one for one in (self.now, self.highest, self.bound) if one is not None), default=None)

    def misses(self, limit: dt.timedelta) -> bool:
        """Tell whether it is certain that this copy does not keep within `limit`."""
        return self.broken is not None or self.unbounded is not None or any(one > limit for one in self.known)

    def meets(self, limit: dt.timedelta) -> bool:
        """Tell whether worst and bound are known and keep within `limit`, and nothing speaks against the copy."""
        told = self.highest is not None and self.highest <= limit and self.bound is not None
        return told and not self.doubt and not self.misses(limit)
