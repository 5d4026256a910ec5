"""The evidence of an isolation proof as it is kept: every probe with its count or SQLSTATE, and no value of a row.

Version 1; the JSON Schema in `docs/schema/` is generated from here. Ids of tenants are hashed with a salt that is
thrown away, so that they tell observations of one run apart and nothing else. What this does not do: judge.
"""

from __future__ import annotations

import hashlib
import secrets as random_tokens
from typing import TYPE_CHECKING, Literal

from dbops.model import Document

if TYPE_CHECKING:
    from dbops.drill.isolation.report import Proof
    from dbops.drill.isolation.verdicts import Observation, Verdict

SCHEMA: Literal["dbops/isolation/v1"] = "dbops/isolation/v1"


class KeptProbe(Document):
    """One probe: the rows it reached or the SQLSTATE it was refused with; `control` had to succeed."""

    probe: str
    outcome: str
    tenant: str | None
    rows: int | None
    sqlstate: str | None
    control: bool


class KeptVerdict(Document):
    """What all probes of one role on one object came to; `waived` is what that would be, had nobody accepted it."""

    object: str
    role: str
    outcome: str
    waived: str | None
    reason: str
    probes: tuple[KeptProbe, ...]


class IsolationEvidence(Document):
    """One proof; `not_called` are functions whose arguments would have had to be guessed.

    `unchanged` says which rows and sequences were counted before and after, and are the same; None where nothing was.
    """

    schema_: Literal["dbops/isolation/v1"] = SCHEMA
    method: str
    self_check: str
    unchanged: str | None = None
    not_called: tuple[str, ...]
    verdicts: tuple[KeptVerdict, ...]


def evidence_of(proof: Proof) -> IsolationEvidence:
    """Return what is kept of a proof."""
    salt = random_tokens.token_hex(16)
    return IsolationEvidence(
        method=proof.how,
        self_check=proof.self_check,
        unchanged=proof.unchanged or None,
        not_called=tuple(sorted(set(proof.not_called))),
        verdicts=tuple(_verdict(one, salt) for one in proof.verdicts),
    )


def _verdict(verdict: Verdict, salt: str) -> KeptVerdict:
    return KeptVerdict(
        object=verdict.object,
        role=verdict.role,
        outcome=verdict.outcome,
        waived=verdict.waived,
        reason=verdict.reason,
        probes=tuple(_probe(one, salt) for one in verdict.observations),
    )


def _probe(one: Observation, salt: str) -> KeptProbe:
    hashed = hashlib.sha256(f"{salt}{one.tenant}".encode()).hexdigest()[:16] if one.tenant else one.tenant
    return KeptProbe(
        probe=one.probe,
        outcome=one.outcome,
        tenant=hashed,
        rows=one.rows,
        sqlstate=one.sqlstate,
        control=one.control,
    )
