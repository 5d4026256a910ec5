"""Where the recovery objectives stand: the newest answer for each, and how often it was missed before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbops.evidence.reader import BrokenProofError
from dbops.model import ObjectiveStatus
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

_Key = tuple[str, str, str]  # objective, scenario, database


@dataclass(slots=True)
class ObjectiveTally:
    """Takes the reports of a period in the order of their records."""

    newest: dict[_Key, dict[str, Any]] = field(default_factory=dict)
    misses: Counter[_Key] = field(default_factory=Counter)

    def take(self, body: dict[str, Any]) -> None:
        """Note the measured objectives of a report; BrokenProofError, and nothing noted, where they are none.

        Whoever sealed a report may have sealed anything.
        """
        try:
            measured = list(_measured(body))
        except (AttributeError, KeyError, TypeError):
            raise BrokenProofError("its objectives are not spelled the way dbops writes them") from None
        for key, objective in measured:
            self.newest[key] = objective
            self.misses[key] += objective["status"] == ObjectiveStatus.MISSED

    def missed(self) -> list[str]:
        """Return a sentence for each objective whose newest measurement missed it."""
        return [self._sentence(key, "missed") for key in self.newest if self._is(key, ObjectiveStatus.MISSED)]

    def met(self) -> list[str]:
        """Return a sentence for each objective whose newest measurement met it."""
        return [self._sentence(key, "met") for key in self.newest if self._is(key, ObjectiveStatus.MET)]

    def _is(self, key: _Key, status: ObjectiveStatus) -> bool:
        return bool(self.newest[key]["status"] == status)

    def _sentence(self, key: _Key, how: str) -> str:
        objective = self.newest[key]
        before = self.misses[key] - (how == "missed")
        earlier = f", missed {counted(before, 'time')} before" if before else ""
        figures = f"{objective['valueMs']} of {objective['limitMs']} ms"
        return f"{key[0]} of {key[2]} ({key[1]}) {how}: {figures}{earlier}"


def _measured(body: dict[str, Any]) -> Iterator[tuple[_Key, dict[str, Any]]]:
    database = (body["target"] or {}).get("database", "no database")
    for objective in body["objectives"]:
        key = (str(objective["id"]), str(objective["scenario"]), str(database))
        figures = {name: objective[name] for name in ("status", "valueMs", "limitMs")}
        if figures["status"] != ObjectiveStatus.NOT_MEASURED:
            yield key, figures
