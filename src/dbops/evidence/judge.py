"""From what a run found to its verdict and its exit code: pure functions, nothing else decides.

Rules, in order: what failed fails the run; what could not be told leaves it inconclusive; the rest passes. Several exit
codes at once: the gravest of `errors.PRECEDENCE` speaks; a code outside it (usage, bug, lock, signal) is the run's own
ending and stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.errors import PRECEDENCE, DbopsError, ExitCode, StoppedError
from dbops.model import CheckStatus, ObjectiveStatus, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.model import Check, Report, Severity

_CODE_OF = {Verdict.PASS: ExitCode.PASS, Verdict.FAIL: ExitCode.FAIL, Verdict.INCONCLUSIVE: ExitCode.UNABLE}

_ANSWERS = frozenset({CheckStatus.PASS, CheckStatus.FAIL})


def judge(report: Report, error: BaseException | None = None) -> Report:
    """Return `report` with its verdict and exit code; what they were before does not count.

    `error` is what ended the run early, None when it ran to its end.
    """
    verdict = verdict_of(report, error)
    codes = [_CODE_OF[verdict], *(_as_part(sub.exit_code) for sub in report.reports)]
    return report.model_copy(update={"verdict": verdict, "exit_code": exit_code_of(codes, error)})


def verdict_of(report: Report, error: BaseException | None = None) -> Verdict:
    """Return fail, inconclusive or pass: the first for which there is a reason."""
    if any(_reasons_to_fail(report, error)):
        return Verdict.FAIL
    if any(_reasons_for_doubt(report, error)):
        return Verdict.INCONCLUSIVE
    return Verdict.PASS


def exit_code_of(codes: list[int], error: BaseException | None = None) -> int:
    """Return the gravest of `codes` and the one that `error` stands for."""
    own = error_code(error)
    if own is None:
        return gravest(codes)
    if own not in PRECEDENCE:
        return own
    return gravest([*codes, own])


def error_code(error: BaseException | None) -> int | None:
    """Return the exit code an exception ends a process with; None for none."""
    match error:
        case None:
            return None
        case StoppedError():
            return 128 + error.signal_number
        case DbopsError():
            return int(error.exit_code)
        case KeyboardInterrupt():
            return 128 + 2
        case _:
            return int(ExitCode.BUG)


def gravest(codes: list[int]) -> int:
    """Return the code of `codes` that comes first in the precedence; pass when there is none."""
    return next((int(code) for code in PRECEDENCE if code in codes), int(ExitCode.PASS))


def _as_part(code: int) -> int:
    """Return what the exit code of one part means to the whole: a crash is a no, what could not start is a doubt."""
    if code in PRECEDENCE:
        return code
    return int(ExitCode.FAIL if code == ExitCode.BUG else ExitCode.UNABLE)


def _reasons_to_fail(report: Report, error: BaseException | None) -> Iterator[bool]:
    yield error_code(error) in {ExitCode.FAIL, ExitCode.EVIDENCE_BROKEN}
    yield from (check_fails(check, report.fail_on) for check in report.checks)
    yield from (objective.status is ObjectiveStatus.MISSED for objective in report.objectives)
    yield report.restorability is Verdict.FAIL
    yield from (step.status is Verdict.FAIL for step in report.steps)
    yield from (sub.verdict is Verdict.FAIL for sub in report.reports)


def check_fails(check: Check, fail_on: Severity) -> bool:
    """Tell whether a check counts against the run: by its findings, or by its status when it has none to show."""
    if not check.findings:
        return check.status is CheckStatus.FAIL
    return any(finding.stands and finding.severity.rank >= fail_on.rank for finding in check.findings)


def _reasons_for_doubt(report: Report, error: BaseException | None) -> Iterator[bool]:
    yield error is not None or report.problem is not None
    yield from (check.status is CheckStatus.ERROR for check in report.checks)
    # Where nothing was looked at, nothing was found: that is no answer.
    yield bool(report.checks) and all(check.status not in _ANSWERS for check in report.checks)
    if report.strict:
        yield from (check.status is CheckStatus.SKIP for check in report.checks)
        yield from (objective.status is ObjectiveStatus.NOT_MEASURED for objective in report.objectives)
    yield report.restorability is Verdict.INCONCLUSIVE
    yield from (step.status is Verdict.INCONCLUSIVE for step in report.steps)
    yield from (sub.verdict is Verdict.INCONCLUSIVE for sub in report.reports)
