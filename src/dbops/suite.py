"""Several steps, one verdict: each step is a run with a report of its own, the suite's report holds them all.

Rules, in order: one suite at a time below one log directory; every step runs, whatever an earlier one said; a step that
crashes is a failed step, not a lost report; a signal or the time limit ends the suite, with what it has so far on
record, and what did not begin named. The steps are handed in by the caller: what a suite consists of is decided there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.errors import ExitCode, StoppedError, TimeLimitError
from dbops.evidence.run import report_without_run
from dbops.files import locked
from dbops.model import Report, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dbops.evidence.run import Run, StepRecorder


class SuiteStep(NamedTuple):
    """A part of a suite: its command, the folder its report is kept in, and the operation that fills its run."""

    name: str
    folder: str
    operation: Callable[[Run], object]


def run_suite(steps: Sequence[SuiteStep], run: Run) -> None:
    """Run all `steps`, each as a run of its own, and take their reports into `run`.

    Raises LockedError at once when another suite is going on below the same log directory, StoppedError
    on a signal, TimeLimitError when the command has taken too long.
    """
    left = list(steps)
    try:
        with locked(run.log_dir / "evidence" / "suite.lock", holder=f"suite {run.run_id}"):
            while left:
                step = left.pop(0)
                with run.step(step.name) as recorder:
                    _run_step(step, run, recorder)
    finally:
        for step in left:
            run.not_tested(f"{step.name}: the suite ended before it began")


def _run_step(step: SuiteStep, run: Run, recorder: StepRecorder) -> None:
    path: Path | None = None
    try:
        with run.part(step.name, step.folder) as part:
            path = part.report_path
            step.operation(part)
        report = part.report
    except (StoppedError, TimeLimitError) as ending:
        recorder.exit_code = ending.report.exit_code if ending.report else None
        _take_in(run, ending.report, path)
        raise
    except Exception as error:  # noqa: BLE001  (whatever a step ends with, the next one runs and the report is kept)
        report = _report_of(error, step)
    recorder.exit_code = report.exit_code
    _judge_step(report, recorder)
    _take_in(run, report, path)


def _report_of(error: Exception, step: SuiteStep) -> Report:
    """Return the report of the run that `error` ended, or one made for it when not even that was possible."""
    report = getattr(error, "report", None)
    return report if isinstance(report, Report) else report_without_run(step.name, error)


def _judge_step(report: Report, recorder: StepRecorder) -> None:
    if report.verdict is Verdict.FAIL or report.exit_code == ExitCode.BUG:
        recorder.fail()
    elif report.verdict is Verdict.INCONCLUSIVE:
        recorder.inconclusive()


def _take_in(run: Run, report: Report | None, path: Path | None) -> None:
    """Copy up what the suite answers for itself; checks and findings stay in the part's own report."""
    if report is None:
        return
    run.attach(report, path)
    run.target = run.target or report.target
    run.restorability = run.restorability or report.restorability
    run.add_tool(*report.tools)
    for text in report.not_tested:
        run.not_tested(text)
