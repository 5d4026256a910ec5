"""The findings of a report: gravest rule first, each with where, why, the SQL to look at it and the SQL to mend it.

At most a dozen are printed in full, since nobody reads the thirteenth; the rest is counted per rule with the command
that shows it. Accepted (waived) findings stay visible, in one line each.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from dbops.model import Severity
from dbops.render.quantities import counted
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbops.model import Finding, Report
    from dbops.render.formats import View
    from dbops.render.terminal import Page

_SHOWN = 12
_HOW_TO_WAIVE = (
    "to accept one for a while: [[audit.waive]] in dbops.toml, with its rule and object, and a reason, an owner and the"
    " day it expires"
)
_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


def print_findings(page: Page, report: Report, view: View) -> None:
    """Print the findings of one report (not of the reports inside it)."""
    found = [finding for check in report.checks for finding in check.findings]
    standing = gravest_first(finding for finding in found if finding.waived is None)
    shown = standing if view.verbose else standing[:_SHOWN]
    titles = {check.check: check.title for check in report.checks}
    for rule, group in groupby(shown, key=lambda finding: finding.rule):
        total = sum(finding.rule == rule for finding in standing)
        _print_rule(page, titles.get(rule, ""), list(group), total, view)
    _print_rest(page, standing[len(shown) :], report.command)
    if standing and report.command == "audit" and not view.quiet:
        page.blank()
        page.paragraph((_HOW_TO_WAIVE, "dim"), indent=2, hang=2)
    _print_waived(page, [finding for finding in found if finding.waived is not None])


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Keep a rule's findings together; the rule with the gravest finding first, then by name."""
    listed = list(findings)
    gravest: dict[str, int] = {}
    for finding in listed:
        gravest[finding.rule] = max(gravest.get(finding.rule, 0), finding.severity.rank)
    return sorted(listed, key=lambda f: (-gravest[f.rule], f.rule, -f.severity.rank, f.object))


def _print_rule(page: Page, title: str, findings: Sequence[Finding], total: int, view: View) -> None:
    severity = max((finding.severity for finding in findings), key=lambda severity: severity.rank)
    style = _STYLES[severity]
    page.blank()
    page.paragraph(
        (f"{page.glyphs.failed if severity is Severity.ERROR else page.glyphs.warned} ", style),
        (clean(findings[0].rule), f"bold {style}"),
        (f"  {severity}", style),
        f"  {counted(total, 'finding')}",
        f"  {clean(title)}" if title else "",
        hang=2,
    )
    shared = len({finding.why for finding in findings}) == 1
    if shared:
        page.paragraph(clean(findings[0].why), indent=2)
    for finding in findings:
        page.blank()
        _print_object(page, finding, show_severity=finding.severity is not severity)
        if not shared:
            page.paragraph(clean(finding.why), indent=4)
        _print_statement(page, "look", finding.verify)
        _print_statement(page, "fix", finding.fix, finding.locks)
        if view.verbose or "drop " in (finding.fix or ""):
            _print_statement(page, "undo", finding.undo)


def _print_object(page: Page, finding: Finding, *, show_severity: bool) -> None:
    page.paragraph(
        (clean(finding.object), "bold"),
        (f"  {finding.severity}", _STYLES[finding.severity]) if show_severity else "",
        (f"  {clean(finding.location.file)}:{finding.location.line}", "dim") if finding.location else "",
        indent=2,
        hang=2,
    )
    page.paragraph(clean(finding.detail), indent=4)


def _print_statement(page: Page, label: str, statement: str | None, locks: str | None = None) -> None:
    """Print what to run; a remark on its locks is a comment, so that all of it can be pasted together."""
    if not statement:
        return
    page.line("    ", (f"{label}:", "bold"))
    if not statement.rstrip().endswith(";"):
        page.remedy(statement, indent=6)
        return
    if locks:
        page.paragraph((clean(locks), "dim"), indent=6, lead="-- ")
    page.sql(statement, indent=6)


def _print_rest(page: Page, rest: Sequence[Finding], command: str) -> None:
    if not rest:
        return
    counts: dict[str, int] = {}
    for finding in rest:
        counts[finding.rule] = counts.get(finding.rule, 0) + 1
    listed = ", ".join(f"{clean(rule)} {count}" for rule, count in counts.items())
    page.blank()
    page.paragraph(
        (f"and {len(rest)} more", "bold"), f" ({listed}): dbops {clean(command)} --verbose", indent=2, hang=2
    )


def _print_waived(page: Page, waived: Sequence[Finding]) -> None:
    page.blank()
    for finding in waived:
        if finding.waived is not None:
            accepted = f"{finding.waived.owner}, until {finding.waived.expires}: {finding.waived.reason}"
            page.paragraph(
                f"{page.glyphs.skipped} waived ",
                clean(f"{finding.rule} {finding.object} ({accepted})"),
                indent=2,
                hang=2,
            )
