"""The last lines: the verdict with what it rests on, where the evidence is, how to verify it, and the next command."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from typing import TYPE_CHECKING

from dbops.model import CheckStatus, ObjectiveStatus, Severity, Verdict
from dbops.quantities import counted, duration
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.model import Check, Objective, Report
    from dbops.render.console import Page
    from dbops.render.formats import View

_STYLES = {Verdict.PASS: "bold green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "bold yellow"}

_SELF_TEST = "demo --broken"


def print_verdict(page: Page, report: Report, view: View) -> None:
    """Print the verdict, the kept file, the next command."""
    page.blank()
    page.paragraph(
        (report.verdict.upper(), _STYLES[report.verdict]),
        f"  {basis_line(report)}",
        hang=2,
    )
    if view.quiet:
        return
    if view.kept is not None:
        sealed = "" if (report.seal or {}).get("status") == "signed" else " (unsigned)"
        page.line(("Evidence: ", "bold"), clean(os.path.relpath(view.kept)), sealed)
        _print_key(page, view.kept)
    if report.problem is None:
        page.paragraph(("Next: ", "bold"), clean(next_command(report, view.again, view.same)), hang=6)


def _print_key(page: Page, kept: Path) -> None:
    """Print how to verify a report whose key was made for it alone: one line, to be pasted."""
    public = kept.with_suffix(".pem.pub")
    if public.exists():
        report, key = map(shlex.quote, map(os.path.relpath, (kept, public)))
        page.line(("Verify: ", "bold"), clean(f"dbops evidence verify {report} --trust {key}"))


def _everything(report: Report) -> tuple[list[Check], list[Objective]]:
    """Return the checks and objectives of a report and of the reports inside it."""
    checks, objectives = list(report.checks), list(report.objectives)
    for part in report.reports:
        more_checks, more_objectives = _everything(part)
        checks += more_checks
        objectives += [objective for objective in more_objectives if objective not in objectives]
    return checks, objectives


def basis_line(report: Report) -> str:
    """Return what the verdict rests on, where there is anything, the exit code and the time taken."""
    ended = f"(exit {report.exit_code}, {duration(report.duration_ms)})"
    return " ".join(filter(None, ["; ".join(grounds(report)), ended]))


def grounds(report: Report) -> Iterator[str]:
    """Yield what the verdict rests on, the worst first."""
    checks, objectives = _everything(report)
    if report.problem is not None:
        yield "could not be carried out"
    elif unable := dict.fromkeys(clean(part.command) for part in report.reports if part.problem is not None):
        yield f"{', '.join(unable)} could not be carried out"
    yield from _of_findings(checks)
    if report.restorability is not None:
        yield f"restorability {report.restorability}"
    yield from _of_objectives(objectives)
    if not report.reports:
        yield from (f"{clean(step.name)} failed" for step in report.steps if step.status is Verdict.FAIL)
    if report.verdict is Verdict.PASS and report.steps and not (checks or objectives):
        yield f"all {counted(len(report.steps), 'step')} passed"
    if report.command == _SELF_TEST and len(checks) == 1 and checks[0].title:
        yield clean(checks[0].title)  # its title is its result; a rule's title is what goes wrong
    else:
        yield from _of_checks(checks)


def _of_findings(checks: list[Check]) -> Iterator[str]:
    severities = Counter(f.severity for check in checks for f in check.findings if f.stands)
    for severity in sorted(severities, key=lambda severity: -severity.rank):
        yield counted(severities[severity], severity.value, "info" if severity is Severity.INFO else None)


def _of_objectives(objectives: list[Objective]) -> Iterator[str]:
    """Yield what was missed, and what was met; of several scenarios, those that came to the same together."""
    met: dict[str, list[str]] = {}
    for objective in objectives:
        if objective.status is ObjectiveStatus.MISSED:
            yield f"{objective.id.upper()} missed ({clean(objective.scenario)})"
        elif objective.status is ObjectiveStatus.MET and objective.value_ms is not None:
            text = f"{objective.id.upper()} {duration(objective.value_ms)} of {duration(objective.limit_ms)}"
            met.setdefault(text, []).append(clean(objective.scenario))
    several = Counter(text.partition(" ")[0] for text, scenarios in met.items() for _ in scenarios)
    for text, scenarios in met.items():
        named = f" ({', '.join(scenarios)})" if several[text.partition(" ")[0]] > 1 else ""
        yield text + named


def _of_checks(checks: list[Check]) -> Iterator[str]:
    statuses = Counter(check.status for check in checks)
    if statuses[CheckStatus.ERROR]:
        yield f"{statuses[CheckStatus.ERROR]} could not be checked"
    if statuses[CheckStatus.PASS]:
        yield counted(statuses[CheckStatus.PASS], "check passes", "checks pass")
    if statuses[CheckStatus.SKIP]:
        yield f"{statuses[CheckStatus.SKIP]} not checked"


_AFTER_PASS = {
    "audit": "dbops backup{again}, then dbops drill{again}",
    "backup": "dbops drill --depth restore{again}",
    "backup verify": "dbops drill --depth restore{again}",
    "backup hold": "dbops backup list{again}",
    "backup prune": "dbops backup list{again}",
    "suite": "run it every night: dbops suite{again} --json, and keep the evidence file with the change ticket",
    "demo": "dbops suite --database-url=URL, on a database of your own",
    _SELF_TEST: "dbops audit --database-url=URL, on a database of your own",
    "doctor": "dbops audit{again}",
}


def next_command(report: Report, again: str = "", same: str = "") -> str:
    """Return the one thing to type next: `again` names the same database, `same` makes this command do the same."""
    repeated = f"dbops {report.command}{same}{again}"
    if report.verdict is Verdict.FAIL:
        return f"{_mend(report)}, then {repeated}"
    if report.verdict is Verdict.INCONCLUSIVE:
        return f"settle what is named above, then {repeated}"
    if report.command == "doctor" and report.target is None:
        return "dbops doctor --database-url=URL, to look at the database's side too"
    if report.command == "drill":
        restored = report.restorability is Verdict.PASS
        return f"dbops suite{again}" if restored else f"dbops backup{again}, then dbops drill --depth restore{again}"
    if report.command == "doctor":
        again = _without(again, "--backup-dir=")  # which an audit does not know
    after = _AFTER_PASS.get(report.command)
    return after.format(again=again) if after else repeated


def _without(again: str, option: str) -> str:
    words = (shlex.quote(word) for word in shlex.split(again) if not word.startswith(option))
    return "".join(f" {word}" for word in words)


def _mend(report: Report) -> str:
    """Return what to mend first: data that do not come back, then what fails the run, then too slow or too old."""
    checks, objectives = _everything(report)
    if report.restorability is Verdict.FAIL:
        return "find out why the restore failed, before the backup is needed"
    if any(f.fix for check in checks for f in check.findings if f.stands and f.severity.rank >= report.fail_on.rank):
        return "run the SQL under fix"
    if any(objective.status is ObjectiveStatus.MISSED for objective in objectives):
        return "make the change that meets the objective"
    return "mend what is named above"
