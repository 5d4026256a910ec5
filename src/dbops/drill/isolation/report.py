"""Verdicts as a check with findings: counts and SQLSTATEs, never a value of a row.

What could not be told is no finding: it is listed under *not tested*, and missing from the scope. Where nothing was
told at all, or nothing of one of the roles, the check has no answer. What this does not do: decide what a probe means
(`verdicts.py`), or keep the evidence (`document.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbops.checks.names import literal, qualified, quote
from dbops.drill.isolation.options import RULE
from dbops.drill.isolation.verdicts import EVERY_TABLE, Outcome
from dbops.model import Check, CheckStatus, Finding, Scope, Severity
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.drill.isolation.options import IsolationOptions
    from dbops.drill.isolation.verdicts import Observation, Verdict

TITLE = "Tenants are kept apart: nobody reaches another tenant's rows"
_SHOWN = 50
_FEW_PROBES = 6
_WHY = {
    Outcome.LEAK: "whatever the application's code asks for, a tenant reaches rows that are not its own",
    Outcome.BROKEN: "the role is refused its own tenant's rows, so that other tenants' were refused proves nothing",
}
_WHY_DOUBTFUL = "a tenant can find out which values other tenants have, one guess at a time"


@dataclass(slots=True)
class Proof:
    """All verdicts of one proof; `how` names the method, `not_called` functions that could not be asked.

    `unchanged` says what was counted before and after, where it was, and found to be the same.
    """

    how: str
    verdicts: list[Verdict] = field(default_factory=list)
    not_called: list[str] = field(default_factory=list)
    self_check: str = "not run"
    unchanged: str = ""

    def count(self) -> Counter[Outcome]:
        """Return how many verdicts there are of each outcome."""
        return Counter(verdict.outcome for verdict in self.verdicts)

    def waive(self, options: IsolationOptions) -> None:
        """Mark the verdicts that somebody has accepted; what was observed stays."""
        self.verdicts = [
            replace(verdict, outcome=Outcome.WAIVED, waived=verdict.outcome)
            if verdict.outcome in _WHY and options.waiver_of(verdict.subject)
            else verdict
            for verdict in self.verdicts
        ]

    def summary(self) -> str:
        """Return the counts in words."""
        counts = self.count()
        return ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome]) or "nothing probed"


def as_check(proof: Proof, options: IsolationOptions) -> Check:
    """Return what was proven as a check with a finding for each role and object that leaks or is broken."""
    proof.waive(options)
    findings = sorted(_findings(proof, options), key=lambda one: (-one.severity.rank, one.object, one.detail))
    counts = proof.count()
    total = sum(one.outcome is not Outcome.WAIVED or one.waived is not None for one in proof.verdicts)
    told = total - counts[Outcome.INCONCLUSIVE]
    check = Check(
        check=RULE,
        title=TITLE,
        status=CheckStatus.FAIL if any(one.stands for one in findings) else CheckStatus.PASS,
        reason=f"{len(findings)} findings, the first {_SHOWN} are listed" if len(findings) > _SHOWN else None,
        method="; ".join(filter(None, (f"{proof.how}: {proof.summary()}", proof.unchanged))),
        scope=Scope(checked=told, total=total),
        findings=tuple(findings[:_SHOWN]),
    )
    if untried := [f"nothing was tried as {one.role}: {one.reason}" for one in proof.verdicts if _is_untried(one)]:
        return unanswered("; ".join(untried), check)
    if total and not counts[Outcome.PASS] and not findings:
        return unanswered(f"nothing was proven: {proof.summary()}", check)
    return check


def unanswered(reason: str, check: Check | None = None, *, remedy: str | None = None) -> Check:
    """Return the check that has no answer, and why."""
    known = check or Check(check=RULE, title=TITLE, status=CheckStatus.ERROR)
    return known.model_copy(update={"status": CheckStatus.ERROR, "reason": reason, "remedy": remedy})


def skipped(reason: str, remedy: str) -> Check:
    """Return the check that was not asked for completely."""
    return Check(check=RULE, title=TITLE, status=CheckStatus.SKIP, reason=reason, remedy=remedy)


def not_tested(proof: Proof, options: IsolationOptions) -> Iterator[str]:
    """Yield what could not be told, in sentences."""
    probed = {verdict.object for verdict in proof.verdicts}
    for schema, table in options.tables:
        name = qualified(schema, table) if schema else table
        if name not in probed:
            why = "it is not there or not within reach, or no column says whose its rows are"
            yield f"tenant isolation of {name}: {why}"
    for verdict in proof.verdicts:
        if verdict.outcome is Outcome.INCONCLUSIVE and not _is_untried(verdict):  # those the check itself tells
            yield f"tenant isolation of {verdict.object} as {verdict.role}: {_why_untold(verdict)}"
        elif verdict.outcome is Outcome.WAIVED and verdict.waived is None:
            yield f"tenant isolation of {verdict.object}: exempt ({verdict.reason})"
    if names := sorted(set(proof.not_called)):
        yield (
            "what security definer functions show whose arguments would have to be guessed:"
            f" {', '.join(names[:_SHOWN])}"
        )


def _is_untried(verdict: Verdict) -> bool:
    return verdict.object == EVERY_TABLE


def _why_untold(verdict: Verdict) -> str:
    untold = verdict.those(Outcome.INCONCLUSIVE)
    # Both tenants often come to the same.
    words = list(dict.fromkeys(f"{one.probe}: {one.words or 'refused'}{_state(one)}" for one in untold))
    return verdict.reason or "; ".join(words[:_FEW_PROBES]) or "nothing shows that a probe could have succeeded"


def _state(one: Observation) -> str:
    return f" (SQLSTATE {one.sqlstate})" if one.sqlstate else ""


def _findings(proof: Proof, options: IsolationOptions) -> Iterator[Finding]:
    for verdict in proof.verdicts:
        outcome = verdict.waived or verdict.outcome
        if outcome not in _WHY:
            continue
        guilty = verdict.those(outcome)
        doubtful = all(one.doubtful for one in guilty)
        identity = [RULE, verdict.subject, verdict.role, outcome]
        yield Finding(
            rule=RULE,
            severity=Severity.WARNING if doubtful else Severity.ERROR,
            object=verdict.subject,
            detail=f"as {verdict.role}, {outcome}: {_words(guilty)}",
            why=_WHY_DOUBTFUL if doubtful else _WHY[outcome],
            verify=None if doubtful or "(" in verdict.object else _verify(verdict, options),
            waived=options.waiver_of(verdict.subject),
            fingerprint=hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
        )


def _words(guilty: Sequence[Observation]) -> str:
    """Return what each kind of probe came to, the worst case of both tenants."""
    worst: dict[str, Observation] = {}
    for one in guilty:
        if one.probe not in worst or (one.rows or 0) > (worst[one.probe].rows or 0):
            worst[one.probe] = one
    words = [f"{probe}: {one.words}{_state(one)}" for probe, one in worst.items()]
    more = len(words) - _FEW_PROBES
    return "; ".join(words[:_FEW_PROBES]) + (f"; and {counted(more, 'more probe')}" if more > 0 else "")


def _verify(verdict: Verdict, options: IsolationOptions) -> str:
    return (
        f"begin; set local role {quote(verdict.role)};"
        f" select pg_catalog.set_config({literal(options.setting)}, '<a tenant>', true);"
        f" table {verdict.object} limit 10; rollback;"
    )
