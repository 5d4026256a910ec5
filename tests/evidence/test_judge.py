"""From what a run found to verdict and exit code: every rule of contracts.md."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from dbops import errors
from dbops.errors import PRECEDENCE, DbopsError, ExitCode, StoppedError
from dbops.evidence.failure import report_without_run
from dbops.evidence.judge import exit_code_of, gravest, judge
from dbops.model import (
    Check,
    CheckStatus,
    Finding,
    Objective,
    ObjectiveStatus,
    Report,
    Severity,
    Step,
    Verdict,
    Waiver,
    utc_now,
)

WAIVER = Waiver(reason="known", owner="dba", expires=dt.date(2099, 1, 1))


def report(**fields: object) -> Report:
    return report_without_run("suite").model_copy(update=fields)


def finding(severity: Severity, waived: Waiver | None = None) -> Finding:
    return Finding(
        rule="no-primary-key", severity=severity, object="public.t", detail="", why="", waived=waived, fingerprint="f"
    )


def check(status: CheckStatus, *findings: Finding) -> tuple[Check, ...]:
    return (Check(check="no-primary-key", status=status, findings=findings),)


def step(status: Verdict) -> tuple[Step, ...]:
    return (Step(name="dump", status=status, started_at=utc_now(), duration_ms=1),)


def objective(status: ObjectiveStatus) -> tuple[Objective, ...]:
    return (Objective(id="rto", scenario="restore", status=status, limit_ms=1, method="timed"),)


def sub(verdict: Verdict, code: int) -> tuple[Report, ...]:
    return (report(verdict=verdict, exit_code=code),)


PASS, FAIL, UNSURE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE

CASES = {
    "nothing found passes": ({}, None, PASS, 0),
    "an error finding fails": ({"checks": check(CheckStatus.FAIL, finding(Severity.ERROR))}, None, FAIL, 1),
    "a warning does not fail by default": (
        {"checks": check(CheckStatus.FAIL, finding(Severity.WARNING))},
        None,
        PASS,
        0,
    ),
    "a warning fails when asked to": (
        {"checks": check(CheckStatus.FAIL, finding(Severity.WARNING)), "fail_on": Severity.WARNING},
        None,
        FAIL,
        1,
    ),
    "a waived finding does not fail": (
        {"checks": check(CheckStatus.FAIL, finding(Severity.ERROR, WAIVER))},
        None,
        PASS,
        0,
    ),
    "a waived finding does not hide another": (
        {"checks": check(CheckStatus.FAIL, finding(Severity.ERROR, WAIVER), finding(Severity.ERROR))},
        None,
        FAIL,
        1,
    ),
    "a failed check without findings fails": ({"checks": check(CheckStatus.FAIL)}, None, FAIL, 1),
    "a check that errored is inconclusive": ({"checks": check(CheckStatus.ERROR)}, None, UNSURE, 3),
    "a skip beside a check that passes passes": (
        {"checks": check(CheckStatus.SKIP) + check(CheckStatus.PASS)},
        None,
        PASS,
        0,
    ),
    "nothing but skips is inconclusive": ({"checks": check(CheckStatus.SKIP) * 2}, None, UNSURE, 3),
    "a skip under strict is inconclusive": (
        {"checks": check(CheckStatus.SKIP) + check(CheckStatus.PASS), "strict": True},
        None,
        UNSURE,
        3,
    ),
    "a missed objective fails": ({"objectives": objective(ObjectiveStatus.MISSED)}, None, FAIL, 1),
    "an objective not measured passes": ({"objectives": objective(ObjectiveStatus.NOT_MEASURED)}, None, PASS, 0),
    "an objective not measured under strict is inconclusive": (
        {"objectives": objective(ObjectiveStatus.NOT_MEASURED), "strict": True},
        None,
        UNSURE,
        3,
    ),
    "failed restorability fails": ({"restorability": FAIL}, None, FAIL, 1),
    "unsure restorability is inconclusive": ({"restorability": UNSURE}, None, UNSURE, 3),
    "a failed step fails": ({"steps": step(FAIL)}, None, FAIL, 1),
    "an unsure step is inconclusive": ({"steps": step(UNSURE)}, None, UNSURE, 3),
    "fail goes before inconclusive": ({"steps": step(FAIL), "checks": check(CheckStatus.ERROR)}, None, FAIL, 1),
    "a failed part fails the whole": ({"reports": sub(FAIL, 1)}, None, FAIL, 1),
    "an unsure part makes the whole unsure": ({"reports": sub(UNSURE, 3)}, None, UNSURE, 3),
    "broken evidence of a part goes before its failure": (
        {"reports": sub(FAIL, 4), "steps": step(FAIL)},
        None,
        FAIL,
        4,
    ),
    "evidence not kept by a part goes before everything": (
        {"reports": sub(UNSURE, 5) + sub(FAIL, 4), "steps": step(FAIL)},
        None,
        FAIL,
        5,
    ),
    "a part that was locked out is a doubt of the whole": ({"reports": sub(UNSURE, 75)}, None, UNSURE, 3),
    "a part with a wrong configuration is a doubt of the whole": ({"reports": sub(UNSURE, 2)}, None, UNSURE, 3),
    "a part that crashed is a failure of the whole": ({"reports": sub(UNSURE, 70), "steps": step(FAIL)}, None, FAIL, 1),
    "an unreachable server is inconclusive": ({}, errors.ConnectionFailedError("x"), UNSURE, 3),
    "damage fails": ({}, errors.DamageError("x"), FAIL, 1),
    "broken evidence fails": ({}, errors.EvidenceBrokenError("x"), FAIL, 4),
    "evidence not kept leaves no verdict": ({}, errors.EvidenceNotKeptError("x"), UNSURE, 5),
    "a failure found before the server went away stays a failure": (
        {"steps": step(FAIL)},
        errors.ConnectionFailedError("x"),
        FAIL,
        1,
    ),
    "a wrong configuration ends with 2": ({}, errors.ConfigurationError("x"), UNSURE, 2),
    "a held lock ends with 75": ({}, errors.LockedError("x"), UNSURE, 75),
    "a signal ends with 128 and its number": ({}, StoppedError(15), UNSURE, 143),
    "a keyboard interrupt ends like SIGINT": ({}, KeyboardInterrupt(), UNSURE, 130),
    "a bug ends with 70": ({}, ValueError("x"), UNSURE, 70),
    "a bug is not hidden by a failure": ({"steps": step(FAIL)}, ValueError("x"), FAIL, 70),
}


@pytest.mark.parametrize(("fields", "error", "verdict", "code"), CASES.values(), ids=CASES)
def test_verdict_and_exit_code(fields: dict[str, object], error: Exception | None, verdict: Verdict, code: int) -> None:
    judged = judge(report(**fields), error)
    assert (verdict, code) == (judged.verdict, judged.exit_code)


def test_the_gravest_of_any_set_of_codes_is_the_first_in_the_documented_order() -> None:
    order = [5, 4, 1, 3, 0]
    assert order == [int(code) for code in PRECEDENCE]
    for codes in itertools.chain.from_iterable(itertools.combinations(order, size) for size in range(1, 6)):
        assert min(codes, key=order.index) == gravest(list(codes))


def test_every_error_class_has_a_code_that_the_judge_answers_with() -> None:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DbopsError)]
    for kind in classes:
        error = kind(9) if kind is StoppedError else kind("x")  # type: ignore[arg-type]
        wanted = 137 if kind is StoppedError else int(kind.exit_code)
        assert wanted == exit_code_of([int(ExitCode.PASS)], error)
