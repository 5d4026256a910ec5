"""A report for people: what was looked at, what is wrong and how to mend it, what was not checked, the verdict.

The order is the order of interest: critical first, the verdict and the next command last, where the eye ends up.
A suite prints each of its reports the same way under a heading of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.model import CheckStatus
from dbops.quantities import counted, duration, size
from dbops.render.console import Page
from dbops.render.findings import print_findings
from dbops.render.steps import print_objectives, print_steps
from dbops.render.summary import print_verdict
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from dbops.model import Changes, Check, Problem, Report, TargetInfo
    from dbops.render.formats import View

# Up to here passing checks are named; beyond, counted (all are named with --verbose).
_NAMED = 24
# Commands whose passing checks say something that is looked for: one line each.
_LISTED = frozenset({"doctor"})


def render_table(report: Report, stream: TextIO, view: View) -> None:
    """Write `report` as lines of text to `stream`."""
    page = Page(stream, color=view.color)
    if not view.quiet:
        _print_header(page, report)
    parts = [part for part in (*view.also, *report.reports) if not view.quiet or _has_bad_news(part)]
    for part in parts:
        page.heading(f"{clean(part.command)}: {part.verdict}")
        _print_body(page, part, view, problem=True)
    if parts:
        page.heading(clean(report.command))
    _print_body(page, _without_repetition(report), view, problem=view.problem)
    print_verdict(page, report, view)


def _has_bad_news(part: Report) -> bool:
    return part.problem is not None or any(check.status is not CheckStatus.PASS for check in part.checks)


def _without_repetition(report: Report) -> Report:
    """Return the report without what its parts have said already."""
    objectives = [objective for part in report.reports for objective in part.objectives]
    not_tested = {text for part in report.reports for text in part.not_tested}
    return report.model_copy(
        update={
            "objectives": tuple(one for one in report.objectives if one not in objectives),
            "not_tested": tuple(text for text in report.not_tested if text not in not_tested),
        }
    )


def _print_header(page: Page, report: Report) -> None:
    page.line((f"dbops {clean(report.command)}", "bold"))
    if report.target is not None:
        page.paragraph(*_target(report.target), indent=2, hang=2)


def _target(target: TargetInfo) -> Iterable[str | tuple[str, str]]:
    yield clean(target.address), "bold"
    # Without the packager's suffix: "15.18 (Debian 15.18-0+deb12u1)".
    yield f"  PostgreSQL {clean(target.server_version).partition(' ')[0]}" if target.server_version else ""
    yield f", {'TLS off' if target.tls == 'off' else clean(target.tls)}" if target.tls else ""


def _print_body(page: Page, report: Report, view: View, *, problem: bool) -> None:
    if not view.quiet:
        print_steps(page, report.steps)
        print_objectives(page, report.objectives)
        _print_notes(page, report, view)
        _print_changes(page, report.changes)
    print_findings(page, report, view)
    _print_undecided(page, report.checks)
    if not view.quiet:
        _print_passed(page, report.command, report.checks, view)
        _print_not_tested(page, report)
    if report.problem is not None and problem:
        _print_problem(page, report.problem)


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


def _print_changes(page: Page, changes: Changes | None) -> None:
    if changes is not None:
        counts = f"{len(changes.new)} new, {len(changes.resolved)} resolved, {changes.unchanged} still there"
        page.blank()
        page.paragraph((f"Since {clean(changes.since)}", "bold"), f": {counts}", hang=2)


def _print_problem(page: Page, problem: Problem) -> None:
    page.blank()
    page.paragraph(("Could not be carried out: ", "bold red"), clean(problem.message), hang=2)
    page.remedy(problem.hint or "", indent=2)
