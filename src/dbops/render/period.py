"""A period's evidence for people: a few lines, a page of Markdown for the audit file, a page of HTML with charts.

All three say the same: whether the evidence holds, what ran, what did not and when that was mended, what was waived,
what the objectives came to, and what that speaks for, control by control, with its limits. What does not count is
listed with the reason. No page leaves anything out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.evidence.answers import Answer
from dbops.evidence.controls import control_map
from dbops.model import ObjectiveStatus, Verdict
from dbops.quantities import counted, duration
from dbops.render.charts import charts_of
from dbops.render.markdown import prose, span, table
from dbops.render.pages import Tile, page

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from dbops.evidence.answers import Verification
    from dbops.evidence.period import Counted, Failure, Period, Reached
    from dbops.render.charts import Chart

_VERDICTS = ("pass", "fail", "inconclusive", "aborted")
_OBJECTIVES = ("Objective", "Limit", "Met", "Missed", "Not measured", "Best", "Median", "Worst")
_WAIVED = ("Database", "Rule", "Object", "Reason", "Owner", "Expires", "Audits")
_KINDS = {Answer.YES: "good", Answer.NO: "bad", Answer.NOT_CHECKED: "unsure"}


def headline(verification: Verification, period: Period) -> str:
    """Return in one sentence what a reader should know first."""
    if verification.exit_code == 4:
        return "The evidence does not hold; what is said below counts only what verifies."
    if period.gaps or period.missed:
        return "The evidence holds, and it says no: there is a gap or a missed objective in this period."
    if left := _unmended(period):
        return f"The evidence holds; {counted(left, 'run')} did not pass, and none like it has passed since."
    return "The evidence holds."


def summary_lines(verification: Verification, period: Period, *, written: bool = False) -> Iterator[str]:
    """Yield the answers, then what the period came to, for a terminal; `written` where the pages are written too."""
    yield from (answered.line for answered in verification.answers)
    yield ""
    yield f"{_span(period)}: {_population(period)}"
    yield from (f"  {one.command} of {one.database}: {_verdicts(one)}" for one in period.population)
    yield f"{counted(len(period.failures), 'run')} did not pass, {_unmended(period)} not mended since"
    yield f"{counted(len(period.waivers), 'finding')} waived"
    yield from (f"challenge {text}" for text in _challenges(period))
    for one in period.objectives:
        yield f"{one.id.upper()} of {one.database} ({one.scenario}): {_reached(one)}"
    if period.not_counted:
        yield f"{counted(len(period.not_counted), 'record')} not counted, the first: {period.not_counted[0].why}"
    if not written:
        yield "Next: --output report.html or --output report.md writes the whole of it, with the control map"


def html_page(verification: Verification, period: Period) -> str:
    """Return the page of a period."""
    return page(
        "period.html.j2",
        span=_span(period),
        headline=headline(verification, period),
        kind={0: "unsure" if _unmended(period) else "good", 1: "unsure"}.get(verification.exit_code, "bad"),
        word={0: "holds", 1: "says no"}.get(verification.exit_code, "does not hold"),
        subject=verification.subject,
        answers=tuple((one, _KINDS[one.answer]) for one in verification.answers),
        tiles=tuple(_tiles(period)),
        verdicts=_VERDICTS,
        period=period,
        objectives=tuple((one, _cells(one)) for one in period.objectives),
        charts=tuple(_charts(period)),
        challenges=tuple(_challenges(period)),
        controls=control_map(period),
    )


def markdown_page(verification: Verification, period: Period) -> str:
    """Return the same as Markdown."""
    return "\n".join(_markdown(verification, period)).rstrip("\n") + "\n"


def _markdown(verification: Verification, period: Period) -> Iterator[str]:
    yield from (f"# Recovery readiness, {_span(period)}", "", headline(verification, period), "")
    yield from _section("Does the evidence hold?", ("Property", "Answer", "Because"), _answer_rows(verification))
    yield from _section(f"What ran: {_population(period)}", ("Database", "Command", *_VERDICTS), _count_rows(period))
    yield from _listed("Started, with no end on record", period.unfinished)
    yield from _listed("Run for a challenge", tuple(_challenges(period)))
    yield from _listed("Gaps", period.gaps, "" if period.largest_gap else "not looked for: no --max-gap was given")
    rows = [(span(one.at), span(one.what), prose(one.why)) for one in period.not_counted]
    yield from _section("Not counted", ("When", "What", "Why"), rows)
    yield from _section("Did not pass", ("When", "Run", "Verdict", "Why", "Passed again"), _failure_rows(period))
    named = [((f"{o.id.upper()} of {span(o.database)}, {prose(o.scenario)}"), *_cells(o)) for o in period.objectives]
    yield from _section("Objectives", _OBJECTIVES, named)
    yield from _section(
        "Waived", ("Database", "Rule", "Object", "Reason", "Owner", "Expires", "Audits"), _waived(period)
    )
    yield from _listed("Not tested", period.not_tested)
    yield from _section("Controls", ("Control", "Asks that", "What speaks for it", "Limits"), _control_rows(period))
    yield "What speaks for a control is no statement that it is fulfilled; the standards' own words are what counts."


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from (f"## {title}", "")
    if rows:
        yield from table(header, rows)
    else:
        yield from ("None.", "")


def _listed(title: str, texts: Sequence[str], otherwise: str = "") -> Iterator[str]:
    yield from (f"## {title}", "")
    yield from (f"- {prose(text)}" for text in texts)
    if not texts:
        yield prose(otherwise) or "None."
    yield ""


def _answer_rows(verification: Verification) -> list[tuple[str, ...]]:
    return [(one.name.value, f"**{one.answer}**", prose("; ".join(one.reasons))) for one in verification.answers]


def _count_rows(period: Period) -> list[tuple[str, ...]]:
    return [
        (span(one.database), span(one.command), *(str(one.verdicts.get(name, 0)) for name in _VERDICTS))
        for one in period.population
    ]


def _failure_rows(period: Period) -> list[tuple[str, ...]]:
    return [
        (
            moment(failure.run.at),
            span(f"{failure.run.command} {failure.run.run_id}") + f" of {span(failure.run.database)}",
            _verdict(failure),
            prose(failure.run.why),
            moment(failure.mended_at) if failure.mended_at else "**not since**",
        )
        for failure in period.failures
    ]


def _waived(period: Period) -> list[tuple[str, ...]]:
    return [
        (
            span(one.database),
            span(one.rule),
            span(one.object),
            prose(one.reason),
            prose(one.owner),
            one.expires.isoformat(),
            str(one.audits),
        )
        for one in period.waivers
    ]


def _control_rows(period: Period) -> list[tuple[str, ...]]:
    return [
        (
            f"{one.framework} **{one.control}**",
            one.asks,
            "<br>".join(prose(text) for text in one.speaks),
            "<br>".join(prose(text) for text in one.limits),
        )
        for one in control_map(period)
    ]


def _tiles(period: Period) -> Iterator[Tile]:
    yield Tile(
        "Runs that count", str(len(period.runs)), f"{counted(len(period.not_counted), 'record')} not counted", "plain"
    )
    whole = sum(run.report is not None and run.report.restorability is Verdict.PASS for run in period.restored)
    drills = len(period.restored)
    yield Tile("Restore drills", str(drills), f"{whole} came back whole", _kind(drills, drills - whole))
    open_failures = _unmended(period)
    words = f"{open_failures} not mended since"
    yield Tile("Did not pass", str(len(period.failures)), words, "bad" if open_failures else "good")
    if period.largest_gap is None:
        yield Tile("Gaps", "not looked for", "no --max-gap was given", "unsure")
    else:
        yield Tile("Gaps", str(len(period.gaps)), "longer than allowed", "bad" if period.gaps else "good")
    for one in period.objectives:
        if one.median_ms is not None:
            words = f"worst {duration(one.worst_ms or 0)}, {duration(one.limit_ms)} allowed"
            yield Tile(f"{one.id.upper()}, median", duration(one.median_ms), words, _kind(one.met, one.missed))
    yield Tile("Waived", str(len(period.waivers)), "findings accepted for a while", "plain")


def _kind(good: int, bad: int) -> str:
    return "bad" if bad else "good" if good else "unsure"


def _charts(period: Period) -> Iterator[tuple[str, tuple[Chart, ...]]]:
    for database, trend in period.trends.items():
        drawn = charts_of(trend)
        if drawn:
            yield database, drawn


def _cells(one: Reached) -> tuple[str, ...]:
    figures = (one.best_ms, one.median_ms, one.worst_ms)
    written = ("-" if value is None else duration(value) for value in figures)
    return (duration(one.limit_ms), str(one.met), str(one.missed), str(one.not_measured), *written)


def _reached(one: Reached) -> str:
    if one.median_ms is None:
        return f"never measured, {duration(one.limit_ms)} allowed"
    worst = duration(one.worst_ms or 0)
    last = ", missed at last" if one.newest is ObjectiveStatus.MISSED else ""
    return f"met {one.met}, missed {counted(one.missed, 'time')}, worst {worst} of {duration(one.limit_ms)}{last}"


def _population(period: Period) -> str:
    return f"{counted(len(period.runs), 'run')} that {'counts' if len(period.runs) == 1 else 'count'}"


def _verdicts(one: Counted) -> str:
    return ", ".join(f"{one.verdicts[name]} {name}" for name in _VERDICTS if one.verdicts.get(name))


def _challenges(period: Period) -> Iterator[str]:
    """Yield each word that an auditor had named, and what the runs under it came to."""
    for word, runs in period.challenged.items():
        ended = ", ".join(f"{run.command} {run.verdict.value if run.verdict else 'aborted'}" for run in runs)
        yield f"{word}: {ended} ({moment(runs[-1].at)})"


def _unmended(period: Period) -> int:
    return sum(failure.mended_at is None for failure in period.failures)


def _verdict(failure: Failure) -> str:
    return failure.run.verdict.value if failure.run.verdict else "aborted"


def moment(at: dt.datetime) -> str:
    """Return a moment to the minute."""
    return f"{at:%Y-%m-%d %H:%M}Z"


def _span(period: Period) -> str:
    begin = f"{period.begin:%Y-%m-%d}" if period.begin else "the first record"
    return f"{begin} to {moment(period.end)}"
