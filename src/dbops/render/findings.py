"""The findings of a report: gravest rule first, each with where, why, the SQL to look at it and the SQL to mend it.

At most a dozen are printed in full, since nobody reads the thirteenth; the rest is counted per rule with the command
that shows it. Findings that were accepted (waived, or known to the baseline) stay visible, in one line each.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from dbops.model import Severity
from dbops.quantities import counted
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbops.model import Finding, Report
    from dbops.render.console import Page
    from dbops.render.formats import View

_SHOWN = 12
_HOW_TO_WAIVE = (
    "to accept one for a while: [[audit.waive]] in dbops.toml, with its rule and object, and a reason, an owner and the"
    " day it expires"
)
_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


def print_findings(page: Page, report: Report, view: View) -> None:
    """Print the findings of one report (not of the reports inside it)."""
    found = [finding for check in report.checks for finding in check.findings]
    standing = gravest_first(finding for finding in found if finding.stands)
    shown = standing if view.verbose else standing[:_SHOWN]
    titles = {check.check: check.title for check in report.checks}
    new = frozenset(report.changes.new) if report.changes else frozenset()
    for rule, group in groupby(shown, key=lambda finding: finding.rule):
        total = sum(finding.rule == rule for finding in standing)
        _print_rule(page, _Titled(titles.get(rule, ""), total, new), list(group), view)
    _print_rest(page, standing[len(shown) :], report.command)
    if standing and report.command == "audit" and not view.quiet:
        page.blank()
        page.paragraph((_HOW_TO_WAIVE, "dim"), indent=2, hang=2)
    _print_accepted(page, [finding for finding in found if not finding.stands])


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Keep a rule's findings together; the rule with the gravest finding first, then by name."""
    listed = list(findings)
    gravest: dict[str, int] = {}
    for finding in listed:
        gravest[finding.rule] = max(gravest.get(finding.rule, 0), finding.severity.rank)
    return sorted(listed, key=lambda f: (-gravest[f.rule], f.rule, -f.severity.rank, f.object))


class _Titled(NamedTuple):
    """What is said above the findings of a rule, how many it has in all, and the fingerprints that are new."""

    title: str
    total: int
    new: frozenset[str]


def _print_rule(page: Page, rule: _Titled, findings: Sequence[Finding], view: View) -> None:
    severity = max((finding.severity for finding in findings), key=lambda severity: severity.rank)
    style = _STYLES[severity]
    page.blank()
    page.paragraph(
        (f"{page.glyphs.failed if severity is Severity.ERROR else page.glyphs.warned} ", style),
        (clean(findings[0].rule), f"bold {style}"),
        (f"  {severity}", style),
        f"  {counted(rule.total, 'finding')}",
        f"  {clean(rule.title)}" if rule.title else "",
        hang=2,
    )
    shared = len({finding.why for finding in findings}) == 1
    if shared:
        page.paragraph(clean(findings[0].why), indent=2)
    for finding in findings:
        page.blank()
        _print_object(
            page, finding, show_severity=finding.severity is not severity, is_new=finding.fingerprint in rule.new
        )
        if not shared:
            page.paragraph(clean(finding.why), indent=4)
        _print_statement(page, "look", finding.verify)
        _print_statement(page, "fix", finding.fix, finding.locks)
        if view.verbose or "drop " in (finding.fix or ""):
            _print_statement(page, "undo", finding.undo)


def _print_object(page: Page, finding: Finding, *, show_severity: bool, is_new: bool) -> None:
    page.paragraph(
        (clean(finding.object), "bold"),
        ("  new", "bold magenta") if is_new else "",
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


def _print_accepted(page: Page, accepted: Sequence[Finding]) -> None:
    page.blank()
    for finding in accepted:
        if waiver := finding.waived:
            word, because = "waived", f"{waiver.owner}, until {waiver.expires}: {waiver.reason}"
        else:
            word, because = "known", f"in the baseline {finding.baseline}"
        text = clean(f"{finding.rule} {finding.object} ({because})")
        page.paragraph(f"{page.glyphs.skipped} {word} ", text, indent=2, hang=2)
