"""Which transactions were finished at a moment, as PostgreSQL spells it: "xmin:xmax:xip,xip".

Two servers for which the same transactions are finished hold the same rows, whatever else they have seen begin. What
this does not do: tell a commit from a rollback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Finished:
    """Everything below `horizon` but what is in `running`."""

    horizon: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what "726:728:726" says."""
        _, horizon, running = text.split(":")
        return cls(int(horizon), frozenset(int(one) for one in running.split(",") if one))

    def same_as(self, other: Self) -> bool:
        """Tell whether for both the same transactions are finished."""
        low, high = sorted((self, other), key=lambda one: one.horizon)
        if high.horizon - low.horizon > len(high.running):
            return False
        return high.running == low.running.union(range(low.horizon, high.horizon))

    def lost_in(self, recovered: Self) -> int:
        """Return how many transactions finished here are not finished in `recovered`."""
        since = max(0, self.horizon - recovered.horizon)
        later = sum(1 for one in self.running if one >= recovered.horizon)
        open_there = sum(1 for one in recovered.running if one < self.horizon and one not in self.running)
        return since - later + open_there
