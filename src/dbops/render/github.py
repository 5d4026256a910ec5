"""A report for GitHub Actions: annotations on stdout, and the Markdown of the step summary.

Rules: the runner shows ten annotations of a kind per step and drops the rest silently, so at most ten of each are
written, the gravest first, and the rest is counted in a plain line; every value is escaped as the runner reads it
back, and no line of ours starts with, or holds, what the runner takes for a command.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from dbops.evidence.trend import own_objectives
from dbops.model import CheckStatus, ObjectiveStatus, Severity, Verdict
from dbops.quantities import counted
from dbops.render.facts import (
    broken_steps,
    every_report,
    measured,
    standing,
    verdict_line,
    why_undecided,
)
from dbops.render.markdown import markdown_text
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbops.model import Finding, Report

_MOST_OF_A_KIND = 10
# The runner cuts a message off after 4096 characters.
_LONGEST_MESSAGE = 3500
# GitHub refuses a summary of more than 1 MiB per step, and shows nothing then; others may have written to it too.
_LARGEST_SUMMARY = 900 * 1024
_KINDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


class _Annotation(NamedTuple):
    kind: str
    title: str
    message: str
    file: str | None = None
    line: int = 1


def github_text(report: Report) -> str:
    """Return workflow commands, one a line, what they leave out, and the verdict."""
    wanted = [annotation for one in every_report(report) for annotation in _annotations(one)]
    lines = [
        _command(annotation) for kind in _KINDS.values() for annotation in _of_kind(wanted, kind)[:_MOST_OF_A_KIND]
    ]
    counts = Counter(annotation.kind for annotation in wanted)
    for kind, count in counts.items():
        if count > _MOST_OF_A_KIND:
            lines.append(f"dbops: {counted(count - _MOST_OF_A_KIND, f'more {kind}')}, in the report")
    lines.append(_spoken(f"dbops {report.command}: {verdict_line(report)}"))
    return "\n".join(lines) + "\n"


def step_summary(report: Report) -> str:
    """Return the report as Markdown that fits into a step summary: as many findings in full as there is room for."""
    for most in (None, 100, 20, 5):
        text = markdown_text(report, most=most)
        if len(text.encode(errors="replace")) <= _LARGEST_SUMMARY:
            return text
    return f"# dbops {clean(report.command)}: {report.verdict.upper()}\n\nToo long to be shown here; see the report.\n"


def _of_kind(annotations: Iterable[_Annotation], kind: str) -> list[_Annotation]:
    return [annotation for annotation in annotations if annotation.kind == kind]


def _annotations(report: Report) -> Iterator[_Annotation]:
    """Yield everything worth a mark: what failed, what could not be told, what was found; then what was skipped."""
    group = f"dbops {report.command}"
    if report.problem is not None:
        yield _Annotation(
            "error", f"{group}: could not be carried out", _joined(report.problem.message, report.problem.hint)
        )
    for step in broken_steps(report):
        yield _Annotation("error" if step.status is Verdict.FAIL else "warning", f"{group}: {step.name}", step.status)
    for objective in own_objectives(report):
        if objective.status is ObjectiveStatus.MISSED:
            yield _Annotation("error", f"{group}: {objective.id.upper()} missed", measured(objective))
    for check in report.checks:
        if check.status is CheckStatus.ERROR:
            yield _Annotation("error", f"{group}: {check.check} could not be checked", why_undecided(check))
        elif check.status is CheckStatus.FAIL and not check.findings:
            yield _Annotation("error", f"{group}: {check.check}", check.reason or check.title)
    yield from (_of_finding(finding, group) for finding in standing(report))
    skipped = [check.check for check in report.checks if check.status is CheckStatus.SKIP]
    if skipped:
        yield _Annotation("notice", f"{group}: {counted(len(skipped), 'check')} not made", ", ".join(skipped))


def _of_finding(finding: Finding, group: str) -> _Annotation:
    message = _joined(f"{finding.object}: {finding.detail}", finding.why, finding.fix and f"fix:\n{finding.fix}")
    location = finding.location
    return _Annotation(
        _KINDS[finding.severity],
        f"{group}: {finding.rule}",
        message,
        location.file if location else None,
        location.line if location else 1,
    )


def _joined(*texts: str | None) -> str:
    return "\n".join(text for text in texts if text)


def _command(annotation: _Annotation) -> str:
    place = f"file={_property(annotation.file)},line={annotation.line}," if annotation.file else ""
    return f"::{annotation.kind} {place}title={_property(annotation.title)}::{_data(annotation.message)}"


def _data(text: str) -> str:
    """Return a message as the runner unescapes it; a line break becomes %0A."""
    shown = clean(text, keep="\n")
    if len(shown) > _LONGEST_MESSAGE:
        shown = f"{shown[:_LONGEST_MESSAGE]} ..."
    return shown.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    """Return the value of a property, which a colon or a comma would end."""
    return clean(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def _spoken(text: str) -> str:
    """Return a line of the log that holds no command of the runner's older syntax, `##[error]`."""
    return clean(text).replace("##[", "## [")
