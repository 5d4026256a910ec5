"""A report as Markdown, for change tickets, pull requests and step summaries.

Object names are hostile: SQL stands in fences longer than any run of backticks in it, names in code spans, and in prose
every word that could mean something to Markdown, HTML or a forge (a mention, an issue number, a link) becomes a code
span; a command between backticks is one. Nothing is left out unless `most` says so; then what is left out is counted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from dbops.model import CheckStatus, Verdict, rfc3339
from dbops.quantities import counted, duration, size
from dbops.render.facts import accepted, broken_steps, checkpoint_line, standing, verdict_line, why_undecided
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbops.model import Artifact, Finding, Objective, Report, TargetInfo

_BACKTICKS = re.compile(r"`+")
# A word that is only this reads the same with and without Markdown.
_HARMLESS = re.compile(r"[A-Za-z0-9\u00c0-\u024f.,;:()'\"%/+=?!-]*\Z")
_FORGE = re.compile(r"://|www\.|:[a-z0-9+-]+:|\bGH-\d|[0-9a-f]{7}", re.IGNORECASE)
_WRAPPED = re.compile(r"(?P<before>[(\"']*)(?P<word>.*?)(?P<after>[)\"'.,;:?!]*)\Z", re.DOTALL)
# A word, or a command that our own sentences quote; of any other backticks each is shown.
_TOKEN = re.compile(r"(?<!\S)(\(?)`((?:dbops|psql|getent) [^`\n]*[^`\s])`([).,;:]*)(?!\S)|\S+")
# What would start a list, a heading or a rule at the beginning of a paragraph.
_OPENING = re.compile(r"(?:[-+=]+|\d+[.)])\Z")


def markdown_text(report: Report, *, most: int | None = None) -> str:
    """Return the report as Markdown; at most `most` findings of each report inside in full, all where None."""
    lines = [*_lines(report, "#", most), *_not_tested(report), *_evidence(report.artifacts), *_checkpoint(report)]
    return "\n".join(lines).rstrip("\n") + "\n"


def span(text: str) -> str:
    """Return text as a code span that shows exactly that text, controls written as escapes."""
    shown = clean(text)
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") or (shown.strip() and shown != shown.strip()) else ""
    return f"{fence}{pad}{shown}{pad}{fence}" if shown else ""


def prose(text: str) -> str:
    """Return a sentence in which no word means anything to Markdown: those that could are code spans."""
    tokens = _TOKEN.finditer(clean(text, keep="\n"))
    return " ".join(_token(token, first=position == 0) for position, token in enumerate(tokens))


def _token(token: re.Match[str], *, first: bool) -> str:
    before, code, after = token.groups()
    if code:
        return f"{before}{span(code)}{after}"
    return _opening(token[0]) if first else _word(token[0])


def block(statement: str) -> str:
    """Return SQL in a fence that nothing in it can close."""
    shown = clean(statement.strip("\n"), keep="\n\t")
    fence = "`" * max(3, _longest_run(shown) + 1)
    return f"{fence}sql\n{shown}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def _opening(word: str) -> str:
    return span(word) if _OPENING.match(word) else _word(word)


def _word(word: str) -> str:
    if _HARMLESS.match(word) and not _FORGE.search(word):
        return word
    found = _WRAPPED.match(word)
    if found is None or not found["word"] or not _balanced(found["word"]):
        return span(word)
    return f"{found['before']}{span(found['word'])}{found['after']}"


def _balanced(word: str) -> bool:
    """Tell whether quotes and brackets within a word are its own, so that none is left outside its code span."""
    return word.count('"') % 2 == 0 and word.count("'") % 2 == 0 and word.count("(") == word.count(")")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table; a pipe ends a cell even within a code span, so it is escaped in both."""
    listed = list(rows)
    if listed:
        yield "| " + " | ".join(header) + " |"
        yield "|" + " --- |" * len(header)
        for row in listed:
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        yield ""


def _lines(report: Report, level: str, most: int | None, said: Sequence[Objective] = ()) -> Iterator[str]:
    """Yield a report and those inside it; `said` are the objectives that stand above already."""
    yield f"{level} dbops {prose(report.command)}: {report.verdict.upper()}"
    yield ""
    yield prose(verdict_line(report).partition("  ")[2])
    yield ""
    yield from _about(report)
    if report.problem is not None:
        yield f"**Could not be carried out:** {prose(report.problem.message)}"
        yield ""
        yield prose(report.problem.hint or "")
        yield ""
    yield from table(("Step that did not pass", "Status"), ((span(s.name), s.status) for s in broken_steps(report)))
    yield from _objectives([one for one in report.objectives if one not in said], level)
    yield from _findings(report, level, most)
    yield from _undecided(report, level)
    for part in report.reports:
        yield from _lines(part, f"{level}#"[:4], most, report.objectives)


