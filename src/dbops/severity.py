"""How bad a finding is; apart from `model.py`, so that the command line offers the choice without loading pydantic."""

from __future__ import annotations

import enum


class Severity(enum.StrEnum):
    """How bad a finding is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Position in the order info < warning < error."""
        return list(Severity).index(self)
