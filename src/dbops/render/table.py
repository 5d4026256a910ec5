"""A report for people: what was looked at, what is wrong and how to mend it, what was not checked, the verdict.

The order is the order of interest: critical first, the verdict and the next command last, where the eye ends up.
A suite prints each of its reports the same way under a heading of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbops.model import CheckStatus, ObjectiveStatus, Verdict
from dbops.render.findings import print_findings
from dbops.render.quantities import counted, duration, size
from dbops.render.summary import print_verdict
from dbops.render.terminal import Page, clean

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from dbops.model import Check, Objective, Problem, Report, Step, TargetInfo
    from dbops.render.formats import View

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}
# Up to here passing checks are named; beyond, counted (all are named with --verbose).
_NAMED = 24
# Commands whose passing checks say something that is looked for: one line each.
_LISTED = frozenset({"doctor"})
# What a step says is shown up to this many characters.
_FEW_WORDS = 60
_BYTES = re.compile(r"\b(\d+) bytes\b")


def render_table(report: Report, stream: TextIO, view: View) -> None:
    """Write `report` as lines of text to `stream`."""
    page = Page(stream, color=view.color)
    if not view.quiet:
        _print_header(page, report)
    if report.reports:
        for part in report.reports:
            page.heading(f"{clean(part.command)}: {part.verdict}")
            _print_body(page, part, view)
        page.heading(clean(report.command))
    _print_body(page, report, view)
    print_verdict(page, report, view)


def _print_header(page: Page, report: Report) -> None:
    page.line((f"dbops {clean(report.command)}", "bold"))
    if report.target is not None:
        page.paragraph(*_target(report.target), indent=2, hang=2)


def _target(target: TargetInfo) -> Iterable[str | tuple[str, str]]:
    yield clean(f"{target.user}@{target.host}:{target.port}/{target.database}"), "bold"
    # Without the packager's suffix: "15.18 (Debian 15.18-0+deb12u1)".
    yield f"  PostgreSQL {clean(target.server_version).partition(' ')[0]}" if target.server_version else ""
    yield f", {clean(target.tls)}" if target.tls else ""


def _print_body(page: Page, report: Report, view: View) -> None:
    if not view.quiet:
        _print_steps(page, report.steps)
        _print_objectives(page, report.objectives)
        _print_notes(page, report, view)
    print_findings(page, report, view)
    _print_undecided(page, report.checks)
    if not view.quiet:
        _print_passed(page, report.command, report.checks, view)
        _print_not_tested(page, report)
    if report.problem is not None and (view.problem or report.reports == ()):
        _print_problem(page, report.problem, view)


def _print_steps(page: Page, steps: tuple[Step, ...]) -> None:
    page.blank()
    rows = [(step, "  " * step.name.count("/"), clean(step.name.rpartition("/")[2])) for step in steps]
    width = max((len(indent + label) for _, indent, label in rows), default=0)
    for step, indent, label in rows:
        sign = {Verdict.PASS: page.glyphs.passed, Verdict.FAIL: page.glyphs.failed}.get(step.status, page.glyphs.unsure)
        took = f"{duration(step.duration_ms):>{width - len(indent) + 11}}"[len(label) :]
        page.line(f"  {indent}", (f"{sign} ", _STYLES[step.status]), f"{label}{took}", (_outcome(step), "dim"))


def _outcome(step: Step) -> str:
    """Return how a step's program ended, if not well, and the few words it left; not the path of its output."""
    exit_code = f"  exit {step.exit_code}" if step.exit_code else ""
    words = clean(step.output or "")
    if not words or len(words) > _FEW_WORDS or "/" in words:
        return exit_code
    return exit_code + "  " + _BYTES.sub(lambda found: size(int(found[1])), words)


def _print_objectives(page: Page, objectives: tuple[Objective, ...]) -> None:
    page.blank()
    signs = {
        ObjectiveStatus.MET: (page.glyphs.passed, "green"),
        ObjectiveStatus.MISSED: (page.glyphs.failed, "red"),
        ObjectiveStatus.NOT_MEASURED: (page.glyphs.skipped, "yellow"),
    }
    for objective in objectives:
        sign, style = signs[objective.status]
        value = f"{duration(objective.value_ms)} of " if objective.value_ms is not None else ""
        page.paragraph(
            (f"{sign} ", style),
            (f"{objective.id.upper()} {objective.status}", f"bold {style}"),
            f"  {value}{duration(objective.limit_ms)} allowed, {clean(objective.scenario)}: {clean(objective.method)}",
            indent=2,
            hang=2,
        )


def _print_undecided(page: Page, checks: tuple[Check, ...]) -> None:
    """Print errored, then skipped checks: those with one reason and remedy share an entry."""
    for status, title, style in (
        (CheckStatus.ERROR, "Could not be checked", "red"),
        (CheckStatus.SKIP, "Not checked", "yellow"),
    ):
        grouped: dict[tuple[str | None, str | None], list[str]] = {}
        for check in checks:
            if check.status is status:
                grouped.setdefault((check.reason, check.remedy), []).append(clean(check.check))
        if grouped:
            page.blank()
            page.line((title, f"bold {style}"))
        for (reason, remedy), names in grouped.items():
            page.paragraph(
                f"{page.glyphs.skipped} ", (", ".join(names), "bold"), f": {clean(reason or '')}", indent=2, hang=2
            )
            page.remedy(remedy or "", indent=4)


def _print_passed(page: Page, command: str, checks: tuple[Check, ...], view: View) -> None:
    passed = [check for check in checks if check.status is CheckStatus.PASS]
    if not passed:
        return
    page.blank()
    heading = f"{counted(len(passed), 'check passes', 'checks pass')}"
    if view.verbose or command in _LISTED:
        page.line((heading, "bold green"))
        for check in passed:
            page.paragraph((f"{page.glyphs.passed} ", "green"), _described(check), indent=2, hang=2)
    elif len(passed) <= _NAMED:
        page.paragraph((heading, "bold green"), f": {', '.join(map(_scoped, passed))}", hang=2)
    else:
        page.line((heading, "bold green"))


def _scoped(check: Check) -> str:
    scope = f" ({check.scope.checked} of {check.scope.total})" if check.scope else ""
    return clean(check.check) + scope


def _described(check: Check) -> str:
    title = f": {clean(check.title)}" if check.title else ""
    method = f" [{clean(check.method)}]" if check.method else ""
    took = f", {duration(check.duration_ms)}" if check.duration_ms else ""
    return f"{_scoped(check)}{title}{method}{took}"


def _print_not_tested(page: Page, report: Report) -> None:
    if report.not_tested:
        page.blank()
        page.line(("Not tested", "bold yellow"))
    for text in report.not_tested:
        page.paragraph(f"{page.glyphs.skipped} ", clean(text), indent=2, hang=2)


def _print_notes(page: Page, report: Report, view: View) -> None:
    page.blank()
    for note in report.notes:
        page.paragraph(clean(note), indent=2, hang=2)
    if view.verbose:
        for tool in report.tools:
            page.paragraph(("uses ", "dim"), clean(f"{tool.name} {tool.version}"), indent=2, hang=2)
        for artifact in report.artifacts:
            page.paragraph(("kept ", "dim"), clean(artifact.path), f", {size(artifact.bytes)}", indent=2, hang=2)


def _print_problem(page: Page, problem: Problem, view: View) -> None:
    if not view.problem:
        return
    page.blank()
    page.paragraph(("Could not be carried out: ", "bold red"), clean(problem.message), hang=2)
    page.remedy(problem.hint or "", indent=2)