def _about(report: Report) -> Iterator[str]:
    rows = [("Run", span(report.run_id)), ("Host", span(report.host)), ("Finished", span(rfc3339(report.finished_at)))]
    if report.target is not None:
        rows.insert(0, ("Database", _target(report.target)))
    if report.restorability is not None:
        rows.append(("Restorability", report.restorability.value))
    if report.changes is not None:
        changes = report.changes
        rows.append(
            (
                f"Since {span(changes.since)}",
                f"{len(changes.new)} new, {len(changes.resolved)} resolved, {changes.unchanged} still there",
            )
        )
    rows.append(("Seal", "signed" if (report.seal or {}).get("status") == "signed" else "unsigned"))
    yield from table(("", ""), rows)


def _target(target: TargetInfo) -> str:
    version = f", PostgreSQL {prose(target.server_version)}" if target.server_version else ""
    return span(target.address) + version


def _objectives(objectives: Sequence[Objective], level: str) -> Iterator[str]:
    if not objectives:
        return
    yield f"{level}# Objectives"
    yield ""
    header = ("Objective", "Status", "Value", "Limit", "Scenario", "Method")
    yield from table(
        header,
        (
            (
                objective.id.upper(),
                f"**{objective.status}**",
                "" if objective.value_ms is None else duration(objective.value_ms),
                duration(objective.limit_ms),
                prose(objective.scenario),
                prose(objective.method),
            )
            for objective in objectives
        ),
    )


def _findings(report: Report, level: str, most: int | None) -> Iterator[str]:
    found = standing(report)
    others = [finding for check in report.checks for finding in check.findings if not finding.stands]
    if found:
        yield f"{level}# Findings"
        yield ""
    titles = {check.check: check.title for check in report.checks}
    for rule, group in groupby(found[:most], key=lambda finding: finding.rule):
        title = f": {prose(titles[rule])}" if titles.get(rule) else ""
        yield f"{level}## {span(rule)}{title}"
        yield ""
        for finding in group:
            yield from _finding(finding)
    if most is not None and len(found) > most:
        yield f"and {counted(len(found) - most, 'more finding')}, in the report."
        yield ""
    if others:
        yield f"{level}# Accepted"
        yield ""
        header = ("Rule", "Object", "Accepted")
        rows = ((span(f.rule), span(f.object), prose(accepted(f))) for f in others)
        yield from table(header, rows)


def _finding(finding: Finding) -> Iterator[str]:
    place = f", {span(f'{finding.location.file}:{finding.location.line}')}" if finding.location else ""
    yield f"**{span(finding.object)}** {finding.severity}{place}"
    yield ""
    yield prose(finding.detail)
    yield ""
    yield prose(finding.why)
    yield ""
    locks = f" ({prose(finding.locks)})" if finding.locks else ""
    for label, statement in (("Look", finding.verify), (f"Fix{locks}", finding.fix), ("Undo", finding.undo)):
        if statement:
            yield f"{label}:"
            yield ""
            yield block(statement)
            yield ""


def _undecided(report: Report, level: str) -> Iterator[str]:
    for status, title in ((CheckStatus.ERROR, "Could not be checked"), (CheckStatus.SKIP, "Not checked")):
        alike: defaultdict[str, list[str]] = defaultdict(list)
        for check in report.checks:
            if check.status is status:
                alike[why_undecided(check)].append(span(check.check))
        if alike:
            yield f"{level}# {title}"
            yield ""
            yield from table(
                ("Check", "Why, and what to do"), ((", ".join(all_), prose(why)) for why, all_ in alike.items())
            )
    failed = [c for c in report.checks if c.status is CheckStatus.FAIL and not c.findings]
    if failed:
        yield f"{level}# Failed"
        yield ""
        yield from table(("Check", "Why"), ((span(check.check), prose(why_undecided(check))) for check in failed))
    passed = sum(check.status is CheckStatus.PASS for check in report.checks)
    if passed and report.verdict is not Verdict.PASS:
        yield f"{counted(passed, 'check passes', 'checks pass')}."
        yield ""


def _not_tested(report: Report) -> Iterator[str]:
    """Yield what was not tested; a suite's report says that for all reports inside it."""
    if report.not_tested:
        yield "## Not tested"
        yield ""
        yield from (f"- {prose(text)}" for text in report.not_tested)
        yield ""


def _evidence(artifacts: Sequence[Artifact]) -> Iterator[str]:
    if artifacts:
        yield "## Evidence"
        yield ""
        rows = ((span(a.path), span(a.sha256), size(a.bytes)) for a in artifacts)
        yield from table(("File", "SHA-256", "Size"), rows)


def _checkpoint(report: Report) -> Iterator[str]:
    """Yield the head of the log at this moment: wherever the page is kept, it shows later that nothing was dropped."""
    line = checkpoint_line(report)
    if line is not None:
        yield "Checkpoint of the evidence log; a copy of this line shows later that nothing before it was dropped:"
        yield ""
        yield from ("```json", line, "```")
        yield ""
