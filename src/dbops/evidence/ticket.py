"""Verify one report on its own, as it is attached to a change ticket: only the public key is needed.

What the log alone can show, that no other run was dropped, is answered with not checked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dbops.errors import UsageError
from dbops.evidence.answers import Answer, Answered, Property, Verification, no, objectives_answer
from dbops.evidence.reader import BrokenProofError
from dbops.evidence.tally import ObjectiveTally
from dbops.evidence.verify import SealedReport, check_seal, read_report, unseal
from dbops.files import sha256_of
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.evidence.answers import Question
    from dbops.evidence.keys import Trust


def examine_report(path: Path, question: Question) -> Verification:
    """Verify one report on its own, as it is attached to a ticket."""
    tally = ObjectiveTally()
    try:
        report = read_report(path.read_bytes())
        parts = list(_parts(report.body))
        tally.take(report.body)
    except OSError as cause:
        raise UsageError(f"cannot read {path}: {cause.strerror}") from cause
    except BrokenProofError as cause:
        return Verification(str(path), tuple(_refused(str(cause))))
    authentic = _authentic_report(report, parts, question.trust)
    return Verification(
        str(path), (authentic, *_only_with_the_log(), _artifacts_beside(path, report), objectives_answer(tally))
    )


def _authentic_report(report: SealedReport, parts: list[SealedReport], trust: Trust) -> Answered:
    if not trust:
        return no(Property.AUTHENTIC, ["UNAUTHENTICATED: no trusted key was given (--trust)"])
    faults = check_seal(report, trust)
    for part in parts:
        faults += [f"its part {part.outcome.run_id}: {fault}" for fault in check_seal(part, trust)]
    if faults:
        return no(Property.AUTHENTIC, faults)
    keyid = report.seal.envelope.signatures[0].keyid
    record = report.outcome
    basis = [
        f"report of {record.command} {record.run_id}, verdict {record.verdict}, signed by {keyid[:16]}",
        f"record {record.seq} of log {record.log[:8]}, {counted(len(parts), 'part')} sealed too",
    ]
    if record.challenge is not None:
        basis.append(f"run for the challenge {json.dumps(record.challenge, ensure_ascii=False)}")
    return Answered(Property.AUTHENTIC, Answer.YES, tuple(basis))


def _refused(why: str) -> Iterator[Answered]:
    """Yield the answers about a report that is not what was sealed: nothing else can be said of it."""
    yield no(Property.AUTHENTIC, [why])
    yield from _only_with_the_log()
    for name in (Property.ARTIFACTS_MATCH, Property.OBJECTIVES):
        yield Answered(name, Answer.NOT_CHECKED, ("the report is not what was sealed",))


def _parts(body: dict[str, Any]) -> Iterator[SealedReport]:
    """Yield the sealed reports within a report; one without a seal is vouched for by the whole."""
    parts = body.get("reports")
    if not (isinstance(parts, list) and all(isinstance(part, dict) for part in parts)):
        raise BrokenProofError("its parts are no reports")
    for part in parts:
        if part.get("seal") is not None:
            sealed = unseal(part)
            yield sealed
            yield from _parts(sealed.body)


def _only_with_the_log() -> tuple[Answered, ...]:
    reason = "one report cannot show what else there was: verify the log directory it comes from"
    needed = (Property.COMPLETE, Property.NOT_ROLLED_BACK, Property.NO_GAPS)
    return tuple(Answered(name, Answer.NOT_CHECKED, (reason,)) for name in needed)


def _artifacts_beside(path: Path, report: SealedReport) -> Answered:
    """Compare the artifacts that came along with a report; those that did not are counted, not failed."""
    artifacts = report.body["artifacts"]
    present = [artifact for artifact in artifacts if (path.parent / artifact["path"]).is_file()]
    wrong = [it["path"] for it in present if sha256_of(path.parent / it["path"])[0] != it["sha256"]]
    if wrong:
        return no(Property.ARTIFACTS_MATCH, [f"{name} is not what the report says" for name in wrong])
    absent = len(artifacts) - len(present)
    if not present:
        return Answered(
            Property.ARTIFACTS_MATCH,
            Answer.NOT_CHECKED,
            (f"{counted(absent, 'file is', 'files are')} not beside the report",),
        )
    basis = [
        f"{counted(len(present), 'file is', 'files are')} what the report says",
        *([f"not here: {absent}"] if absent else []),
    ]
    return Answered(Property.ARTIFACTS_MATCH, Answer.YES, tuple(basis))
