"""What later runs have said about stored backups: that one was verified or drilled, when, and how that ended.

One line of `checks.jsonl` beside the backups for each, appended under a lock and synced. A manifest never changes, so
this stands apart from it. A line that cannot be read is as if it were not there: then a backup counts as never looked
at, which only ever keeps it longer. What this does not do: vouch for itself (the sealed evidence does).
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from dbops.errors import UnavailableError
from dbops.files import append_line
from dbops.model import Document, Timestamp, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dbops.storage.store import Store

SCHEMA: Literal["dbops/backup-check/v1"] = "dbops/backup-check/v1"
FILE = "checks.jsonl"


class Kind(enum.StrEnum):
    """What was done: every byte compared and read, or a copy restored and compared."""

    VERIFIED = "verified"
    DRILLED = "drilled"


class Attestation(Document):
    """One look at one backup, by the run that took it."""

    schema_: Literal["dbops/backup-check/v1"] = SCHEMA
    at: Timestamp
    run_id: str
    backup: str
    kind: Kind
    outcome: Verdict
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The last look of each kind at one backup; None where there was none."""

    verified: Attestation | None = None
    drilled: Attestation | None = None

    @property
    def drilled_good(self) -> bool:
        """Whether the last drill that came to a conclusion restored it whole."""
        return self.drilled is not None and self.drilled.outcome is Verdict.PASS

    @property
    def damaged(self) -> bool:
        """Whether the last verification found damage."""
        return self.verified is not None and self.verified.outcome is Verdict.FAIL


def attest(store: Store, *attestations: Attestation) -> None:
    """Append what has been found. Raises UnavailableError when it cannot be kept."""
    for one in attestations:
        append_line(store.directory / FILE, json.dumps(one.to_json()).encode(), error=UnavailableError)


def attestations(store: Store) -> tuple[Attestation, ...]:
    """Return everything said about the backups of a store, in the order it was said."""
    path = store.directory / FILE
    return tuple(_readable(path)) if path.is_file() else ()


def standings(said: Iterable[Attestation]) -> dict[str, Standing]:
    """Return by backup what was said last; a drill that came to no conclusion does not undo one that did."""
    found: dict[str, Standing] = {}
    for one in said:
        before = found.get(one.backup, Standing())
        if one.kind is Kind.VERIFIED:
            found[one.backup] = Standing(one, before.drilled)
        elif one.outcome is not Verdict.INCONCLUSIVE or before.drilled is None:
            found[one.backup] = Standing(before.verified, one)
    return found


def _readable(path: Path) -> Iterable[Attestation]:
    with path.open("rb") as lines:
        for line in lines:
            try:
                yield Attestation.model_validate_json(line)
            except ValidationError:
                continue
